"""Texts and attributes of samples."""
