"""What a reader lists of a folder: samples, and what it could not use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from steeldefectx.data.sources.shapes import Shapes
from steeldefectx.utils.printable import printable

if TYPE_CHECKING:  # imports SciPy, which no reader of folders needs
    from steeldefectx.language.attributes import Attributes

Box = tuple[int, int, int, int]
"""Left, top, right and bottom in pixels; right and bottom lie outside."""
PART = "::"
"""In a sample's id, what stands between its photograph and its part of that, or its copy: ``frames/12::scratch 1``."""


@dataclass(frozen=True)
class Sample:
    """One image of a source, with its class."""

    path: Path
    class_name: str
    """Unified class, or the folder's name for class folders."""
    source: str
    image_id: str
    """Unique, and the same wherever the data lie: ``NEU/crazing_1``. What stands before a :data:`PART` in it is the
    photograph: samples that share it are parts or copies of one, and no split and no hold-out parts them."""
    original_name: str
    """File name as distributed."""
    mask: Path | Shapes | None = None
    """A file of its own, or what an annotation draws; of the whole image, also where the sample is a part of it."""
    split: str | None = None
    """``train`` or ``test`` where the source says; None: by the split rule."""
    box: Box | None = None
    """The part of the image that is the sample; None: all of it."""
    page: int = 0
    """Page of a file of several that is the sample, counted from 0."""
    texts: Mapping[str, str] | None = None
    """Texts that the source comes with: ``T1``, ``T3``, ``template``."""
    attributes: Attributes | None = None
    """Attributes that the source comes with."""


@dataclass(frozen=True)
class Problem:
    """Something that cannot be used, and why."""

    path: Path
    reason: str

    def __str__(self) -> str:
        return f"{printable(self.path)}: {self.reason}"


@dataclass
class Listing:
    """The samples of a folder, and what else there is to say of it."""

    samples: list[Sample]
    """Sorted by id."""
    problems: list[Problem] = field(default_factory=list)
    """What is not among the samples for a reason that a person should know."""
    notes: list[str] = field(default_factory=list)
    """Remarks that need no action."""
