"""Pushing to the Hugging Face Hub: data set folders and trained checkpoints become repositories."""
