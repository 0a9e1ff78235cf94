"""The data set: readers of the sources, splits, rows; what is looked for in them and how they are shared."""
