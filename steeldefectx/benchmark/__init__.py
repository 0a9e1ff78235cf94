"""The benchmark: its numbers, what they are worth, and the report."""
