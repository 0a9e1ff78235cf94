"""The four-task benchmark: a grid of cells, a result line for each, and a report."""
