"""The steps of ``steeldefectx explain``: find images, explain them, write, report."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console
from tqdm.auto import tqdm

from steeldefectx.data.images import open_image
from steeldefectx.data.sources import find_images
from steeldefectx.errors import ConfigError, DataError
from steeldefectx.inference.explain.examples import Example, dataset_examples, dataset_rows
from steeldefectx.inference.explain.explanations import explain_images, mean_scores_by_map
from steeldefectx.inference.explain.page import OVERLAYS, Entry, score_table, summary, write_overlays, write_page
from steeldefectx.taxonomy import TEXT_LEVELS

SAMPLE = "sample"


def explain_to_folder(
    images: str,
    checkpoint: str,
    levels: Sequence[str],
    text: str | None,
    config: str | None,
    split: str,
    limit: int,
    out: Path,
) -> bool:
    """Explain images, write the page and the overlays, print mean scores where there are masks.

    Args:
        images: An image, a folder of images, ``sample``, or with ``config`` the folder of a data set.
        checkpoint: Output folder of a run, or Hub id.
        levels: Text levels.
        text: A text for every image.
        config: Config of the data set that ``images`` is.
        split: Its split.
        limit: Images at most.
        out: Folder to write.

    Returns:
        Whether some image could not be read: these are said on standard error.

    Raises:
        DataError: No image, or a text level that none of them has.
        ConfigError: An unknown text level, config, or texts for an image classifier.
        ModelError: No checkpoint that can be loaded or explained.
    """
    unknown = [level for level in levels if level not in TEXT_LEVELS]
    if unknown:
        raise ConfigError(f"--texts: no text level {', '.join(unknown)}; there are {', '.join(TEXT_LEVELS)}.")
    unreadable: list[Path] = []
    if images == SAMPLE or config is not None:
        data_dir = None if images == SAMPLE else str(Path(images).expanduser().absolute())
        rows = dataset_rows(config or SAMPLE, data_dir, split, limit)
        examples, total = dataset_examples(rows), len(rows)
    else:
        files = find_images(Path(images).expanduser())[:limit]
        examples, total = _readable(files, unreadable), len(files)
    entries: list[Entry] = []
    missing: dict[str, list[str]] = {}
    steps = explain_images(examples, checkpoint, levels, text)
    for explanation in tqdm(steps, "explain", total, unit="image", delay=2):
        if explanation.missing:
            missing.setdefault(explanation.example.class_name or explanation.predicted, []).append(explanation.missing)
        if explanation.maps:
            entries.append(write_overlays(explanation, len(entries), out / OVERLAYS))
    if not entries and missing:
        raise DataError(next(iter(missing.values()))[0])
    if not entries:
        raise DataError(f"{images}: none of {total} images can be read.")
    notes = [f"{name}, {len(lacking):,} of the images: {lacking[0]}" for name, lacking in missing.items()]
    for note in notes:
        print(f"without a map: {note}", file=sys.stderr)
    page = write_page(entries, checkpoint, images, out, notes)
    if scores := mean_scores_by_map([entry.scores for entry in entries if entry.scores]):
        Console().print(score_table(scores, sum(bool(entry.scores) for entry in entries)))
    print(f"Wrote {page} and {out / OVERLAYS}: {summary(entries)}.")
    return bool(unreadable)


def _readable(files: Sequence[Path], unreadable: list[Path]) -> Iterator[Example]:
    """The files that are images; the others are noted and said on standard error."""
    for file in files:
        try:
            yield Example(str(file), open_image(file))
        except DataError as error:
            unreadable.append(file)
            print(f"unreadable: {error}", file=sys.stderr)
