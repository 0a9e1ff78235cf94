"""How many processes a run really has."""

from __future__ import annotations

import os
import re
from pathlib import Path

from steeldefectx.errors import ConfigError

_COUNT = re.compile(r"\0--num[_-]processes(?:\0|=)(\d+)\0")


def refuse_lost_processes(running: int) -> None:
    """Check that as many processes run as were asked for.

    ``accelerate launch --cpu --num_processes 2`` starts one and says nothing: the only trace of the two is the
    launcher's own command line, read where the system shows it.

    Raises:
        ConfigError: There are fewer.
    """
    asked = int(os.environ.get("WORLD_SIZE", "1"))
    launcher = Path(f"/proc/{os.getppid()}/cmdline")
    if "WORLD_SIZE" not in os.environ and launcher.is_file():
        words = launcher.read_bytes().decode("utf-8", "replace")
        found = _COUNT.search(words)
        if "accelerate" in words and found:
            asked = int(found[1])
    if running < asked:
        raise ConfigError(
            f"{asked} processes were asked for and {running} runs: `accelerate launch` starts one without a GPU. On "
            f"CPUs, ACCELERATE_USE_CPU=true torchrun --nproc-per-node {asked} train.py ... starts {asked}."
        )
