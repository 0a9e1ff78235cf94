"""Defect names of the trade, each with a description that draws it: YAML files, one a process, and their reader."""
