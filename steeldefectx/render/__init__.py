"""Synthetic steel with defects: images with exact masks, and texts that are true of them."""
