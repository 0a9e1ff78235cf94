"""How many cores this process may use, and whether its one thread was a person's wish or a launcher's default."""

from __future__ import annotations

import os
import re
from pathlib import Path

LAUNCHER_MARKS = ("ACCELERATE_MIXED_PRECISION", "TORCHELASTIC_RUN_ID")
"""Variables that ``accelerate launch`` and ``torchrun`` set for the processes that they start."""
_THREADS_FLAG = re.compile(rb"\0--num[_-]cpu[_-]threads[_-]per[_-]process[\0=]")


def usable_cores() -> int:
    """Cores that this process may run on: fewer than the machine has where affinity or a container's quota say so."""
    from joblib import cpu_count  # takes a tenth of a second to import

    return int(cpu_count())


def launcher_set_one_thread() -> bool:
    """Whether ``OMP_NUM_THREADS=1`` in our environment is a launcher's default and nobody's wish.

    ``accelerate launch`` and ``torchrun`` set it where the variable is not set. So it is theirs if they started this
    process (their marks are there) without having the variable themselves or the flag for it. Where the system does
    not show a parent's environment, it is taken to be theirs.
    """
    if os.environ.get("OMP_NUM_THREADS") != "1" or not any(mark in os.environ for mark in LAUNCHER_MARKS):
        return False
    launcher = Path(f"/proc/{os.getppid()}")
    try:
        environment, command = (b"\0" + (launcher / file).read_bytes() for file in ("environ", "cmdline"))
    except OSError:
        return True
    return b"\0OMP_NUM_THREADS=" not in environment and not _THREADS_FLAG.search(command)
