"""The cores that a process may use, told apart from those of the machine; a thread count that a person has set."""

import os
import subprocess
import sys

import pytest

from steeldefectx.utils import cores

CHILD = f"import runpy; print(runpy.run_path({cores.__file__!r})['launcher_set_one_thread']())"
LAUNCHER = """
import os, subprocess, sys
os.environ.setdefault("OMP_NUM_THREADS", "1")
if "unmarked" not in sys.argv:
    os.environ["ACCELERATE_MIXED_PRECISION"] = "no"
subprocess.run([sys.executable, "-c", os.environ["CHILD"]], check=True)
"""


@pytest.mark.parametrize(
    ("arguments", "environment", "expected"),
    [
        ([], {}, "True"),
        ([], {"OMP_NUM_THREADS": "1"}, "False"),
        ([], {"OMP_NUM_THREADS": "2"}, "False"),
        (["--num_cpu_threads_per_process", "1"], {}, "False"),
        (["--num-cpu-threads-per-process=1"], {}, "False"),
        (["unmarked"], {}, "False"),
    ],
    ids=["default", "wished", "two", "flag", "flag=", "no launcher"],
)
def test_one_thread_is_the_launchers_only_where_nobody_asked_for_it(arguments, environment, expected):
    ours = {name: value for name, value in os.environ.items() if name not in ("OMP_NUM_THREADS", *cores.LAUNCHER_MARKS)}
    started = subprocess.run(
        [sys.executable, "-c", LAUNCHER, *arguments],
        env=ours | environment | {"CHILD": CHILD}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert started.stdout.strip() == expected


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity on this system")
def test_cores_are_those_of_the_affinity():
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert cores.usable_cores() == 1
    finally:
        os.sched_setaffinity(0, before)
    assert cores.usable_cores() == len(before)
