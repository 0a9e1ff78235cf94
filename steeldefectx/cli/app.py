"""The ``steeldefectx`` command: parse and call."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from steeldefectx.cli import texts as commands
from steeldefectx.cli.errors import errors_told as _errors_told
from steeldefectx.errors import ConfigError, SteelDefectXError

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

app.add_typer(commands.app)


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
def verify(
    data: Annotated[
        str | None, typer.Argument(metavar="[DATA_DIR|sample]", help="Folder with the images, or sample.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="JSON lines to write, one for each text.")] = None,
    config: Annotated[str, typer.Option(help="default, class-folders, msd-cls or cgfsds-9.")] = "default",
    level: Annotated[str, typer.Option(help="Text level: T1, T2 or T3.")] = "T3",
    store: Annotated[str | None, typer.Option(help="Check an annotation store's descriptions instead.")] = None,
) -> None:
    """Check what the texts claim (location, size, number, contrast, shape, direction, class) against the masks.

    Where an image has no mask, against its class. Each contradiction is written with its place in the text, the
    claimed and the measured value, and a risk from 0 to 1. The exit code is 1 where there are any.

    With --store, it is written to the store, for the review desk. `annotate` and `import-annotations` have done
    that already: this checks all anew, as after corrections of masks.
    """
    from steeldefectx.data import verify as verification  # imports scipy; --help does without

    with _errors_told():
        if store is not None:
            if data is not None:
                raise ConfigError("Give a folder or --store, not both.")
            from steeldefectx.annotate.desk.verify_store import verify_store
            from steeldefectx.store.annotation_store import Store

            checked = verify_store(Store.open(store, create=False), anew=True)
            summary = verification.write_verified(checked, out)
        elif data is None or out is None:
            raise ConfigError("Give a folder with images and --out FILE; or --store, for an annotation store.")
        else:
            summary = verification.verify_dataset(data, config, level, out)
    verification.print_summary(summary)
    typer.echo(f"Wrote {store if out is None else out}.")
    if summary.wrong_texts:
        raise typer.Exit(1)


@app.command("push-dataset")
def push_dataset_command(
    folder: Annotated[Path, typer.Argument(help="README.md with `configs` in its YAML header, and Parquet files.")],
    repo: Annotated[str, typer.Argument(help="OWNER/NAME on the Hub; made if it does not exist.")],
    public: Annotated[bool, typer.Option("--public", help="Let everyone see a new repository.")] = False,
) -> None:
    """Push a data set folder to the Hugging Face Hub; afterwards load_dataset("OWNER/NAME") reads it anywhere.

    Needs a token that may write: set HF_TOKEN, or run `hf auth login` once. All files go in one commit, so a push
    that breaks off changes nothing, and the next one does not send again what has arrived. A new repository is
    private unless --public is given: see to the licences of the images before you show them to others.
    """
    from steeldefectx.hub.dataset import push_dataset  # imports pyarrow; --help does without

    with _errors_told():
        typer.echo(push_dataset(folder, repo, public=public))


@app.command("push-model")
def push_model_command(
    folder: Annotated[Path, typer.Argument(help="Output folder of a finished run of train.py.")],
    repo: Annotated[str, typer.Argument(help="OWNER/NAME on the Hub; made if it does not exist.")],
    public: Annotated[bool, typer.Option("--public", help="Let everyone see a new repository.")] = False,
) -> None:
    """Push a trained model to the Hugging Face Hub; afterwards --checkpoint OWNER/NAME uses it anywhere.

    Weights or adapter, classes, settings, results and a card written from them go in one commit, so a push that breaks
    off changes nothing. Needs a token that may write: set HF_TOKEN, or run `hf auth login` once. Names of folders on
    this machine are left out; a base model that is one of them is uploaded with its adapter. A new repository is
    private unless --public is given: see to the licences of base model and images before you show it to others.
    """
    from steeldefectx.hub.model import push_model  # imports torch; --help does without

    with _errors_told():
        typer.echo(push_model(folder, repo, public=public))


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
    annotations: Annotated[str | None, typer.Option(help="T2 and T3: annotations.jsonl, or a store.")] = None,
    t1_file: Annotated[str | None, typer.Option(help="T1 by class: YAML of describe-classes, corrected.")] = None,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave out what cannot be used, and list it.")] = False,
) -> None:
    """Write a data set as Parquet with a card, ready for the Hub.

    load_dataset("OUT") reads the folder, this package need not be installed; push-dataset uploads it. The folder
    appears whole or not at all, and is not written again where nothing has changed.
    """
    from steeldefectx.data.export import build as build_folder  # imports datasets; --help does without

    try:
        folder = None if data_dir is None else data_dir.expanduser().absolute()
        texts = {key: text for key, text in (("annotations", annotations), ("t1_file", t1_file)) if text}
        built = build_folder(out, folder, config, skip_bad=skip_bad, split_by=split, gc10=gc10, **texts)
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
    from steeldefectx.benchmark.report.write import write_report  # imports matplotlib and scipy; --help does without

    with _errors_told():
        written = write_report(results.expanduser().absolute(), out)
    for problem in written.problems:
        typer.echo(f"steeldefectx: {problem}", err=True)
    cells = f"{written.cells:,} cells of {written.runs:,} runs, {written.failed:,} failed"
    typer.echo(f"Wrote {written.page} and {written.markdown}: {cells}.")


@app.command()
def predict(
    images: Annotated[Path, typer.Argument(help="An image, or a folder that is searched at any depth.")],
    checkpoint: Annotated[
        str,
        typer.Option(help="Output folder of train.py or export-onnx, Hub id, or embedded; with --texts also any CLIP."),
    ],
    out: Annotated[
        Path | None, typer.Option(help="Table to write: .parquet, .csv or .jsonl; CSV on standard output by default.")
    ] = None,
    top_k: Annotated[int, typer.Option(min=1, help="Classes named for each image.")] = 3,
    texts: Annotated[
        Path | None,
        typer.Option(help="YAML or JSON with other classes: a list of names, or `name: description(s)`."),
    ] = None,
    abstain_below: Annotated[
        float, typer.Option(min=0, max=1, help="Mark images whose best probability is lower as abstained.")
    ] = 0.0,
) -> None:
    """Predict the class of each image: a table with file, rank, class, probability and likely cause.

    Files that are no readable images are listed on standard error and in the table's column `error`, the rest is
    done, and the exit code is 1. The table appears when it is complete; of one that breaks off the finished rows stay
    in OUT.partial, and the same command goes on from there. Hidden files, masks and what unpacking leaves behind are
    no images. In a CSV, names that a spreadsheet would run as a formula have a ' before them.
    """
    from steeldefectx.data.sources import find_images
    from steeldefectx.inference import prediction_table as tables  # imports torch; --help does without
    from steeldefectx.inference.classifier import SteelDefectClassifier
    from steeldefectx.inference.table_files import check_output
    from steeldefectx.language.class_texts import read_classes

    with _errors_told():
        files, chosen = find_images(images), None if texts is None else read_classes(texts)
        if out is not None:
            check_output(out)
        classifier = SteelDefectClassifier.from_pretrained(checkpoint, chosen)
        problems = tables.predict_files(classifier, files, out, top_k=top_k, abstain_below=abstain_below)
    if problems:
        typer.echo(f"{len(problems):,} of {len(files):,} files could not be read.", err=True)
        raise typer.Exit(1)


@app.command()
def calibrate(
    checkpoint: Annotated[Path, typer.Argument(help="Output folder of train.py.")],
    images: Annotated[Path, typer.Argument(help="Labelled images that it has not seen, in a folder for each class.")],
) -> None:
    """Fit the temperature that makes a checkpoint's probabilities say how often it is right.

    For a run without --hold_out, which leaves no images to fit it on. It is kept in the checkpoint's folder, and
    `predict` uses it. No prediction changes, only how sure it is. Never give the images that you will test with.
    """
    from steeldefectx.inference.calibrate import calibrate_checkpoint  # imports torch; --help does without

    with _errors_told():
        found = calibrate_checkpoint(checkpoint.expanduser(), images.expanduser())
    typer.echo(
        f"Temperature {found.temperature:.3f}, by {found.images:,} images. Their calibration error is "
        f"{found.calibration_error_after:.4f} with it, {found.calibration_error_before:.4f} without."
    )


@app.command()
def export_onnx(
    checkpoint: Annotated[str, typer.Argument(help="Output folder of train.py, Hub id, or embedded.")],
    out: Annotated[Path, typer.Argument(help="New folder, for `predict --checkpoint` and for other ONNX programs.")],
) -> None:
    """Write a checkpoint as an ONNX graph: model.onnx takes pixels to logits, export.json has classes and temperature.

    Adapters are merged, the classes' texts are encoded, scaling and normalization are inside. `predict` runs such a
    folder in ONNX Runtime.
    """
    from steeldefectx.inference import onnx as onnx_export  # imports torch; --help does without

    with _errors_told():
        onnx_export.export_checkpoint(checkpoint, out.expanduser())
    typer.echo(f"Wrote {out}.")


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
    checkpoint: Annotated[str, typer.Option(help="Output folder of train.py, Hub id, or embedded.")],
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
    from steeldefectx.inference.explain.run import explain_to_folder  # imports torch; --help does without

    with _errors_told():
        unreadable = explain_to_folder(
            images, checkpoint, [level for level in texts.split(",") if level], text, config, split, limit, out
        )
    if unreadable:
        raise typer.Exit(1)


@app.command()
def search(
    checkpoint: Annotated[str, typer.Option(help="Output folder of train.py, or a CLIP: folder, Hub id, embedded.")],
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

    from steeldefectx.data.images import open_image
    from steeldefectx.inference import search as retrieval  # imports torch; --help does without
    from steeldefectx.inference import search_page as retrieval_page

    with _errors_told():
        if (query is not None) + (image is not None) + recall != 1:
            raise ConfigError("Give one of QUERY, --image FILE and --recall.")
        asked = query if image is None else open_image(image)
        folder = None if data_dir is None else str(data_dir.expanduser().absolute())
        index, classes = retrieval.load_index(checkpoint, config, folder, split, texts)
        if asked is None:
            Console().print(retrieval_page.recall_table(index.recall(), index))
            return
        hits = index.images_for_text(asked, top_k) if isinstance(asked, str) else index.texts_for_image(asked, top_k)
        Console().print(retrieval_page.hits_table(index, hits, classes))
        if out is not None:
            retrieval_page.write_page(asked, index, hits, classes, out)
            typer.echo(f"Wrote {out}.")


@app.command()
def demo(
    checkpoint: Annotated[
        list[str], typer.Option(help="Output folder of train.py, Hub id, or embedded; twice to compare two.")
    ],
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on this machine; 0 takes a free one.")] = 7860,
) -> None:
    """Open a page to drop an image on: its class, cause, where the model sees it, and the training images most like it.

    The page is served to this machine alone, and nothing leaves it. It needs the extra "demo".

    steeldefectx demo --checkpoint embedded --checkpoint runs/latest
    """
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # read when gradio is imported
    with _errors_told():
        from steeldefectx.inference.demo import serve  # imports torch and gradio; --help does without

        serve(checkpoint, port)
