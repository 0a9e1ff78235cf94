"""Names of files in zips, which need not say in which encoding they are: that of the system that packed them."""

from __future__ import annotations

import codecs
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Sequence

from steeldefectx.errors import ConfigError
from steeldefectx.utils.printable import printable

UTF8_FLAG = 0x800
"""Bit 11 of a member's flags: its name is UTF-8."""
UNICODE_PATH = 0x7075
"""Info-ZIP's extra field with the name in UTF-8."""
LEAST, AHEAD = 0.6, 0.15
"""Share of plausible letters that a reading has at least, of those beyond ASCII, and is ahead of the others by."""
HANGUL = 6
"""So many different letters that are Korean as well as Chinese are rather Korean."""


class UndecidedError(ValueError):
    """Names that could be in several encodings, or in none that is known."""


def decode_names(members: Sequence[zipfile.ZipInfo], encoding: str | None) -> str | None:
    """Give the members of a zip the names that they were packed with, with ``/`` between folders.

    By bit 11 of their flags, by Info-ZIP's field, else all in one encoding: UTF-8 if they are that, or the one of
    Chinese, Japanese and Western systems in which they look like words.

    Args:
        members: Members, whose ``filename`` is set.
        encoding: What names are in that do not say it; None: to be found out.

    Returns:
        The encoding, where it was found out and is not UTF-8.

    Raises:
        UndecidedError: It cannot be found out, or names are not in the one that was given.
    """
    unsaid: list[tuple[zipfile.ZipInfo, bytes]] = []
    for member in members:
        said = _said(member)
        if said is None:
            unsaid.append((member, member.orig_filename.encode("cp437")))
        else:
            member.filename = said
    raw = [name for _, name in unsaid if not name.isascii()]
    found = encoding or _detect(raw)
    for member, name in unsaid:
        try:
            member.filename = name.decode(found)
        except UnicodeDecodeError:
            raise UndecidedError(f"holds a name that is not {found}: {name!r}; give another zip_encoding") from None
    for member in members:
        member.filename = member.filename.replace("\\", "/")
    return found if encoding is None and found != "utf-8" else None


def check_encoding(encoding: str | None) -> None:
    """See that an encoding is one.

    Raises:
        ConfigError: It is not.
    """
    try:
        codecs.lookup(encoding or "utf-8")
    except LookupError:
        raise ConfigError(f"zip_encoding={encoding!r} is no encoding: give gbk, shift_jis, cp437 ...") from None


def _said(member: zipfile.ZipInfo) -> str | None:
    """The name as flag or extra field say it; None where they do not."""
    if member.flag_bits & UTF8_FLAG:
        return member.orig_filename
    raw, extra = member.orig_filename.encode("cp437"), member.extra
    while len(extra) >= 4:
        kind, size = struct.unpack("<HH", extra[:4])
        field, extra = extra[4 : 4 + size], extra[4 + size :]
        if kind == UNICODE_PATH and len(field) > 5 and struct.unpack("<I", field[1:5])[0] == zlib.crc32(raw):
            try:
                return field[5:].decode("utf-8")
            except UnicodeDecodeError:
                return None
    return None


def _detect(names: Sequence[bytes]) -> str:
    """The encoding of names that are not ASCII."""
    if all(_decoded([name], "utf-8") for name in names):
        return "utf-8"
    scores = {}
    for encoding, plausible in READINGS.items():
        words = _words(names, encoding)
        if words:
            scores[encoding] = _share(words, plausible)
    ranked = sorted(scores, key=lambda encoding: -scores[encoding])
    if ranked and scores[ranked[0]] >= LEAST and (len(ranked) == 1 or _ahead(scores, ranked) >= AHEAD):
        if ranked[0] == "gbk" and _may_be_korean(names):
            ranked.insert(1, "cp949")
        else:
            return ranked[0]
    example = max(names, key=lambda name: sum(byte > 127 for byte in name))
    readings = ", ".join(f"{printable(word[0])} ({enc})" for enc in ranked if (word := _decoded([example], enc)))
    raise UndecidedError(
        f"does not say in which encoding its names are ({readings or example!r}): "
        "give zip_encoding (--zip-encoding), such as gbk, shift_jis or cp437"
    )


def _words(names: Sequence[bytes], encoding: str) -> list[str]:
    """The distinct names of folders and files, once decoded: a ``\\`` may be the second byte of a letter."""
    return sorted(set("/".join(_decoded(names, encoding)).replace("\\", "/").split("/")) - {""})


def _ahead(scores: dict[str, float], ranked: list[str]) -> float:
    return scores[ranked[0]] - scores[ranked[1]]


def _decoded(names: Iterable[bytes], encoding: str) -> list[str]:
    """Names in an encoding; none where they are not all in it."""
    try:
        return [name.decode(encoding) for name in names]
    except UnicodeDecodeError:
        return []


def _share(words: Sequence[str], plausible: Callable[[str, int], float]) -> float:
    """How plausible the letters beyond ASCII are on average, 0..1."""
    marks = [plausible(word, n) for word in words for n, letter in enumerate(word) if not letter.isascii()]
    return sum(marks) / len(marks) if marks else 0.0


def _alone(word: str, n: int) -> bool:
    """Whether a letter stands alone within an ASCII word, as no Japanese one does."""
    around = word[n - 1 : n] + word[n + 1 : n + 2]
    return len(around) == 2 and all(other.isascii() and other.isalpha() for other in around)


def _chinese(word: str, n: int) -> float:
    first, second = word[n].encode("gbk")[0], word[n].encode("gbk")[-1]
    if second < 0xA1:  # what GBK adds to GB 2312 is rare
        return 0.0
    return 1.0 if 0xB0 <= first <= 0xD7 or first in (0xA1, 0xA3) else 0.5 if first <= 0xF7 else 0.0


def _japanese(word: str, n: int) -> float:
    letter = word[n]
    if "\u3040" <= letter <= "\u30ff" or letter in "々ー（）・":
        return 1.0
    if "\uff61" <= letter <= "\uff9f":  # half-width
        return 0.3
    code = int.from_bytes(letter.encode("cp932"), "big")
    return 0.0 if _alone(word, n) else 1.0 if 0x889F <= code <= 0x9872 or 0x824F <= code <= 0x829A else 0.3


def _western(word: str, n: int) -> float:
    letter, before, after = word[n], word[n - 1 : n], word[n + 1 : n + 2]
    if not ("\xc0" <= letter <= "\xff" and letter.isalpha()) or (letter.islower() and after.isupper()):
        return 0.0
    return 1.0 if (before + after).isascii() else 0.6


READINGS = {"gbk": _chinese, "cp932": _japanese, "cp437": _western}
"""Encodings that are told apart, of Chinese, Japanese and Western systems -> how plausible a letter is in them."""


def _may_be_korean(names: Sequence[bytes]) -> bool:
    letters = {letter for word in _words(names, "cp949") for letter in word if not letter.isascii()}
    return len(letters) >= HANGUL and all("가" <= letter <= "힣" for letter in letters)
