"""What vision-language models are asked. Every answer is stored with :data:`VERSION`."""

from __future__ import annotations

from typing import Any

VERSION = "1"
"""Another text below is another version."""

DIMENSIONS = ("shape", "size", "depth", "location", "contrast")
"""What a description is to state, and the keys of the supplement's answers."""

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
    'Where the picture does not show it, the answer is "{unseen}".'
)
UNSEEN = "not visible"
"""The supplement's answer about a dimension that the picture does not show."""

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


CANDIDATES, SUPPLEMENT, LOOKS, CAUSE = STEPS = ("candidates", "supplement", "class-looks", "class-cause")
"""Steps of the pipeline that ask: two about an image, two about a class."""
_TEXTS = {
    CANDIDATES: (SYSTEM, DESCRIBE),
    SUPPLEMENT: (SYSTEM, SUPPLEMENT_QUESTIONS),
    LOOKS: (CLASS_SYSTEM, CLASS_LOOKS),
    CAUSE: (CLASS_SYSTEM, CLASS_CAUSE),
}


def texts(step: str, class_name: str) -> tuple[str, str]:
    """What the model is told it is, and what it is asked.

    Args:
        step: One of :data:`STEPS`.
        class_name: The defect's class.
    """
    system, text = _TEXTS[step]
    return system, text.format(class_name=class_name, unseen=UNSEEN)


def messages(step: str, class_name: str, image: str | None) -> list[dict[str, Any]]:
    """The same as messages of a chat.

    Args:
        step: One of :data:`STEPS`.
        class_name: The defect's class.
        image: Data URI of the picture, in the steps that ask about one.
    """
    system, text = texts(step, class_name)
    content: Any = text
    if image is not None:
        content = [
            {"type": "text", "text": text},
            {"type": "image_url", "image_url": {"url": image, "detail": "high"}},
        ]
    return [{"role": "system", "content": system}, {"role": "user", "content": content}]
