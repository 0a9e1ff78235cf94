"""The ``steeldefectx`` command: parse and call."""

from __future__ import annotations

import csv
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Annotated, TextIO

import typer
from PIL import Image
from tqdm.auto import tqdm

from steeldefectx.errors import ConfigError, DataError, SteelDefectXError

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


@app.command("push-dataset")
def push_dataset(
    folder: Annotated[Path, typer.Argument(help="README.md with `configs` in its YAML header, and Parquet files.")],
    repo: Annotated[str, typer.Argument(help="OWNER/NAME on the Hub; made if it does not exist.")],
    public: Annotated[bool, typer.Option("--public", help="Let everyone see a new repository.")] = False,
) -> None:
    """Push a data set folder to the Hugging Face Hub; afterwards load_dataset("OWNER/NAME") reads it anywhere.

    Needs a token that may write: set HF_TOKEN, or run `hf auth login` once. All files go in one commit, so a push
    that breaks off changes nothing, and the next one does not send again what has arrived. A new repository is
    private unless --public is given: see to the licences of the images before you show them to others.
    """
    from steeldefectx import hub  # imports datasets; --help does without

    try:
        typer.echo(hub.push_dataset(folder, repo, public=public))
    except (SteelDefectXError, OSError) as error:
        typer.echo(f"steeldefectx: {error}", err=True)
        raise typer.Exit(2) from error


@app.command()
def build(
    data_dir: Annotated[
        Path | None,
        typer.Argument(help="Folder with the images; without one the public release, downloaded.", show_default=False),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder to write.")] = Path("out/steeldefectx"),
    config: Annotated[str, typer.Option(help="default, class-folders, msd-cls, cgfsds-9 or sample.")] = "default",
    split: Annotated[str, typer.Option(help="rule, or grouped: near-duplicates on one side.")] = "rule",
    gc10: Annotated[str, typer.Option(help="GC10-DET: crop around a class's boxes, or whole images.")] = "crop",
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave out what cannot be used, and list it.")] = False,
) -> None:
    """Write a data set as Parquet with a card, ready for the Hub.

    load_dataset("OUT") reads the folder, this package need not be installed; push-dataset uploads it. The folder
    appears whole or not at all, and is not written again where nothing has changed.
    """
    from steeldefectx.data.export import build as build_folder  # imports datasets; --help does without

    try:
        folder = None if data_dir is None else data_dir.expanduser().absolute()
        built = build_folder(out, folder, config, skip_bad=skip_bad, split_by=split, gc10=gc10)
    except (SteelDefectXError, OSError) as error:
        typer.echo(f"steeldefectx: {error}", err=True)
        raise typer.Exit(2) from error
    rows = ", ".join(f"{count:,} {name}" for name, count in built.rows.items())
    typer.echo(f"{sum(built.rows.values()):,} images ({rows}), {built.classes} classes, {built.masks:,} masks")
    if built.skipped_file is not None:
        typer.echo(f"{len(built.skipped):,} files or folders were left out: {built.skipped_file}")
    typer.echo(f"{built.folder}: {'unchanged' if built.unchanged else 'written'}. Look at its README.md.")


@app.command()
def report(
    results: Annotated[Path, typer.Argument(help="Folder with results.jsonl.")],
    out: Annotated[Path, typer.Option(help="Folder for report.html, report.md and figures/.")] = Path("report"),
) -> None:
    """Write the benchmark's tables and figures, with published numbers beside ours, as a page and as Markdown."""
    from steeldefectx.benchmark.report import write_report  # imports matplotlib and scipy; --help does without

    with _errors_told():
        written = write_report(results.expanduser().absolute(), out)
    for problem in written.problems:
        typer.echo(f"steeldefectx: {problem}", err=True)
    cells = f"{written.cells:,} cells of {written.runs:,} runs, {written.failed:,} failed"
    typer.echo(f"Wrote {written.page} and {written.markdown}: {cells}.")


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


@app.command()
def benchmark(
    grid: Annotated[str, typer.Argument(help="A grid: a name (paper, few-shot, quick) or a YAML file.")],
    out: Annotated[Path, typer.Option(help="Folder for results.jsonl, predictions and checkpoints.")],
    data_dir: Annotated[Path | None, typer.Option(help="Folder with the images, whatever the grid says.")] = None,
    model: Annotated[str | None, typer.Option(help="Hub id or folder, whatever models the grid has.")] = None,
    processes: Annotated[int, typer.Option(min=1, help="Cells at a time, each on a GPU of its own, if any.")] = 1,
    list_cells: Annotated[bool, typer.Option("--list", help="Say what would run, and stop.")] = False,
) -> None:
    """Run the four-task benchmark, or any part of it.

    A grid lists cells: task, model, method, text levels, shots, seeds. A cell that has its result in OUT is not run
    again; one that fails is recorded with its reason, and the rest goes on. Run the same command again after an
    interruption: it goes on where it was. `steeldefectx report OUT` makes tables and figures of what is there.
    """
    from steeldefectx.benchmark.grid import load_grid  # imports yaml; --help does without

    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    with _errors_told():
        cells = load_grid(grid, None if data_dir is None else str(data_dir.expanduser().absolute()), model)
        if list_cells:
            for cell in cells:
                typer.echo(str(cell))
            return
        from steeldefectx.benchmark.runner import run_grid  # imports torch; --list does without

        summary = run_grid(cells, out, processes)
    typer.echo(f"{len(cells)} cells: {summary.found} were there, {summary.done} run, {summary.failed} failed.")
    typer.echo(f"steeldefectx report {out} makes tables and figures of them.")
    if summary.failed:
        raise typer.Exit(1)


@app.command()
def explain(
    images: Annotated[
        str, typer.Argument(help="An image, a folder of them, or with --config a data set's folder; or sample.")
    ],
    checkpoint: Annotated[str, typer.Option(help="Output folder of train.py, or Hub id.")],
    texts: Annotated[str, typer.Option(help="Text levels, as T0,T3; T0 if no --text is given.")] = "",
    text: Annotated[str | None, typer.Option(help='A text of your own, as "a dark vertical scratch".')] = None,
    config: Annotated[str | None, typer.Option(help="Read IMAGES as a data set: default, class-folders ...")] = None,
    split: Annotated[str, typer.Option(help="Of a data set: test or train.")] = "test",
    limit: Annotated[int, typer.Option(min=1, help="Images at most; of a data set, its classes in turn.")] = 24,
    out: Annotated[Path, typer.Option(help="Folder for explain.html and overlays/.")] = Path("explain"),
) -> None:
    """Show where in each image the model sees what a text says: a page, and overlays as PNG files.

    A data set brings texts of every level, and where it has masks, the page says how well the maps agree with them.
    Images alone are asked about T0 or T1 of the class that they are predicted as, or about a text of your own.

    steeldefectx explain sample --checkpoint runs/quickstart --texts T0,T3

    steeldefectx explain raw/ --config default --checkpoint runs/latest --text "a dark vertical scratch"
    """
    from steeldefectx.explain import command  # imports torch; --help does without

    with _errors_told():
        unreadable = command.explain(
            images, checkpoint, [level for level in texts.split(",") if level], text, config, split, limit, out
        )
    if unreadable:
        raise typer.Exit(1)


@app.command()
def search(
    checkpoint: Annotated[str, typer.Option(help="Output folder of train.py, or a CLIP: folder, Hub id.")],
    query: Annotated[
        str | None, typer.Argument(help='As "thin vertical scratch near the left edge".', show_default=False)
    ] = None,
    image: Annotated[Path | None, typer.Option(help="In place of QUERY: find the texts that fit this image.")] = None,
    recall: Annotated[bool, typer.Option("--recall", help="In place of QUERY: how often the right is found.")] = False,
    config: Annotated[str | None, typer.Option(help="default, sample ...; what it was trained on if left out.")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Folder with the images.")] = None,
    split: Annotated[str, typer.Option(help="test, train or all; --recall is of interest on test.")] = "all",
    texts: Annotated[str | None, typer.Option(help="Text level; the most specific that all images have.")] = None,
    top_k: Annotated[int, typer.Option(min=1, help="How many to find.")] = 10,
    out: Annotated[Path | None, typer.Option(help="HTML page with thumbnails to write.")] = None,
) -> None:
    """Search the data set: images for a text, or texts for an image.

    Images and texts are compared by the cosine of their embeddings. The images are encoded once and kept, so the next
    search takes seconds.

    steeldefectx search "thin vertical scratch near the left edge" --checkpoint runs/latest --out found.html

    steeldefectx search --image strip.jpg --checkpoint runs/latest --config sample --texts T3

    steeldefectx search --recall --split test --checkpoint runs/latest
    """
    from rich.console import Console

    from steeldefectx import retrieval, retrieval_page  # imports torch; --help does without
    from steeldefectx.explain.examples import open_image

    with _errors_told():
        if (query is not None) + (image is not None) + recall != 1:
            raise ConfigError("Give one of QUERY, --image FILE and --recall.")
        asked = query if image is None else open_image(image)
        folder = None if data_dir is None else str(data_dir.expanduser().absolute())
        index, classes = retrieval.load_index(checkpoint, config, folder, split, texts)
        if asked is None:
            Console().print(retrieval_page.recall_table(index.recall(), index))
            return
        find = index.images_for_text if isinstance(asked, str) else index.texts_for_image
        hits = find(asked, top_k)  # type: ignore[arg-type]
        Console().print(retrieval_page.hits_table(index, hits, classes))
        if out is not None:
            retrieval_page.write_page(asked, index, hits, classes, out)
            typer.echo(f"Wrote {out}.")


@app.command()
def demo(
    checkpoint: Annotated[list[str], typer.Option(help="Output folder of train.py, or Hub id; twice to compare two.")],
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on this machine; 0 takes a free one.")] = 7860,
) -> None:
    """Open a page to drop an image on: its class, cause, where the model sees it, and the training images most like it.

    The page is served to this machine alone, and nothing leaves it. Needs the extra: pip install "steeldefectx[demo]".

    steeldefectx demo --checkpoint runs/quickstart --checkpoint runs/latest
    """
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # read when gradio is imported
    with _errors_told():
        try:
            from steeldefectx.demo import serve  # imports torch and gradio; --help does without
        except ModuleNotFoundError as error:
            if error.name != "gradio":
                raise
            raise ConfigError('The demo needs gradio: pip install "steeldefectx[demo]".') from error
        serve(checkpoint, port)


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
