"""Images and texts through a model: pixels kept ready, variations, features computed once, logits."""
