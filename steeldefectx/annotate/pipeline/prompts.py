"""What models are asked: the prompts, how answers are sampled, and the chat requests made of both."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from PIL import Image, UnidentifiedImageError

from steeldefectx.annotate.pipeline.costs import LONG_SIDE, SHORT_SIDE, Prices, image_tokens, text_tokens
from steeldefectx.data.images import image_formats, open_image, traits_of
from steeldefectx.errors import DataError, DriveGoneError
from steeldefectx.language.coverage import DIMENSIONS
from steeldefectx.store.schema import AnnotatedImage
from steeldefectx.utils.grey_levels import to_display

PROMPT_VERSION = "1"
"""Stored with every answer; a change of any prompt below needs another version."""

SYSTEM = (
    "You are an experienced inspector of steel strip. You report what can be seen in a picture of a steel surface, "
    "in plain technical English, and nothing that cannot be seen."
)

DESCRIBE = (
    "This picture of a steel surface has a defect of the class {class_name}. Describe the defect as it is in this "
    "very picture, in two or three short, clear sentences of running text: how it looks, its shape, its size in "
    "relation to the picture, whether it is deep or shallow, where in the picture it lies, and how it stands out "
    "against the steel around it. Do not guess at causes or consequences, and do not speak of the picture itself."
)

SUPPLEMENT_QUESTIONS = (
    "This picture of a steel surface has a defect of the class {class_name}. Answer five questions about it, each in "
    "one short sentence that can be understood by itself.\n"
    "shape: What shape does it have?\n"
    "size: How large is it in relation to the picture?\n"
    "depth: Is it raised, flat, shallow or deep?\n"
    "location: In which part of the picture does it lie?\n"
    "contrast: Is it darker or brighter than the steel around it, and how clearly does it stand out?\n"
    'Reply with one JSON object with the keys "shape", "size", "depth", "location" and "contrast" and nothing else. '
    'Where the picture does not show it, the answer is "{not_visible}".'
)
NOT_VISIBLE = "not visible"
"""The supplement's answer about a dimension that the image does not show."""

CLASS_SYSTEM = (
    "You are a metallurgist who writes a catalogue of steel surface defects for inspectors. You answer with one noun "
    "phrase and nothing else: no full sentence, no list, no final period."
)

CLASS_LOOKS = (
    'What does the steel surface defect "{class_name}" look like in a grey camera picture? Name what tells it from '
    "other defects: its shape, brightness, texture and arrangement. At most 15 words."
)

CLASS_CAUSE = (
    'What in the making of steel strip causes the surface defect "{class_name}"? Answer with what follows the words '
    '"caused by". At most 12 words.'
)

SIGHT_QUESTION = (
    "One of these is in the picture: a large disc, fine stripes, a cross, a chequerboard, or letters. "
    "Say in one short sentence which of them it is, and nothing else."
)

CANDIDATES, SUPPLEMENT, LOOKS, CAUSE, SIGHT = STEPS = (
    "candidates",
    "supplement",
    "class-looks",
    "class-cause",
    "sight",
)
"""Kinds of requests: two about an image, two about a class, one about a picture that shows whether the model sees."""
_PROMPTS = {
    CANDIDATES: (SYSTEM, DESCRIBE),
    SUPPLEMENT: (SYSTEM, SUPPLEMENT_QUESTIONS),
    LOOKS: (CLASS_SYSTEM, CLASS_LOOKS),
    CAUSE: (CLASS_SYSTEM, CLASS_CAUSE),
    SIGHT: ("You say what is in a picture.", SIGHT_QUESTION),
}

RESPONSE_FORMAT: dict[str, Any] = {
    "type": "json_schema",
    "json_schema": {
        "name": "defect_description",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {dimension: {"type": "string"} for dimension in DIMENSIONS},
            "required": list(DIMENSIONS),
            "additionalProperties": False,
        },
    },
}
"""What a structured answer is held to: a sentence for each dimension."""

SENT_UNCHANGED = {("PNG", "L"), ("PNG", "RGB"), ("JPEG", "L"), ("JPEG", "RGB")}
"""File formats and modes that every endpoint reads."""
HARMLESS_METADATA = {"jfif", "jfif_version", "jfif_unit", "jfif_density", "dpi", "gamma", "interlace", "progressive"}
"""All other metadata, such as EXIF and comments, is not sent."""


@dataclass(frozen=True)
class SamplingConfig:
    """How many answers are asked for and how they are sampled; defaults are SteelDefectX's (arXiv 2603.21824)."""

    candidates: int = 4
    """Descriptions of each image."""
    temperature: float | None = 0.9
    """None leaves it to the endpoint, as with the next one."""
    top_p: float | None = 0.9
    max_tokens: int = 80
    """Of a description."""
    supplement_max_tokens: int = 300
    """Of the answer about the five dimensions, which is JSON; not from the paper."""
    class_candidates: int = 8
    """Answers about a class for each kind of request; not from the paper, as the next one."""
    class_max_tokens: int = 60
    structured: bool = False
    """Candidates are asked for as the supplement is, a sentence for each dimension, by ``response_format``."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """More parameters of a request, in place of those of the same name; None leaves one out."""

    def with_max_tokens(self, tokens: int | None) -> SamplingConfig:
        """The same with another limit, for all answers where it is a higher one; None changes nothing."""
        if tokens is None:
            return self
        others = {name: max(tokens, getattr(self, name)) for name in ("supplement_max_tokens", "class_max_tokens")}
        return replace(self, max_tokens=tokens, **others)


@dataclass(frozen=True)
class ChatRequest:
    """A request for one or more choices of chat completions."""

    step: str
    """One of :data:`STEPS`."""
    class_name: str
    image: AnnotatedImage | None
    """None where the request is about the class."""
    n: int
    """Choices."""
    max_tokens: int
    temperature: float | None
    top_p: float | None
    extra: Mapping[str, Any] = field(default_factory=dict)
    """More parameters, see :class:`SamplingConfig`."""
    structured: bool = False
    """A description is asked for as a sentence for each dimension."""

    @property
    def image_id(self) -> str:
        """Id of the image; empty where the request is about a class."""
        return "" if self.image is None else self.image.image_id

    @property
    def parameters(self) -> dict[str, Any]:
        """Parameters in the request's body; ``n`` is left out where it is 1, as some endpoints do not know it."""
        parameters: dict[str, Any] = {"temperature": self.temperature, "top_p": self.top_p}
        parameters |= {"max_tokens": self.max_tokens, "response_format": RESPONSE_FORMAT if self.structured else None}
        parameters |= {**self.extra, "n": self.n if self.n > 1 else None}
        return {name: value for name, value in parameters.items() if value is not None}

    def prompts(self) -> tuple[str, str]:
        """System prompt and user prompt."""
        system, user = _PROMPTS[SUPPLEMENT if self.structured else self.step]
        return system, user.format(class_name=self.class_name, not_visible=NOT_VISIBLE)

    def messages(self) -> list[dict[str, Any]]:
        """The messages in the request's body, with the image as a data URI.

        Raises:
            OSError: The image cannot be read.
        """
        system, user = self.prompts()
        content: Any = user
        if self.image is not None:
            url = data_uri(Path(self.image.path))
            content = [
                {"type": "text", "text": user},
                {"type": "image_url", "image_url": {"url": url, "detail": "high"}},
            ]
        return [{"role": "system", "content": system}, {"role": "user", "content": content}]

    def estimate_tokens(self, model: str, image_size: tuple[int, int] | None) -> tuple[int, int]:
        """Tokens in and out, an upper estimate.

        Args:
            model: Its name.
            image_size: Width and height in pixels; None leaves the image out.
        """
        tokens = 0 if image_size is None else image_tokens(model, *image_size)
        return tokens + text_tokens("".join(self.prompts())), self.n * self.max_tokens

    def estimate_cost(self, model: str, prices: Prices | None) -> float:
        """Dollars, an upper estimate; 0 where prices are not known.

        Raises:
            OSError: The image cannot be read.
        """
        if prices is None:
            return 0.0
        size = None
        if self.image is not None:
            size = image_size(Path(self.image.path))
        return prices.cost(*self.estimate_tokens(model, size))


def chat_request(step: str, subject: AnnotatedImage | str, sampling: SamplingConfig, n: int = 1) -> ChatRequest:
    """The request of a step.

    Args:
        step: One of :data:`STEPS`.
        subject: An image, or the name of a class.
        sampling: How answers are sampled.
        n: Choices asked for.
    """
    structured = sampling.structured and step == CANDIDATES
    max_tokens = {
        CANDIDATES: sampling.supplement_max_tokens if structured else sampling.max_tokens,
        SUPPLEMENT: sampling.supplement_max_tokens,
        SIGHT: sampling.max_tokens,
    }
    image = None if isinstance(subject, str) else subject
    class_name = subject if isinstance(subject, str) else subject.class_name
    limit = max_tokens.get(step, sampling.class_max_tokens)
    sampled = sampling.temperature, sampling.top_p, sampling.extra
    return ChatRequest(step, class_name, image, n, limit, *sampled, structured=structured)


def prompt_texts(step: str) -> str:
    """What a step asks with, but for the name of the class."""
    return " ".join(_PROMPTS.get(step, ()))


def data_uri(path: Path) -> str:
    """An image as a data URI without metadata, no larger than models look at.

    The file's own bytes, if every endpoint reads them and they hold no metadata; else a PNG.

    Raises:
        OSError: It cannot be read.
    """
    try:
        with Image.open(path, formats=image_formats()) as image:
            plain = (image.format, image.mode) in SENT_UNCHANGED and set(image.info) <= HARMLESS_METADATA
            if plain and _sent_size(*image.size) == image.size:
                return _encode(f"image/{str(image.format).lower()}", path.read_bytes())
    except UnidentifiedImageError:  # of a kind that Pillow alone does not read
        pass
    with _as_os_error():
        rgb = to_display(open_image(path))
    buffer = io.BytesIO()
    rgb.resize(_sent_size(*rgb.size), Image.Resampling.LANCZOS).save(buffer, "PNG")
    return _encode("image/png", buffer.getvalue())


def image_size(path: Path) -> tuple[int, int]:
    """Width and height of an image, upright.

    Raises:
        OSError: It cannot be read.
    """
    with _as_os_error():
        return traits_of(path).size


@contextmanager
def _as_os_error() -> Iterator[None]:
    """An image that cannot be read is as one that is not there: that image alone is not described."""
    try:
        yield
    except DriveGoneError:
        raise
    except DataError as error:
        raise OSError(str(error)) from error


def _sent_size(width: int, height: int) -> tuple[int, int]:
    """Width and height that an image is scaled down to; the model would do so after it was sent."""
    scale = min(1.0, LONG_SIDE / max(width, height), SHORT_SIDE / min(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def _encode(media_type: str, data: bytes) -> str:
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"
