"""Which image an annotation file is of."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TypeVar

from steeldefectx.data.sources.listing import Problem
from steeldefectx.data.sources.tree import Tree

Read = TypeVar("Read")
OPENED = 10
"""Annotation files that are opened to recognize a layout."""


class Images:
    """The images of a tree, by their names.

    Args:
        tree: The tree.
    """

    def __init__(self, tree: Tree):
        self._tree = tree
        self._by_name: dict[str, list[Path]] = defaultdict(list)
        self._by_stem: dict[str, list[Path]] = defaultdict(list)
        for file in tree.images():
            self._by_name[file.name].append(file)
            self._by_stem[file.stem].append(file)

    def have_stem(self, stem: str) -> bool:
        """Whether any is called so, whatever its ending."""
        return stem in self._by_stem

    def of(self, annotation: Path, named: str | None = None) -> list[Path]:
        """The images that an annotation file may be of, best one: by the path that it gives, by its name, by its own.

        Args:
            annotation: The file.
            named: The image's path as the file gives it, of whatever system; None where it gives none.
        """
        found: list[Path] = []
        if named:
            given = PurePosixPath(named.replace("\\", "/"))
            found = self._by_name.get(given.name, [])
            if len(found) > 1:
                found = _best(found, lambda file: _same_end(file.parts, given.parts))
        found = found or self._by_stem.get(annotation.stem, [])
        if len(found) > 1:
            around = Counter(self._tree.relative(annotation).parts[:-1])
            found = _best(found, lambda file: (Counter(self._tree.relative(file).parts[:-1]) & around).total())
        if len(found) > 1:
            found = [file for file in found if file.parent == annotation.parent] or found
        return found


def _best(files: Sequence[Path], score: Callable[[Path], int]) -> list[Path]:
    highest = max(map(score, files))
    return [file for file in files if score(file) == highest]


def _same_end(first: Sequence[str], second: Sequence[str]) -> int:
    """How many parts of two paths are the same, from their ends."""
    count = 0
    for one, other in zip(reversed(first), reversed(second), strict=False):
        if one != other:
            break
        count += 1
    return count


def paired(
    tree: Tree, files: Iterable[Path], read: Callable[[Path], tuple[Read, str | None] | None]
) -> Iterator[tuple[Path, Path, Read]]:
    """Annotation files with the one image each is of, and what they say.

    Adds to the tree's problems what cannot be read, and files of no image, of several, and of one that has another.

    Args:
        tree: The tree.
        files: Annotation files.
        read: Gives what a file says and the path of its image, if stated; None where it is no annotation; raises
            ValueError or OSError where it cannot be read.
    """
    images = Images(tree)
    of_image: dict[Path, list[tuple[Path, Read]]] = defaultdict(list)
    for file in files:
        try:
            content = read(file)
        except (OSError, ValueError) as error:
            tree.problems.append(Problem(file, f"not a readable annotation ({error})"))
            continue
        if content is None:
            continue
        said, named = content
        found = images.of(file, named)
        if not found:
            tree.problems.append(Problem(file, f"its image {_name(named or file.stem)} is not here"))
        elif len(found) > 1:
            tree.problems.append(Problem(file, f"the annotation of any of {len(found)} images, by its name"))
        else:
            of_image[found[0]].append((file, said))
    for image, (first, *others) in of_image.items():
        for file, _ in others:
            reason = f"{image.name} is annotated twice, here and in {tree.relative(first[0])}"
            tree.problems.append(Problem(file, reason))
        if not others:
            yield first[0], image, first[1]


def _name(path: str) -> str:
    return PureWindowsPath(path).name or path


def some_of(files: Sequence[Path]) -> list[Path]:
    """A handful of files, spread over all."""
    return list(files[:: max(1, len(files) // OPENED)][:OPENED])
