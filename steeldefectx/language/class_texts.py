"""Class descriptions (T1) from a file, in place of the taxonomy's."""

from __future__ import annotations

from pathlib import Path

import yaml

from steeldefectx.errors import DataError


def read_class_texts(file: str) -> dict[str, str]:
    """Class name -> sentence, from YAML or JSON, such as ``steeldefectx describe-classes`` writes.

    Raises:
        DataError: It cannot be read, or is anything else.
    """
    try:
        read = yaml.safe_load(Path(file).expanduser().read_text("utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise DataError(f"The class descriptions in {file} cannot be read: {error}") from error
    if not isinstance(read, dict) or not all(isinstance(part, str) for pair in read.items() for part in pair):
        raise DataError(f"{file}: expected class names, each with a sentence.")
    return read
