"""Flags of the commands that read a folder of images as a data set."""

from __future__ import annotations

from typing import Annotated, Any

import typer

Config = Annotated[
    str,
    typer.Option(
        help="default (25 classes), class-folders (your own images), msd-cls, cgfsds-9 or sample. auto: default where "
        "known sources are found, or without a folder; else class-folders."
    ),
]
Layout = Annotated[str, typer.Option(help="Your own images: the layout to read them by, where a folder has several.")]
Page = Annotated[int, typer.Option(min=0, help="Page or frame of image files of several, counted from 0.")]
ZipEncoding = Annotated[
    str | None, typer.Option(help="Of names in zips that do not say it: gbk, shift_jis, cp437 ...", show_default=False)
]
Boxes = Annotated[
    str, typer.Option(help="Your own images: crop around each annotated box, or whole images, once a class.")
]


def reading_settings(layout: str, boxes: str, page: int, zip_encoding: str | None) -> dict[str, Any]:
    """The flags as settings of a data set; what is as it is by default is left out, and is in no cache's name."""
    given = {"layout": layout, "boxes": boxes, "page": page, "zip_encoding": zip_encoding}
    default = {"layout": "auto", "boxes": "crop", "page": 0, "zip_encoding": None}
    return {name: value for name, value in given.items() if value != default[name]}
