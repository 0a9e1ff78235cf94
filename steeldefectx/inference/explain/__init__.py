"""What a model looks at, and how well that agrees with the masks."""
