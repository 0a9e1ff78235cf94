"""The commands that use a checkpoint: predict, inspect, explain, search, demo, calibrate, export-onnx."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Annotated

import typer

from steeldefectx.cli.extras import need
from steeldefectx.cli.paths import existing, look_through, refuse_taken_port
from steeldefectx.data.configs import check_config
from steeldefectx.errors import ConfigError
from steeldefectx.models.names import EMBEDDED, refuse_misspelt
from steeldefectx.utils.output import check_output_file, check_output_folder

Checkpoint = Annotated[str, typer.Option(help="Output folder of train, Hub id, or embedded.")]


def predict(
    images: Annotated[Path, typer.Argument(help="An image, or a folder that is searched at any depth.")],
    checkpoint: Annotated[
        str,
        typer.Option(help="Output folder of train or export-onnx, Hub id, or embedded; with --classes also any CLIP."),
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="Table (.csv, .parquet, .jsonl) or page (.html) to write; else it is printed."),
    ] = None,
    top_k: Annotated[int, typer.Option(metavar="N", min=1, help="Classes named for each image.")] = 3,
    classes: Annotated[
        Path | None,
        typer.Option(help="YAML or JSON with other classes: a list of names, or `name: description(s)`."),
    ] = None,
    class_: Annotated[
        list[str],
        typer.Option("--class", metavar="NAME[: LOOKS]", help="One of other classes, or one more; repeatable."),
    ] = [],  # noqa: B006  typer copies it
    abstain_below: Annotated[
        float, typer.Option(metavar="X", min=0, max=1, help="Call images unsure whose best probability is lower.")
    ] = 0.0,
    page: Annotated[int, typer.Option(min=0, help="Page or frame of files of several, counted from 0.")] = 0,
) -> None:
    """Predict the class of each image, with its probability and likely cause.

      steeldefectx predict images/ --checkpoint embedded
      steeldefectx predict images/ --checkpoint embedded --out found.html
      steeldefectx predict images/ --checkpoint embedded | head
      steeldefectx predict a.jpg --checkpoint embedded --class Dent --class Burr

    Classes of your own are told by their descriptions; names that the lexicon knows have one. Standard error
    says which.

    In a terminal it prints an image a line and how many are of which class; in a pipe, CSV. A page has thumbnails, to
    be sorted and filtered. Hidden files, masks and what unpacking leaves behind are no images.

    Files that are no readable images are listed on standard error and in the table's column `error`, the rest is
    done, and the exit code is 1. A table appears when it is complete; of one that breaks off the finished rows stay in
    OUT.partial, and the same command goes on from there. In a CSV, names that a spreadsheet would run as a formula
    have a ' before them.
    """
    look_through(images, folder=False)
    from steeldefectx.inference.table_files import OUTPUTS

    if out is not None:
        check_output_file(out, (*OUTPUTS, ".html"))
    refuse_misspelt(checkpoint)
    from steeldefectx.data.sources import find_images
    from steeldefectx.language.class_sentences import asked_classes, sentence_origins

    files, (asked, described) = find_images(images.expanduser()), asked_classes(classes, class_)
    if origins := sentence_origins(asked, described):
        typer.echo(origins, err=True)
    from steeldefectx.inference import prediction_table  # imports torch; all that is above does without
    from steeldefectx.inference.classifier import SteelDefectClassifier

    if remark := prediction_table.frames_remark(files):
        typer.echo(remark, err=True)
    classifier = SteelDefectClassifier.from_pretrained(checkpoint, asked or None)
    predicted = prediction_table.predict_files(
        classifier, files, out, top_k=top_k, abstain_below=abstain_below, page=page
    )
    if out is not None:
        typer.echo(f"Wrote {out}: {predicted}.")
    if predicted.problems:
        typer.echo(f"{len(predicted.problems):,} of {len(files):,} files could not be read.", err=True)
        raise typer.Exit(1)


def inspect(
    frames: Annotated[Path, typer.Argument(help="Frames of any size: a folder that is searched at any depth, or one.")],
    out: Annotated[Path, typer.Option(help="Folder of the report; the same command goes on with what is there.")],
    checkpoint: Annotated[str, typer.Option(help="embedded, or another model with a localizer.")] = EMBEDDED,
    classes: Annotated[
        Path | None, typer.Option(help="YAML or JSON with other classes: names, or `name: description(s)`.")
    ] = None,
    class_: Annotated[
        list[str], typer.Option("--class", metavar="NAME[: LOOKS]", help="One of other classes; repeatable.")
    ] = [],  # noqa: B006  typer copies it
    text: Annotated[str | None, typer.Option(help='What is looked for, as "dark spots"; else all defects.')] = None,
    fit_sound: Annotated[
        Path | None, typer.Option(help="Folder of sound frames, 4 or more: what is unlike them is marked.")
    ] = None,
    batch_reference: Annotated[
        bool, typer.Option("--batch-reference", help="Hold FRAMES against each other: what few of them have is marked.")
    ] = False,
    target_fpr: Annotated[
        float, typer.Option(metavar="X", help="With one of these: share of sound frames that may be marked.")
    ] = 0.02,
    mm_per_pixel: Annotated[
        float | None, typer.Option(metavar="X", help="Side of a pixel in mm: areas are in mm², too.")
    ] = None,
    export: Annotated[
        list[str],
        typer.Option(metavar="FORMAT", help="Also as coco, yolo, label-studio, cvat or labelme; repeatable."),
    ] = [],  # noqa: B006
    follow: Annotated[
        bool, typer.Option("--follow", help="Go on as frames come into the folder, until Ctrl-C.")
    ] = False,
) -> None:
    """Inspect frames: which are sound, where their defects are, and what these look like.

      steeldefectx inspect frames/ --out report/
      steeldefectx inspect frames/ --out report/ --fit-sound sound/
      steeldefectx inspect frames/ --out report/ --export coco --export cvat
      steeldefectx inspect camera/ --out report/ --follow

    Frames are seen in tiles at their own resolution. The folder gets report.html, the worst frames first,
    frames.jsonl with all that is known of each frame, frames.parquet and regions.parquet.

    Each frame is inspected once: a run that was stopped goes on, and a file that changed is seen again. Files that are
    no readable images are listed, the rest is done, and the exit code is 1.

    Exports are corrected in their tools, and `steeldefectx build FOLDER` reads them back, with the frames beside them.
    """
    look_through(frames, folder=False, empty=follow)
    if fit_sound is not None and batch_reference:
        raise ConfigError("Give --fit-sound or --batch-reference, not both.")
    if mm_per_pixel is not None and not (0 < mm_per_pixel < float("inf")):
        raise ConfigError(f"--mm-per-pixel is a length above 0, not {mm_per_pixel}.")
    check_output_folder(out)
    refuse_misspelt(checkpoint)
    from steeldefectx.inference.inspection.exports import check_formats
    from steeldefectx.language.class_sentences import asked_classes, sentence_origins

    check_formats(export)
    asked, described = asked_classes(classes, class_)
    if origins := sentence_origins(asked, described):
        typer.echo(origins, err=True)
    from steeldefectx.data.sources import find_images
    from steeldefectx.inference.inspection.run import Inspected, Task, inspect_frames  # imports torch
    from steeldefectx.inference.inspection.run import follow as follow_folder
    from steeldefectx.inference.localize.inspector import SteelDefectInspector

    inspector = SteelDefectInspector.from_pretrained(checkpoint, asked or None)
    if fit_sound is not None:
        inspector = inspector.fit_sound(find_images(look_through(fit_sound)), target_fpr)
    elif batch_reference:
        inspector = inspector.fit_batch(find_images(frames.expanduser()), target_fpr)
    task = Task(inspector, frames.expanduser(), out, text, mm_per_pixel, export)

    def tell(inspected: Inspected) -> None:
        typer.echo(f"{inspected}. Report: {out / 'report.html'}")

    if follow:
        with contextlib.suppress(KeyboardInterrupt):
            follow_folder(task, tell)
        return
    inspected = inspect_frames(task)
    tell(inspected)
    if inspected.unreadable:
        raise typer.Exit(1)


def explain(
    images: Annotated[
        str, typer.Argument(help="An image, a folder of them, or with --config a data set's folder; or sample.")
    ],
    checkpoint: Checkpoint,
    texts: Annotated[str, typer.Option(help="Text levels, as T0,T3; T0 if no --text is given.")] = "",
    text: Annotated[str | None, typer.Option(help='A text of your own, as "a dark vertical scratch".')] = None,
    config: Annotated[str | None, typer.Option(help="Read IMAGES as a data set: default, class-folders ...")] = None,
    split: Annotated[str, typer.Option(help="Of a data set: test or train.")] = "test",
    limit: Annotated[
        int, typer.Option(metavar="N", min=1, help="Images at most; of a data set, its classes in turn.")
    ] = 24,
    out: Annotated[Path, typer.Option(help="Folder for explain.html and overlays/.")] = Path("explain"),
) -> None:
    """Show where in each image the model sees what a text says: a page, and overlays as PNG files.

      steeldefectx explain sample --checkpoint embedded --texts T0,T3
      steeldefectx explain strip.jpg --checkpoint embedded --text "a dark scratch"

    A data set brings texts of every level, and where it has masks, the page says how well the maps agree with them.
    Images that are predicted wrong come first. Images alone are asked about T0 or T1 of the class that they are
    predicted as, or about a text of your own.
    """
    if config is not None:
        check_config(config)
    if images != "sample":
        look_through(Path(images), folder=config is not None)
    check_output_folder(out)
    refuse_misspelt(checkpoint)
    from steeldefectx.inference.explain.run import explain_to_folder  # imports torch; all that is above does without

    unreadable = explain_to_folder(
        images, checkpoint, [level for level in texts.split(",") if level], text, config, split, limit, out
    )
    if unreadable:
        raise typer.Exit(1)


def search(
    checkpoint: Annotated[str, typer.Option(help="Output folder of train, or a CLIP: folder, Hub id, embedded.")],
    query: Annotated[
        str | None, typer.Argument(help='As "thin vertical scratch near the left edge".', show_default=False)
    ] = None,
    image: Annotated[Path | None, typer.Option(help="In place of QUERY: find the texts that fit this image.")] = None,
    recall: Annotated[bool, typer.Option("--recall", help="In place of QUERY: how often the right is found.")] = False,
    config: Annotated[str | None, typer.Option(help="default, sample ...; what it was trained on if left out.")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Folder with the images.")] = None,
    split: Annotated[str, typer.Option(help="test, train or all; --recall is of interest on test.")] = "all",
    texts: Annotated[str | None, typer.Option(help="Text level; the most specific that all images have.")] = None,
    top_k: Annotated[int, typer.Option(metavar="N", min=1, help="How many to find.")] = 10,
    classes: Annotated[Path | None, typer.Option(help="T1 by class: YAML, class or folder name to sentence.")] = None,
    class_: Annotated[
        list[str], typer.Option("--class", metavar="NAME: LOOKS", help="T1 of one class; repeatable.")
    ] = [],  # noqa: B006  typer copies it
    out: Annotated[Path | None, typer.Option(help="HTML page to write, with pictures.")] = None,
) -> None:
    """Search the data set: images for a text, or texts for an image.

      steeldefectx search "thin vertical scratch" --checkpoint runs/latest
      steeldefectx search --image strip.jpg --checkpoint runs/latest
      steeldefectx search --recall --split test --checkpoint runs/latest

    Images and texts are compared by the cosine of their embeddings. The images are encoded once and kept, so the next
    search takes seconds.
    """
    from steeldefectx.data.images import open_image

    if (query is not None) + (image is not None) + recall != 1:
        raise ConfigError("Give one of QUERY, --image FILE and --recall.")
    text_or_image = query if image is None else open_image(image)
    if config is not None:
        check_config(config)
    folder = None if data_dir is None else str(look_through(data_dir))
    if out is not None:
        check_output_file(out, (".html",))
    refuse_misspelt(checkpoint)
    from rich.console import Console

    from steeldefectx.inference import search_page  # imports torch; all that is above does without
    from steeldefectx.inference.search import load_index

    index, names = load_index(
        checkpoint, config, folder, split, texts, None if classes is None else str(classes), class_
    )
    if text_or_image is None:
        Console().print(search_page.recall_table(index.recall(), index))
        return
    if isinstance(text_or_image, str):
        hits = index.images_for_text(text_or_image, top_k)
    else:
        hits = index.texts_for_image(text_or_image, top_k)
    Console().print(search_page.hits_table(index, hits, names))
    if out is not None:
        search_page.write_page(query or str(image), text_or_image, index, hits, names, out)
        typer.echo(f"Wrote {out}: {len(hits)} found.")


def demo(
    checkpoint: Annotated[
        list[str], typer.Option(help="Output folder of train, Hub id, or embedded; twice to compare two.")
    ],
    port: Annotated[
        int, typer.Option(metavar="N", min=0, max=65535, help="Port on this machine; 0 takes a free one.")
    ] = 7860,
) -> None:
    """Open a page to drop images on: class, cause, where the model sees it, and the training images most like it.

      steeldefectx demo --checkpoint embedded
      steeldefectx demo --checkpoint embedded --checkpoint runs/latest

    The page is served to this machine alone, and nothing leaves it. It needs pip install "steeldefectx[demo]".
    """
    if len(checkpoint) > 2:
        raise ConfigError("Give one --checkpoint, or two to compare.")
    for name in checkpoint:
        refuse_misspelt(name)
    refuse_taken_port(port)
    need("fastapi")
    from steeldefectx.inference.demo.server import serve  # imports torch and fastapi; --help does without

    serve(checkpoint, port)


def calibrate(
    images: Annotated[Path, typer.Argument(help="Labelled images that it has not seen, in a folder for each class.")],
    checkpoint: Annotated[Path, typer.Option(help="Output folder of train.")],
) -> None:
    """Fit the temperature that makes a checkpoint's probabilities say how often it is right.

      steeldefectx calibrate labelled/ --checkpoint runs/latest

    For a run without --hold-out, which leaves no images to fit it on. It is kept in the checkpoint's folder, and
    `predict` uses it. No prediction changes, only how sure it is. Never give the images that you will test with.
    """
    look_through(images)
    existing(checkpoint, folder=True)
    from steeldefectx.inference.calibrate import calibrate_checkpoint  # imports torch; --help does without

    result = calibrate_checkpoint(checkpoint.expanduser(), images.expanduser())
    typer.echo(
        f"Temperature {result.temperature:.3f}, by {result.images:,} images. Their calibration error is "
        f"{result.calibration_error_after:.4f} with it, {result.calibration_error_before:.4f} without."
    )


def export_onnx(
    checkpoint: Checkpoint,
    out: Annotated[Path, typer.Option(help="New folder, for `predict --checkpoint` and for other ONNX programs.")],
) -> None:
    """Write a checkpoint as an ONNX graph: model.onnx takes pixels to logits, export.json has the classes.

      steeldefectx export-onnx --checkpoint runs/latest --out runs/onnx

    Adapters are merged, the classes' texts are encoded, scaling and normalization are inside. `predict` runs such a
    folder in ONNX Runtime. It needs pip install "steeldefectx[onnx]".
    """
    refuse_misspelt(checkpoint)
    check_output_folder(out.expanduser())
    need("onnx")
    from steeldefectx.inference import onnx as onnx_export  # imports torch; --help does without

    onnx_export.export_checkpoint(checkpoint, out.expanduser())
    typer.echo(f"Wrote {out}.")
