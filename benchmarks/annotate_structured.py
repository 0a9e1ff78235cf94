"""`annotate` with free text and with a sentence for each dimension, on the same findings of a simulated server.

    python benchmarks/annotate_structured.py --sentence-model sentence-transformers/all-MiniLM-L6-v2

No model looks at images here. The server knows what the renderer drew, leaves out and falsifies some of it at random
(as the sample's own drafts do), and says the same findings in either form, so the figures are about parsing, selection
and requests, and say nothing about how well a model answers either question. Coverage is that of the chosen texts;
contradictions are those that `verify` finds in them by the mask. Results go to
benchmarks/results/annotate-structured.json.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from steeldefectx.language import descriptions
from steeldefectx.language.attributes import Attributes, attributes_from_mask
from tests.openai_server import OpenAIServer, Request

RESULT = Path(__file__).parent / "results" / "annotate-structured.json"
IMAGES = 60


class DescribingServer(OpenAIServer):
    """Says what was drawn, with some of it left out or wrong: the same for a choice of an image in either form."""

    def __init__(self, drawn: dict[str, tuple[str, Attributes]], *, knows_formats: bool = True):
        super().__init__()
        self.drawn = drawn
        self.knows_formats = knows_formats

    def text(self, request: Request, number: int) -> str:
        """A choice's text."""
        if request.step == "sight":
            return super().text(request, number)
        class_name, attributes = self.drawn[str(request.image)]
        rng = np.random.default_rng(random.Random(f"{request.image} {number}").getrandbits(64))
        drawn = descriptions.write_texts(class_name, attributes, "shallow", rng)
        facts = descriptions.facts_of(attributes, "shallow")
        draft = {name: value for name, value in facts.items() if name not in drawn.missing}
        for dimension in drawn.corrupted:
            draft[dimension] = descriptions._wrong(dimension, facts[dimension], attributes, rng)
        style: dict[str, float] = {slot: float(rng.random()) for slot in descriptions.SLOTS}
        for dimension in descriptions.DIMENSIONS:
            style |= {f"{word} {dimension}": float(rng.random()) for word in ("order", "phrase")}
        if request.step == "candidates":
            return descriptions._write(class_name, draft, style)
        many = draft["number"] != "one"
        subject = "They" if many else "It"
        sentences = {
            dimension: f"{subject} {descriptions._agree(descriptions._predicate(dimension, draft, style), many)}."
            for dimension in descriptions.DIMENSIONS
            if dimension in draft and dimension != "shape"
        }
        if "shape" in draft:
            sentences["shape"] = f"{'There are' if many else 'There is'} {descriptions._what(draft, style)}."
        return json.dumps({name: sentences.get(name, "not visible") for name in descriptions.DIMENSIONS})


def main() -> None:
    """Describe the same images in both forms, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sentence-model", default="sentence-transformers/all-MiniLM-L6-v2")
    parser.add_argument("--out", type=Path, default=RESULT)
    options = parser.parse_args()
    os.environ["OPENAI_API_KEY"] = "loopback"
    from steeldefectx.annotate.pipeline.dataset_images import find_images

    images = find_images("sample", None, skip_bad=False)[0][:IMAGES]
    drawn = {}
    for image in images:
        with Image.open(image.path) as opened, Image.open(str(image.mask)) as mask:
            attributes = attributes_from_mask(np.asarray(opened.convert("L")), np.asarray(mask.convert("L")) > 127)
        drawn[image.sha256] = (image.class_name, attributes)
    forms = {}
    for structured in (False, True):
        name = "structured" if structured else "free text"
        with tempfile.TemporaryDirectory() as folder, DescribingServer(drawn) as server:
            forms[name] = described(images, Path(folder), server, structured, options.sentence_model)
        print(name, json.dumps(forms[name]))
    options.out.write_text(json.dumps({"simulated": True, "images": len(images), "forms": forms}, indent=1) + "\n")


def described(
    images: list[Any], folder: Path, server: DescribingServer, structured: bool, sentence_model: str
) -> dict[str, Any]:
    """Counts of one run."""
    from steeldefectx.annotate.desk.verify_store import verify_store
    from steeldefectx.annotate.pipeline.prompts import SamplingConfig
    from steeldefectx.annotate.pipeline.run import AnnotationConfig, annotate
    from steeldefectx.store.annotation_store import Store

    store = Store.open(folder / "a.db")
    sampling = SamplingConfig(structured=structured)
    annotate(images, store, AnnotationConfig("simulated", server.url, sentence_model=sentence_model, sampling=sampling))
    chosen = [next(c for c in store.candidates(image.image_id) if c.chosen) for image in images]
    checked = [row.checked for row in verify_store(store, anew=True)]
    return {
        "requests": len(server.log),
        "supplements": sum(r.step == "supplement" and "response_format" not in r.body for r in server.log),
        "mean_coverage": round(float(np.mean([sum(c.coverage) for c in chosen])), 3),
        "all_five": round(float(np.mean([all(c.coverage) for c in chosen])), 3),
        "with_contradiction": round(float(np.mean([bool(c.contradictions) for c in checked])), 3),
        "contradictions": sum(len(c.contradictions) for c in checked),
        "words": round(float(np.mean([len(c.text.split()) for c in chosen])), 1),
        "example": chosen[0].text,
    }


if __name__ == "__main__":
    main()
