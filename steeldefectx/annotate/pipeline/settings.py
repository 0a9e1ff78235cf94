"""The numbers of the annotation pipeline: those of SteelDefectX (arXiv 2603.21824), unless said otherwise."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """How descriptions are asked for and selected."""

    candidates: int = 4
    """Descriptions asked for of each image."""
    temperature: float = 0.9
    top_p: float = 0.9
    max_tokens: int = 80
    """Of a description."""
    supplement_max_tokens: int = 300
    """Of the answers about single dimensions, which are five and JSON; a number of ours."""
    keep: int = 3
    """Candidates that are kept at most."""
    similar_from: float = 0.9
    """Cosine similarity of two sentences from which they say the same: only one of them is kept."""
    coverage_weight: float = 0.6
    """Of the share of the five dimensions that a candidate states, in its score."""
    diversity_weight: float = 0.4
    """Of its difference from the other kept candidates, in its score."""
    enough_dimensions: int = 4
    """Dimensions of five that one candidate must state, or else the image is asked about each."""
    supplement_similarity: float = 0.5
    """Stands for the mean similarity to the others where there is none to measure: of the supplement, as the
    authors have it, and of a candidate that was kept alone, so that between these two coverage decides."""
    class_candidates: int = 8
    """Answers about a class and each kind of question; a number of ours, as the others of this kind."""
    class_max_tokens: int = 60
    class_keep: int = 2
    """Phrases of each kind that a class description is composed of at most."""
