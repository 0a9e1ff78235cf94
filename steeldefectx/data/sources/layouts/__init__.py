"""Layouts that people keep images of their own in: one file a family, listed in ``choose.py``."""
