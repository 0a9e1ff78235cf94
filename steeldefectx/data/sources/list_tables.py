"""Tables that people write by hand or export: CSV, TSV, text of any usual encoding and separator, Excel, and JSON."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from pathlib import Path

import charset_normalizer

from steeldefectx.data.images import IMAGE_ENDINGS

Table = list[list[str]]
"""Rows of cells, without white space around them; empty rows are left out."""
MAX_BYTES = 200_000_000
"""A larger file is no list of images."""
MAX_JSON_BYTES = 20_000_000
"""A larger JSON file is an annotation of another kind."""
SEPARATORS = "\t;,"
ROWS_SNIFFED = 50
_NEIGHBOURS = re.compile(rb"[\x80-\xff]{2}")
LEGACY_ENCODINGS = ["cp1252", "cp1251", "shift_jis", "euc_kr"]
"""What a file that is neither Unicode nor Chinese may be written in: of Western Europe, Cyrillic, Japanese, Korean."""


def read_table(file: Path) -> Table:
    """The rows of a table.

    Args:
        file: CSV, TSV, text, an Excel workbook, of which the first sheet is read, or JSON of rows.

    Raises:
        ValueError: Not readable as such.
    """
    try:
        if file.stat().st_size > MAX_BYTES:
            raise ValueError(f"more than {MAX_BYTES:,} bytes")
        if file.suffix.lower() == ".xlsx":
            rows = _read_workbook(file)
        elif file.suffix.lower() in (".json", ".jsonl"):
            rows = _read_json(file)
        else:
            rows = _read_text(decode(file.read_bytes()), file.suffix.lower() == ".txt")
    except OSError as error:
        raise ValueError(error.strerror or str(error)) from None
    stripped = ([cell.strip() for cell in row] for row in rows)
    return [row for row in stripped if any(row)]


def decode(data: bytes) -> str:
    """Text of whatever encoding: Unicode by its mark or its form, else Chinese (GBK), else the likeliest of the others.

    Raises:
        ValueError: Not text.
    """
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16")
    head = data[:1000]
    for encoding, zeros in (("utf-16-le", head[1::2]), ("utf-16-be", head[::2])):
        if zeros and zeros.count(0) > len(zeros) / 2:  # mostly Latin letters, digits and separators, without a mark
            return data.decode(encoding)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    if _is_chinese(data):
        return data.decode("gb18030")
    if not _NEIGHBOURS.search(data):  # single letters with accents among ASCII ones
        return data.decode("cp1252", "replace")
    best = charset_normalizer.from_bytes(data, cp_isolation=LEGACY_ENCODINGS).best()
    return str(best) if best else data.decode("latin-1")


def _is_chinese(data: bytes) -> bool:
    """Whether all that is not ASCII is GB 2312, and most of it its first level, the common characters.

    Letters with accents stand alone among ASCII ones, and Cyrillic ones are of the second level when read so.
    """
    try:
        text = data.decode("gb2312")
    except UnicodeDecodeError:
        return False
    characters = [character.encode("gb2312")[0] for character in text if not character.isascii()]
    return sum(first <= 0xD7 for first in characters) > len(characters) / 2


def _read_text(text: str, spaced: bool) -> Table:
    if "\0" in text:
        raise ValueError("not text")
    csv.field_size_limit(MAX_BYTES)
    head = text.splitlines()[:ROWS_SNIFFED]
    separator = max(SEPARATORS, key=lambda candidate: _fit(head, candidate))
    if _fit(head, separator)[1] or not spaced:
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))
    return [line.rsplit(maxsplit=1) for line in text.splitlines()]  # paths may hold spaces, class numbers none


def _fit(lines: list[str], separator: str) -> tuple[int, int]:
    """How well a separator explains some lines: in how many a cell names an image, and how many have cells alike."""
    rows = [row for row in csv.reader(lines, delimiter=separator) if len(row) > 1]
    named = sum(any(names_image(cell) for cell in row) for row in rows)
    return named, max(Counter(map(len, rows)).values(), default=0)


def names_image(cell: str) -> bool:
    """Whether a cell ends as a name of an image does."""
    return cell.strip().lower().endswith(tuple(IMAGE_ENDINGS))


def _read_json(file: Path) -> Table:
    """``{"a.png": "scratch"}``, or objects of one kind, in a list or one a line; no rows of any other JSON."""
    if file.stat().st_size > MAX_JSON_BYTES:
        return []
    text = decode(file.read_bytes())
    try:
        read = list(map(json.loads, text.splitlines())) if file.suffix.lower() == ".jsonl" else json.loads(text)
    except (ValueError, RecursionError):
        return []
    if isinstance(read, dict):
        return [[key, _cell(value)] for key, value in read.items()] if all(map(_is_plain, read.values())) else []
    if not isinstance(read, list) or not all(isinstance(each, dict) for each in read):
        return []
    if read and all(isinstance(each.get("data"), dict) and "annotations" in each for each in read):
        return []  # Label Studio's tasks, whose plain values name images too
    headings = list(dict.fromkeys(key for each in read for key in each))
    if {"annotation_id", "annotator"} <= set(headings):  # Label Studio's JSON-MIN, which has a reader of its own
        return []
    plain = [key for key in headings if all(_is_plain(each.get(key)) for each in read)]
    return [plain, *([_cell(each.get(key)) for key in plain] for each in read)]


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, str | int | float)


def _read_workbook(file: Path) -> Table:
    import zipfile

    import openpyxl  # of use here alone
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        book = openpyxl.load_workbook(file, read_only=True, data_only=True)
    except (InvalidFileException, zipfile.BadZipFile, KeyError, ValueError) as error:
        raise ValueError(f"not a readable workbook ({error})") from None
    try:
        return [[_cell(value) for value in row] for row in book.worksheets[0].iter_rows(values_only=True)]
    finally:
        book.close()


def _cell(value: object) -> str:
    """A cell's text; a class number is 3, not 3.0."""
    if value is None:
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
