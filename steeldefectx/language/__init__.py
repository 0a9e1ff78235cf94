"""What a text says of a defect, and whether it is true: attributes, wording, coverage, claims."""
