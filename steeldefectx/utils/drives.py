"""Drives that go away while they are read: what a program has seen by then is not all there is."""

from __future__ import annotations

import errno

from steeldefectx.errors import DriveGoneError
from steeldefectx.utils.printable import printable

_NAMES = (
    "ECONNABORTED", "ECONNRESET", "EHOSTDOWN", "EHOSTUNREACH", "EIO", "EMEDIUMTYPE", "ENETDOWN", "ENETRESET",
    "ENETUNREACH", "ENODEV", "ENOLINK", "ENOMEDIUM", "ENOTCONN", "ENXIO", "EREMOTEIO", "ESHUTDOWN", "ESTALE",
    "ETIMEDOUT",
)  # fmt: skip
GONE = frozenset(getattr(errno, name) for name in _NAMES if hasattr(errno, name))
"""Errors of a drive, not of a file."""


def drive_error(error: BaseException, path: object) -> DriveGoneError | None:
    """What to say of an error that means that a drive cannot be read any more; None if it means something else.

    Args:
        error: The error, or one that was raised from it.
        path: What was being read.
    """
    cause: BaseException | None = error
    while cause is not None and not (isinstance(cause, OSError) and cause.errno in GONE):
        cause = cause.__cause__
    if cause is None:
        return None
    return drive_gone(path, str(getattr(cause, "strerror", None) or cause))


def drive_gone(path: object, why: str) -> DriveGoneError:
    """The error for a drive that cannot be read any more."""
    return DriveGoneError(
        f"{printable(str(path))}: cannot be read any more ({why}): the drive that it lies on went away, or is damaged. "
        "Nothing is left out for that: connect it, and start again."
    )
