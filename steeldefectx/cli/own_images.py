"""Flags of the commands that read a folder of images as a data set."""

from __future__ import annotations

from typing import Annotated

import typer

Config = Annotated[
    str,
    typer.Option(
        help="default (25 classes), class-folders (your own images), msd-cls, cgfsds-9 or sample. auto: default where "
        "known sources are found, or without a folder; else class-folders."
    ),
]
Layout = Annotated[str, typer.Option(help="Your own images: the layout to read them by, where a folder has several.")]
Boxes = Annotated[
    str, typer.Option(help="Your own images: crop around each annotated box, or whole images, once a class.")
]
