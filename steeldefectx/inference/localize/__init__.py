"""Where in an image something is that is not the surface's own, on frames of any size."""
