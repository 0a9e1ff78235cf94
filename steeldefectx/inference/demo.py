"""``steeldefectx demo``: a page to drop an image on, and see what one checkpoint, or two, make of it."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio
import torch
from PIL import Image

from steeldefectx.data.images import open_image
from steeldefectx.data.labelled import image_bytes
from steeldefectx.errors import ConfigError, DataError
from steeldefectx.inference.classifier import SteelDefectClassifier
from steeldefectx.inference.explain.overlay import draw
from steeldefectx.inference.explain.saliency import class_mean, class_saliency, saliency
from steeldefectx.inference.search import Index, load_index
from steeldefectx.models.image_classifier import ImageClassifier
from steeldefectx.taxonomy import find_class, t0_sentence
from steeldefectx.utils.grey_levels import to_display

TOP_K = 5
NEAREST = 4
STYLE = """
.gradio-container { max-width: 76rem !important; margin: 0 auto !important; }
.checkpoint { overflow-wrap: anywhere; }
"""


@dataclass
class Answer:
    """What the page shows of an image, by a checkpoint."""

    probabilities: dict[str, float]
    about: str
    """Markdown: what the predicted class looks like, and its likely cause."""
    overlay: Image.Image
    explained: str
    """What the overlay is of."""
    nearest: list[tuple[Image.Image, str]]
    """The training images most like it, with their classes."""


class Panel:
    """A checkpoint, ready to answer.

    Args:
        checkpoint: Output folder of a run, or Hub id.

    Raises:
        ModelError: No checkpoint that can be loaded.
        DataError: The images that it was trained on cannot be used.
    """

    def __init__(self, checkpoint: str):
        self.checkpoint = checkpoint
        self.classifier = SteelDefectClassifier.from_pretrained(checkpoint)
        self.index: Index | None = None
        self.index_classes: list[str] = []
        self.of = "training images"
        self.class_means: dict[str, torch.Tensor] = {}
        model = self.classifier.model
        if not isinstance(model, ImageClassifier):
            self.class_means = {level: class_mean(model, self.classifier.classes, level) for level in ("T0", "T1")}
            self.index, self.index_classes, self.of = _index(checkpoint)
            self.index.images()  # encoded now, not when the first visitor waits

    def show(self, image: Image.Image, text: str) -> Answer:
        """Predict an image, explain a text in it (T0 of the predicted class where it is empty), find ones like it."""
        (prediction,) = self.classifier.predict([image], top_k=TOP_K)
        label, model = prediction.labels[0], self.classifier.model
        image = model.to_rgb(image)
        if isinstance(model, ImageClassifier):
            asked = label
            (maps,) = class_saliency(model, [image], [[model.classes.index(label)]])
        else:
            asked = text.strip() or t0_sentence(label)
            against = self.class_means["T0" if asked == t0_sentence(label) else "T1"]
            (maps,) = saliency(model, [image], [[asked]], [against])
        return Answer(
            probabilities=dict(zip(prediction.labels, prediction.probabilities, strict=True)),
            about=_about(label),
            overlay=draw(image, maps[0]),
            explained=asked,
            nearest=self._nearest(image),
        )

    def _nearest(self, image: Image.Image) -> list[tuple[Image.Image, str]]:
        if self.index is None:
            return []
        hits = self.index.images_for_image(image, NEAREST)
        return [(_decoded(self.index.cell(hit.row)), self.index_classes[self.index.labels[hit.row]]) for hit in hits]


def _index(checkpoint: str) -> tuple[Index, list[str], str]:
    """The training images of the checkpoint's own run; of the synthetic sample where it does not name any.

    With their classes, and what they are.
    """
    try:
        return (*load_index(checkpoint, None, None, "train", "T0"), "training images")
    except ConfigError:
        return (*load_index(checkpoint, "sample", None, "train", "T0"), "synthetic images")


def _about(label: str) -> str:
    known = find_class(label)
    if known is None:
        return f"**{label}**, a class of your own."
    return f"**{known.name}**: {known.looks}. Likely cause: {known.cause}."


def _decoded(cell: dict[str, Any]) -> Image.Image:
    return to_display(open_image(io.BytesIO(image_bytes(cell))))


def _as_file(uploaded: Any) -> str | None:
    """The path of what was uploaded. Gradio itself would open it and fail, without a word, on what is no image."""
    return None if uploaded is None else uploaded.path


def build_page(panels: Sequence[Panel]) -> gradio.Blocks:
    """The page: an image and a text on top, a column for each checkpoint below."""
    with gradio.Blocks(title="SteelDefectX demo", analytics_enabled=False) as page:
        gradio.Markdown("# SteelDefectX\nDrop an image of a steel surface: what is it, where does the model see it?")
        with gradio.Row():
            picture = gradio.Image(label="Image", sources=["upload", "clipboard"], buttons=[], height=320)
            picture.preprocess = _as_file  # type: ignore[method-assign, assignment]
            with gradio.Column():
                text = gradio.Textbox(
                    label="Text to look for", placeholder="a dark vertical scratch", max_length=1000,
                    info="Left empty, the predicted class's T0.",
                )  # fmt: skip
                button = gradio.Button("Look", variant="primary")
        outputs: list[Any] = []
        with gradio.Row():
            for panel in panels:
                with gradio.Column():
                    gradio.Markdown(f"### {Path(panel.checkpoint).name}", elem_classes="checkpoint")
                    outputs += [
                        gradio.Label(label="Class", num_top_classes=TOP_K),
                        gradio.Markdown(),
                        gradio.Image(label="Where", interactive=False, buttons=["download"], height=320),
                        gradio.Markdown(),
                        gradio.Gallery(
                            label=f"Nearest {panel.of}", columns=NEAREST, rows=1, height=200, buttons=[],
                            visible=panel.index is not None,
                        ),
                    ]  # fmt: skip

        def look(file: str | None, asked: str) -> list[Any]:
            """Fill all columns."""
            if file is None:
                raise gradio.Error("Drop an image first.", print_exception=False)
            try:
                image = open_image(Path(file))
            except DataError as error:
                reason = str(error).replace(file, "The file", 1)
                raise gradio.Error(reason, print_exception=False) from error
            columns = [panel.show(image, asked) for panel in panels]
            return [
                part
                for column in columns
                for part in (
                    column.probabilities,
                    column.about,
                    column.overlay,
                    f"*{column.explained}*",
                    column.nearest,
                )
            ]

        gradio.on([button.click, text.submit, picture.upload], look, [picture, text], outputs, api_name="look")
    return page


def serve(checkpoints: Sequence[str], port: int, *, block: bool = True) -> str:
    """Serve the page on this machine alone, until interrupted.

    Args:
        checkpoints: One, or two to compare.
        port: Where to listen; 0 takes a free one.
        block: Whether to wait for the interruption.

    Returns:
        The page's address.

    Raises:
        ConfigError: No checkpoint, more than two, or a port that is taken.
        ModelError: No checkpoint that can be loaded.
    """
    if not 1 <= len(checkpoints) <= 2:
        raise ConfigError("Give one --checkpoint, or two to compare.")
    page = build_page([Panel(checkpoint) for checkpoint in checkpoints])
    try:
        _, address, _ = page.launch(
            server_name="127.0.0.1", server_port=port or None, share=False, quiet=True, footer_links=[], ssr_mode=False,
            theme=gradio.themes.Base(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]),
            css=STYLE, max_file_size="100mb", prevent_thread_lock=True,
        )  # fmt: skip
    except OSError as error:
        raise ConfigError(f"Port {port} of 127.0.0.1 cannot be listened on; give another --port.") from error
    print(f"The demo is at {address} (Ctrl+C ends it).")
    if block:
        page.block_thread()
    return address
