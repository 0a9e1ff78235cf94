"""Training and evaluation: rows and a model in, checkpoint and results out."""
