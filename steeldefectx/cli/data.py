"""The commands for the data: look, build, audit, verify."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from steeldefectx.cli.own_images import Boxes, Config, Layout, Page, ZipEncoding, reading_settings
from steeldefectx.cli.paths import absolute, look_through
from steeldefectx.data.configs import check_config
from steeldefectx.errors import ConfigError
from steeldefectx.utils.output import check_output_folder

Split = Annotated[
    str, typer.Option(help="rule; grouped: near-duplicates on one side; auto: grouped for class folders.")
]


def look(
    folder: Annotated[Path, typer.Argument(help="Folder with images, of any layout.")],
    layout: Annotated[str, typer.Option(help="Read it as this layout; auto: the one that it looks like.")] = "auto",
) -> None:
    """Say what a folder holds: its layout, classes with counts, what is not read, and what its images are.

      steeldefectx look my_images/

    It takes a second or two for 10,000 files, as no more than a sample of them is opened. All other commands that take
    a folder of images read it in the same way.
    """
    found = look_through(folder)
    from steeldefectx.data.look import look as look_at  # imports Pillow; all that is above does without

    typer.echo("\n".join(look_at(found, layout).lines()))


def build(
    data_dir: Annotated[
        Path | None,
        typer.Argument(help="Folder with the images; without one the public release, downloaded.", show_default=False),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder to write.")] = Path("out/steeldefectx"),
    config: Config = "auto",
    layout: Layout = "auto",
    boxes: Boxes = "crop",
    page: Page = 0,
    zip_encoding: ZipEncoding = None,
    split: Split = "auto",
    gc10: Annotated[str, typer.Option(help="GC10-DET: crop around a class's boxes, or whole images.")] = "crop",
    annotations: Annotated[str | None, typer.Option(help="T2 and T3: annotations.jsonl, or a store.")] = None,
    t1_file: Annotated[str | None, typer.Option(help="T1 by class: YAML of describe-classes, corrected.")] = None,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave out what cannot be used, and list it.")] = False,
) -> None:
    """Write a data set as Parquet with a card, ready for the Hub.

      steeldefectx build raw/ --out out/steel
      steeldefectx build my_images/ --config class-folders --out out/mine

    load_dataset("OUT") reads the folder, this package need not be installed; push-dataset uploads it. The folder
    appears whole or not at all, and is not written again where nothing has changed.
    """
    check_config(config)
    if data_dir is not None:
        look_through(data_dir)
    check_output_folder(out.expanduser())
    from steeldefectx.data.export import build as build_folder  # imports datasets; --help does without

    texts = {key: text for key, text in (("annotations", annotations), ("t1_file", t1_file)) if text}
    settings = reading_settings(layout, boxes, page, zip_encoding) | {"split_by": split, "gc10": gc10, **texts}
    built = build_folder(out, absolute(data_dir), config, skip_bad=skip_bad, **settings)
    rows = ", ".join(f"{count:,} {name}" for name, count in built.rows.items())
    typer.echo(f"{sum(built.rows.values()):,} images ({rows}), {built.classes} classes, {built.masks:,} masks")
    if built.skipped_file is not None:
        typer.echo(f"{len(built.skipped):,} files or folders were left out: {built.skipped_file}")
    typer.echo(f"{built.folder}: {'unchanged' if built.unchanged else 'written'}. Look at its README.md.")


def audit(
    data_dir: Annotated[Path, typer.Argument(help="Folder with the images.")],
    out: Annotated[Path, typer.Option(help="Folder for audit.html, audit.csv and audit.json.")],
    config: Config = "auto",
    layout: Layout = "auto",
    boxes: Boxes = "crop",
    page: Page = 0,
    zip_encoding: ZipEncoding = None,
    split: Split = "auto",
) -> None:
    """Look for mislabelled images, near-duplicates, blank images, and masks and texts that do not fit.

      steeldefectx audit raw/ --out audit
      steeldefectx audit my_images/ --config class-folders --out audit

    audit.html shows what was found, the images most likely mislabelled first: those that look, to the embedded model,
    like images of another class. audit.csv says of each file whether to drop it or to look at it.
    """
    check_config(config)
    folder = look_through(data_dir)
    check_output_folder(out)
    from steeldefectx.data import audit as auditing  # imports datasets; all that is above does without
    from steeldefectx.data.audit_page import print_tables, write_page
    from steeldefectx.inference.label_check import doubtful_labels  # imports torch

    reading = reading_settings(layout, boxes, page, zip_encoding)
    result = auditing.audit(folder, config, split, doubtful_labels, **reading)
    out.mkdir(parents=True, exist_ok=True)
    result.write_json(out / "audit.json")
    result.write_csv(out / "audit.csv")
    write_page(result, out / "audit.html")
    print_tables(result)
    images, found = sum(map(sum, result.balance.values())), len(result.findings)
    typer.echo(f"Wrote {out / 'audit.html'}, audit.csv and audit.json: {images:,} images, {found:,} findings.")


def verify(
    data: Annotated[
        str | None, typer.Argument(metavar="[DATA_DIR|sample]", help="Folder with the images, or sample.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="JSON lines to write, one for each text.")] = None,
    config: Config = "auto",
    layout: Layout = "auto",
    boxes: Boxes = "crop",
    page: Page = 0,
    zip_encoding: ZipEncoding = None,
    level: Annotated[str, typer.Option(help="Text level: T1, T2 or T3.")] = "T3",
    store: Annotated[str | None, typer.Option(help="Check an annotation store's descriptions instead.")] = None,
) -> None:
    """Check what the texts claim (location, size, number, contrast, shape, direction, class) against the masks.

      steeldefectx verify raw/ --level T1 --out claims.jsonl

    Where an image has no mask, against its class. Each contradiction is written with its place in the text, the
    claimed and the measured value, and a risk from 0 to 1. The exit code is 1 where there are any.

    With --store, it is written to the store, for the review desk. `annotate` and `import-annotations` have done
    that already: this checks all anew, as after corrections of masks.

    """
    if data is not None and data != "sample":
        look_through(Path(data))
    from steeldefectx.data import verify as verification  # imports scipy; --help does without

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
        reading = reading_settings(layout, boxes, page, zip_encoding)
        summary = verification.verify_dataset(data, config, level, out, **reading)
    verification.print_summary(summary)
    typer.echo(f"Wrote {store if out is None else out}.")
    if summary.wrong_texts:
        raise typer.Exit(1)
