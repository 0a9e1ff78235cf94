"""Names of the data set's configs, and what each is. Free of imports, so that a misspelt one is told at once."""

from __future__ import annotations

from steeldefectx.errors import ConfigError
from steeldefectx.utils.spelling import did_you_mean

CONFIGS = {
    "default": "the 25 unified classes: the public release, or your copies of the sources (data_dir)",
    "sample": "synthetic images of all 25 classes with masks, attributes and texts, rendered here",
    "class-folders": "your own images: data_dir/<class>/<image>, or in any other layout that is read",
    "msd-cls": "MSD-Cls, aluminium surface defects, in class folders: data_dir/<class>/<image>",
    "cgfsds-9": "CGFSDS-9, seamless steel tube defects, in class folders: data_dir/<class>/<image>",
}
AUTO = "auto"
"""In place of a config: the one that fits the folder."""
OWN_IMAGES = "class-folders"
FOLDER_CONFIGS = (OWN_IMAGES, "msd-cls", "cgfsds-9")
"""Configs whose classes are the folders that they find."""


def check_config(name: str) -> None:
    """See that there is a config of a name.

    Raises:
        ConfigError: There is not; the names are listed.
    """
    if name not in (AUTO, *CONFIGS):
        raise ConfigError(f"Unknown config {name!r}. {did_you_mean(name, CONFIGS)}Choose one of {', '.join(CONFIGS)}.")
