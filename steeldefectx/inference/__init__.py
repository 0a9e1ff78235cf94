"""A checkpoint in use: classify, evaluate, search, explain, export, show."""
