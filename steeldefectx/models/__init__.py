"""Models: CLIP in any size, and the adapters that go on it. Knows nothing of datasets."""
