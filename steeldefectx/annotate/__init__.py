"""Writing texts for images: the pipeline that asks a model, and the desk where people correct it."""
