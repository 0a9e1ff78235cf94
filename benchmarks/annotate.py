"""Describing 100 images by an endpoint that answers in 0.2 s: ours against the naive form.

    python benchmarks/annotate.py --sentence-model sentence-transformers/all-MiniLM-L6-v2

The endpoint (tests/openai_server.py, a process of its own) is asked by the real client; Sentence-BERT is real. The
naive form asks one candidate a request, one request after the other, and rewrites one JSON file after each image.
Loading libraries and Sentence-BERT is left out of all times, selecting is in them. What Sentence-BERT takes alone, at
once for all texts, is beside them, and the same run with random vectors in its place. The ideal is requests * 0.2 s /
concurrency.
Times go to benchmarks/results/annotate.json. Linux (bytes written are those of /proc/self/io).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

LATENCY, IMAGES, SIDE, CONCURRENCY, BAR = 0.2, 100, 200, 32, 1.25
POOR = 0.5
"""Share of images whose candidates leave dimensions out, so that a supplement is asked for."""
RESULT = Path(__file__).parent / "results" / "annotate.json"


def main() -> None:
    """Time all, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sentence-model", default="sentence-transformers/all-MiniLM-L6-v2")
    parser.add_argument("--out", type=Path, default=RESULT)
    parser.add_argument("--skip-naive", action="store_true", help="It takes minutes.")
    options = parser.parse_args()
    os.environ["OPENAI_API_KEY"] = "loopback"
    from steeldefectx.annotate.pipeline.selection import SentenceModel

    encode = SentenceModel(options.sentence_model).encode
    encode(["Warm up."] * 4)
    from steeldefectx.annotate.pipeline import run  # noqa: F401  openai and SQLAlchemy: loaded before the clock runs

    rows = []
    with tempfile.TemporaryDirectory() as folder:
        images = render(Path(folder))
        for several in ("yes", "ignored"):
            for form, vectors in (("ours", encode), ("ours, random vectors", random_vectors)):
                path = Path(folder) / f"{several} {form}.db"
                rows.append({"form": form, "n": several} | ours(images, path, several, vectors))
        sentence_bert = seconds_alone(Path(folder) / "yes ours.db", encode)
        if not options.skip_naive:
            rows.append({"form": "naive", "n": "not asked"} | naive(images, Path(folder) / "naive.json", encode))
    for row in rows:
        ideal = row["requests"] * LATENCY / (1 if row["form"] == "naive" else CONCURRENCY)
        row |= {"ideal": round(ideal, 3), "ratio": round(row["wall"] / ideal, 3)}
        print(json.dumps(row))
    result = {
        "images": IMAGES,
        "latency": LATENCY,
        "concurrency": CONCURRENCY,
        "bar": BAR,
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "sentence_bert_alone": sentence_bert,
        "rows": rows,
    }
    print(f"Sentence-BERT alone: {sentence_bert} s")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=1) + "\n")


def random_vectors(texts: list[str]) -> Any:
    """In place of Sentence-BERT's, to see what all else takes."""
    vectors = np.random.default_rng(0).normal(size=(len(texts), 384))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def seconds_alone(path: Path, encode: Any) -> float:
    """Sentence-BERT's time for all texts of a store in one call."""
    from steeldefectx.store.annotation_store import Store

    store = Store.open(path)
    texts = [candidate.text for image in store.images() for candidate in store.candidates(image.image_id)]
    start = time.perf_counter()
    encode(texts)
    return round(time.perf_counter() - start, 3)


def render(folder: Path) -> list[Any]:
    """Synthetic images, as the store has them."""
    from steeldefectx.render import sample
    from steeldefectx.store.schema import AnnotatedImage

    images = []
    for index in range(IMAGES):
        row = sample.sample_row(index, IMAGES, SIDE, 0)
        path = folder / f"{index}.png"
        path.write_bytes(row["image"]["bytes"])
        images.append(AnnotatedImage(row["image_id"], row["label"], row["source"], row["T1"], str(path), None, ""))
    return images


@contextmanager
def endpoint(several: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """An endpoint's URL, and what it has counted once it is gone."""
    command = [sys.executable, "-m", "tests.openai_server", "--latency", str(LATENCY), "--several", several]
    command += ["--poor", str(POOR)]
    environment = os.environ | {"PYTHONPATH": "."}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        counted: dict[str, Any] = {}
        yield server.stdout.readline().strip(), counted
        server.stdin.close()
        counted.update(json.loads(server.stdout.readline()))


@contextmanager
def measured() -> Iterator[dict[str, Any]]:
    """Wall and processor seconds, and bytes written."""
    found: dict[str, Any] = {}
    wall, processor, written = time.perf_counter(), time.process_time(), bytes_written()
    yield found
    found["wall"] = round(time.perf_counter() - wall, 3)
    found["processor"] = round(time.process_time() - processor, 3)
    found["bytes_written"] = bytes_written() - written


def bytes_written() -> int:
    """Handed to write() by this process so far; what goes to sockets is not among it."""
    fields = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(fields["wchar"])


def ours(images: list[Any], path: Path, several: str, encode: Any) -> dict[str, Any]:
    """The pipeline."""
    from steeldefectx.annotate.pipeline.client import Endpoint
    from steeldefectx.annotate.pipeline.costs import Budget
    from steeldefectx.annotate.pipeline.image_pipeline import ImagePipeline
    from steeldefectx.annotate.pipeline.image_queue import ImageQueue
    from steeldefectx.annotate.pipeline.prompts import SamplingConfig
    from steeldefectx.annotate.pipeline.run import run_live
    from steeldefectx.annotate.pipeline.sender import RequestSender
    from steeldefectx.annotate.pipeline.sentence_encoder import SentenceEncoder
    from steeldefectx.store.annotation_store import Store
    from steeldefectx.store.leases import Leases

    store = Store.open(path)
    store.add_images(images)
    encoder = SentenceEncoder(encode)
    pipeline = ImagePipeline(store, SamplingConfig(), encoder)
    with Leases(store) as leases, endpoint(several) as (url, counted), measured() as found:
        sender = RequestSender(Endpoint("benchmark", url, None, 60.0), leases, Budget(None), CONCURRENCY)
        asyncio.run(run_live(ImageQueue(images, leases), pipeline, encoder, sender))
    assert len(store.annotated()) == IMAGES
    return found | counted


def naive(images: list[Any], path: Path, encode: Any) -> dict[str, Any]:
    """One request after the other, one JSON file written anew after each image; the same selection."""
    import openai

    from steeldefectx.annotate.pipeline.prompts import CANDIDATES, SUPPLEMENT, SamplingConfig, chat_request
    from steeldefectx.annotate.pipeline.selection import ScoredCandidate, needs_supplement, select_candidates
    from steeldefectx.language.coverage import coverage

    sampling = SamplingConfig()
    with endpoint("yes") as (url, counted), measured() as found:
        client = openai.OpenAI(base_url=url)

        def complete(request: Any) -> str:
            reply = client.chat.completions.create(model="benchmark", messages=request.messages(), **request.parameters)
            return str(reply.choices[0].message.content)

        results = {}
        for image in images:
            request = chat_request(CANDIDATES, image, sampling)
            texts = [complete(request) for _ in range(sampling.candidates)]
            candidates = [ScoredCandidate(text, False, 0, coverage(text).bits) for text in texts]
            if needs_supplement(select_candidates(candidates, encode(texts))):
                texts.append(complete(chat_request(SUPPLEMENT, image, sampling)))
            results[image.image_id] = texts
            path.write_text(json.dumps(results, indent=1))
    return found | counted


if __name__ == "__main__":
    main()
