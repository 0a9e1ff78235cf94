"""Descriptions of images, kept: the annotation store, and JSON lines to exchange them."""
