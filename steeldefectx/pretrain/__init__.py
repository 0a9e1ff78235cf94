"""Making the embedded CLIP: contrastive pretraining on an endless stream of rendered defects."""
