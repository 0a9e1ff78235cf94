"""Descriptions by a vision-language model: from an image to its selected T2 text."""
