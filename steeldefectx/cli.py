"""The ``steeldefectx`` command: parse and call."""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Annotated, TextIO

import typer
from PIL import Image
from tqdm.auto import tqdm

from steeldefectx.errors import DataError, SteelDefectXError

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

IMAGE_ENDINGS = {".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}


@app.callback()
def main() -> None:
    """Steel-surface-defect images with texts: look through the data, use what train.py has trained."""


@app.command()
def audit(
    data_dir: Annotated[Path, typer.Argument(help="Folder with the images.")],
    out: Annotated[Path, typer.Option(help="Folder for audit.html and audit.json.")],
    config: Annotated[str, typer.Option(help="default or class-folders.")] = "default",
    split: Annotated[str, typer.Option(help="rule, or grouped: near-duplicates on one side.")] = "rule",
) -> None:
    """Look for near-duplicates, blank images, and masks and texts that do not fit: a table and a page."""
    from steeldefectx.data import audit as audits  # imports datasets; --help does without
    from steeldefectx.data.audit_page import print_tables, write_page

    try:
        found = audits.audit(data_dir.expanduser().absolute(), config, split)
        out.mkdir(parents=True, exist_ok=True)
        found.write_json(out / "audit.json")
        write_page(found, out / "audit.html")
    except (SteelDefectXError, OSError) as error:
        typer.echo(f"steeldefectx: {error}", err=True)
        raise typer.Exit(2) from error
    print_tables(found)
    typer.echo(f"Wrote {out / 'audit.html'} and {out / 'audit.json'}.")


@app.command()
def predict(
    images: Annotated[Path, typer.Argument(help="An image, or a folder that is searched at any depth.")],
    checkpoint: Annotated[str, typer.Option(help="Output folder of train.py, or Hub id.")],
    output: Annotated[Path | None, typer.Option(help="CSV file to write; standard output by default.")] = None,
    top_k: Annotated[int, typer.Option(min=1, help="Classes named for each image.")] = 3,
) -> None:
    """Predict the class of each image: a CSV with file, rank, class and probability.

    Files that are no readable images are listed on standard error, the rest is done, and the exit code is 1.
    """
    try:
        unreadable = _predict(images, checkpoint, output, top_k)
    except (SteelDefectXError, OSError) as error:
        typer.echo(f"steeldefectx: {error}", err=True)
        raise typer.Exit(2) from error
    if unreadable:
        raise typer.Exit(1)


@app.command()
def stretch_clip(
    model: Annotated[str, typer.Argument(help="CLIP: Hub id or folder.")],
    out: Annotated[Path, typer.Option(help="New folder, for train.py --model.")],
) -> None:
    """Give a CLIP room for texts of 248 tokens in place of 77, as Long-CLIP does before its training."""
    from steeldefectx.models import long_clip  # imports torch; --help does without

    with _errors_told():
        long_clip.stretch_clip(model, out)
    typer.echo(f"Wrote {out}.")


@app.command()
def convert_long_clip(
    checkpoint: Annotated[Path, typer.Argument(help="Published Long-CLIP state dict (.pt).")],
    out: Annotated[Path, typer.Option(help="New folder, for train.py --model.")],
    processor: Annotated[str | None, typer.Option(help="CLIP whose preprocessing it has; by size if left out.")] = None,
) -> None:
    """Convert a published Long-CLIP checkpoint to a model folder."""
    from steeldefectx.models import long_clip  # imports torch; --help does without

    with _errors_told():
        long_clip.convert_long_clip(checkpoint, out, processor)
    typer.echo(f"Wrote {out}.")


@contextmanager
def _errors_told() -> Iterator[None]:
    """What the user can mend goes to standard error without a traceback; exit code 2."""
    try:
        yield
    except (SteelDefectXError, OSError) as error:
        typer.echo(f"steeldefectx: {error}", err=True)
        raise typer.Exit(2) from error


def _predict(images: Path, checkpoint: str, output: Path | None, top_k: int) -> bool:
    """Write the table; whether some files were unreadable."""
    from steeldefectx.classifier import SteelDefectClassifier  # imports torch; --help does without

    files = _image_files(images)
    classifier = SteelDefectClassifier.from_pretrained(checkpoint)
    readable: list[Path] = []
    with _whole_file(output) if output else nullcontext(sys.stdout) as file:
        table = csv.writer(file)
        table.writerow(["file", "rank", "class", "probability"])
        for number, found in enumerate(classifier.predict(_readable(files, readable), top_k)):
            for rank, (label, p) in enumerate(zip(found.labels, found.probabilities, strict=True), 1):
                table.writerow([readable[number], rank, label, f"{p:.4f}"])
    return len(readable) < len(files)


@contextmanager
def _whole_file(path: Path) -> Iterator[TextIO]:
    """A text file to write that appears under its name when it is complete."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(temporary, "w", newline="", encoding="utf-8") as file:
            yield file
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _image_files(images: Path) -> list[Path]:
    if not images.exists():
        raise DataError(f"{images}: no such file or folder.")
    candidates = sorted(images.rglob("*")) if images.is_dir() else [images]
    files = [file for file in candidates if file.suffix.lower() in IMAGE_ENDINGS and file.is_file()]
    if not files:
        raise DataError(f"{images}: no images ({', '.join(sorted(IMAGE_ENDINGS))}).")
    return files


def _readable(files: list[Path], readable: list[Path]) -> Iterator[Image.Image]:
    """The images that can be read, noting their files in ``readable``; the others are said on standard error."""
    for file in tqdm(files, "predict", unit="image", delay=2):
        try:
            with Image.open(file) as image:
                image.load()
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            typer.echo(f"unreadable: {file}: {error}", err=True)
        else:
            readable.append(file)
            yield image
