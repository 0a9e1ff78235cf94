"""The dataset: readers of the sources, the synthetic sample, splits and the builder."""
