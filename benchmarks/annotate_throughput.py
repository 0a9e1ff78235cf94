"""`steeldefectx annotate` on 200 images by an endpoint that answers in 0.5 s, 16 requests at a time.

    python benchmarks/annotate_throughput.py --before v0.1 --sentence-model sentence-transformers/all-MiniLM-L6-v2

The whole command runs as a user starts it, against a real server (tests/openai_server.py, a process of its own) that
gives four choices a request, or one (`n` is ignored: four requests an image, a fifth where dimensions are missing). The
ideal is requests * latency / concurrency. `ratio` is the time from the first request to the last description in the
store, over the ideal; `command` is all of it, imports and Sentence-BERT's loading too; `processor` is what the command
took of the cores. `--before` names a commit that is measured in the same run, out of an archive of it.
Results go to benchmarks/results/annotate-throughput.json.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULT = ROOT / "benchmarks" / "results" / "annotate-throughput.json"
IMAGES, SIDE, LATENCY, CONCURRENCY, BAR = 200, 200, 0.5, 16, 1.5
POOR = 0.3
"""Share of the images whose candidates leave dimensions out, so that a supplement is asked for."""


def main() -> None:
    """Time each tree with each kind of server, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sentence-model", default="sentence-transformers/all-MiniLM-L6-v2")
    parser.add_argument("--before", help="Commit to compare with.")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--out", type=Path, default=RESULT)
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        images = render(folder / "images")
        trees = {"now": ROOT}
        if options.before:
            trees = {options.before: unpacked(options.before, folder / "before")} | trees
        for several in ("yes", "ignored"):
            for tree, path in trees.items():
                store = folder / f"{several}-{path.name}.db"
                row = {"tree": tree, "n": several} | timed(path, images, store, several, options.sentence_model)
                print(json.dumps(row), flush=True)
                rows.append(row)
    head = {"images": IMAGES, "latency": LATENCY, "concurrency": CONCURRENCY, "bar": BAR, "cores": os.cpu_count()}
    options.out.write_text(json.dumps(head | {"rows": rows}, indent=1) + "\n")


def render(folder: Path) -> Path:
    """Synthetic images in class folders, of NEU's size."""
    from PIL import Image

    from steeldefectx.render import sample

    for index in range(IMAGES):
        row = sample.sample_row(index, IMAGES, SIDE, 0)
        path = folder / sample.class_of(index) / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(row["image"]["bytes"])
        with Image.open(path) as image:
            assert image.size == (SIDE, SIDE)
    return folder


def unpacked(commit: str, folder: Path) -> Path:
    """The tree of a commit."""
    folder.mkdir()
    archive = subprocess.run(["git", "archive", commit, "steeldefectx"], cwd=ROOT, check=True, capture_output=True)
    subprocess.run(["tar", "-x", "-C", folder], input=archive.stdout, check=True)
    return folder


def timed(tree: Path, images: Path, store: Path, several: str, sentence_model: str) -> dict[str, Any]:
    """Run the command, and say what it took."""
    server_words = [sys.executable, "-m", "tests.openai_server", "--latency", str(LATENCY), "--several", several]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [*server_words, "--poor", str(POOR)], stdin=pipe, stdout=pipe, text=True, env=os.environ | {"PYTHONPATH": "."},
        cwd=ROOT,
    ) as server:  # fmt: skip
        assert server.stdin is not None
        assert server.stdout is not None
        words = [sys.executable, "-m", "steeldefectx", "annotate", str(images), "--config", "class-folders"]
        words += ["--store", str(store), "--model", "benchmark", "--base-url", server.stdout.readline().strip()]
        words += ["--sentence-model", sentence_model, "--concurrency", str(CONCURRENCY)]
        environment = os.environ | {"PYTHONPATH": str(tree), "OPENAI_API_KEY": "loopback"}
        processor = children_seconds()
        started = time.time()
        command = subprocess.Popen(words, cwd=tree, env=environment, stderr=subprocess.DEVNULL, stdout=pipe, text=True)
        last_described = watch(command, store)
        ended = time.time()
        assert command.returncode == 0, command.communicate()[0]
        processor = children_seconds() - processor
        server.stdin.close()
        counted = json.loads(server.stdout.readline())
    ideal = counted["requests"] * LATENCY / CONCURRENCY
    wall = last_described - counted["first"]
    seconds = {"ideal": ideal, "wall": wall, "command": ended - started, "processor": processor}
    row = {"requests": counted["requests"], "ratio": round(wall / ideal, 2)}
    return row | {name: round(value, 1) for name, value in seconds.items()} | {"load": round(os.getloadavg()[0], 1)}


def watch(command: subprocess.Popen[str], store: Path) -> float:
    """Wait for the command; when its last description came into the store."""
    described, when = 0, 0.0
    while command.poll() is None:
        time.sleep(0.05)
        if described == IMAGES or not store.is_file():
            continue
        with sqlite3.connect(f"file:{store}?mode=ro", uri=True) as database:
            try:
                found = database.execute("SELECT count(*) FROM candidates WHERE chosen").fetchone()[0]
            except sqlite3.OperationalError:  # no tables yet
                continue
        database.close()
        if found > described:
            described, when = found, time.time()
    return when


def children_seconds() -> float:
    """Processor seconds of all children that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
