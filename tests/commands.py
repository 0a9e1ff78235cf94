"""Commands as typed, each in a process of its own: a fork of one that has imported what they import.

A fresh interpreter spends six seconds on imports, of which torch's are the most, and the suite runs many commands. What
depends on a fresh one (launchers, the Hub's settings, being killed) is run by ``subprocess``.
"""

import fcntl
import multiprocessing
import multiprocessing.util
import os
import pty
import re
import runpy
import select
import struct
import sys
import tempfile
import termios
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
COMMAND = Path(sys.executable).with_name("steeldefectx")
multiprocessing.util.get_temp_dir()  # now: a test may name another folder, whose path is too long for a socket's
FORKS = multiprocessing.get_context("forkserver")
"""There is one such process for all of a test run's worker: what is imported there has to be said once."""
FORKS.set_forkserver_preload(
    ["steeldefectx.cli.app", "steeldefectx.training.run", "steeldefectx.inference.evaluation",
     "steeldefectx.inference.prediction_table", "steeldefectx.annotate.pipeline.run", "sentence_transformers"]
)  # fmt: skip


@dataclass
class Done:
    returncode: int
    stdout: str
    stderr: str


class Command:
    """A Python program, ``train.py`` or ``COMMAND``, started with its flags."""

    def __init__(self, *words, cwd=ROOT, environment=None):
        self.words = list(map(str, words))
        self.folder = tempfile.TemporaryDirectory()
        self.printed = [Path(self.folder.name) / name for name in ("stdout", "stderr")]
        arguments = (self.words, str(cwd), os.environ | (environment or {}), *self.printed)
        self.process = FORKS.Process(target=_program, args=arguments)
        self.process.start()

    def ended(self, check=True, timeout=280):
        """What it printed and its exit code."""
        self.process.join(timeout)
        if self.process.is_alive():
            self._kill()
        done = Done(self.process.exitcode, *(file.read_text() if file.exists() else "" for file in self.printed))
        assert done.returncode == 0 or not check, f"{' '.join(self.words)}\n{done.stderr[-2000:]}"
        return done

    def kill_when(self, happened, timeout=240):
        """End it as a power cut does, with SIGKILL, as soon as something has happened."""
        deadline = time.monotonic() + timeout
        while not happened():
            assert self.process.is_alive(), f"it ended before that\n{self.printed[1].read_text()[-2000:]}"
            assert time.monotonic() < deadline, "it never happened"
            time.sleep(0.005)
        self._kill()

    def _kill(self):
        self.process.kill()
        self.process.join()


def run(*words, cwd=ROOT, environment=None, check=True, timeout=280):
    """What a command printed and its exit code."""
    return Command(*words, cwd=cwd, environment=environment).ended(check, timeout)


def run_in_terminal(*words, columns, cwd=ROOT):
    """What a command shows in a terminal so many columns wide, without its colours."""
    terminal, program_side = pty.openpty()
    fcntl.ioctl(program_side, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    environment = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "LINES", "NO_COLOR")}
    shown = b""
    with tempfile.TemporaryDirectory() as folder:
        arguments = (list(map(str, words)), str(cwd), environment | {"TERM": "xterm"}, os.ttyname(program_side))
        process = FORKS.Process(target=_program, args=(*arguments, Path(folder) / "stderr"))
        process.start()
        while process.is_alive() or select.select([terminal], [], [], 0)[0]:
            if select.select([terminal], [], [], 0.05)[0]:
                shown += os.read(terminal, 65536)
        process.join()
        printed = (Path(folder) / "stderr").read_text()
    os.close(program_side)
    os.close(terminal)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode()).replace("\r\n", "\n")
    return Done(process.exitcode, text, printed)


def _program(words, cwd, environment, out, err):
    for number, file in ((1, out), (2, err)):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT), number)
    sys.stdout, sys.stderr = (open(number, "w", buffering=1, closefd=False) for number in (1, 2))  # noqa: SIM115
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    sys.argv = words
    sys.path[0] = str(Path(words[0]).resolve().parent)
    runpy.run_path(words[0], run_name="__main__")
