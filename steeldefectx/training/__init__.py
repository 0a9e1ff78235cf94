"""What makes a checkpoint: data and a model in, checkpoint and results out."""
