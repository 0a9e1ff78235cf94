"""Whether the model sees the images that it is sent, before any is paid for.

A model of texts behind an endpoint that takes images writes fluent descriptions of nothing. Two pictures that look as
different as can be are shown once, at temperature 0, with one question: a model without eyes can only say the same of
both, or that it sees none. Where the answers leave it open, the first descriptions must not all be one text.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal
from urllib.parse import urlsplit

import numpy as np
from PIL import Image

from steeldefectx.annotate.pipeline.answer_text import one_line, without_thought
from steeldefectx.annotate.pipeline.client import Endpoint
from steeldefectx.annotate.pipeline.costs import Budget
from steeldefectx.annotate.pipeline.endpoint_errors import EndpointError, RequestError
from steeldefectx.annotate.pipeline.prompts import PROMPT_VERSION, SIGHT, ChatRequest, SamplingConfig, chat_request
from steeldefectx.annotate.pipeline.useless_answers import says_no_image
from steeldefectx.store.annotation_store import Store
from steeldefectx.store.schema import AnnotatedImage, Answer
from steeldefectx.utils.cache import cache_path

Verdict = Literal["sees", "blind", "open"]
FIRST_IMAGES = 10
"""Descriptions that are held back where the answers leave it open, until they are seen not to be one text."""
DISC, STRIPES = "disc", "stripes"
SIDE = 448
"""Of the pictures, in pixels: what many models look at."""
_NAMES = {
    DISC: r"dis[ck]|circ(le|ular)|round|dot|ball|sphere",
    STRIPES: r"strip|lines|bars|grating",
    "cross": r"cross|plus sign",
    "chequerboard": r"che(ck|qu)er|chess",
    "letters": r"letter|text",
}
"""What the question offers -> how an answer names it."""


class BlindModelError(EndpointError):
    """The model does not see the images."""


class OneTextError(EndpointError):
    """Descriptions of several images are all one text; the message says so in words that follow "the model"."""


async def look(endpoint: Endpoint, store: Store, budget: Budget, sampling: SamplingConfig) -> Verdict:
    """Whether the model sees; two short requests, and none where the store has their answers.

    Args:
        endpoint: The model.
        store: Where answers are kept; those to the two pictures are remembered, by model and address.
        budget: What may be spent.
        sampling: How answers are sampled otherwise.

    Raises:
        BlindModelError: It does not.
        EndpointError: It will not answer any request.
    """
    address = _address(endpoint)
    known = [
        answer
        for answer in store.answers(SIGHT)
        if (answer.model, answer.prompt_version, answer.parameters.get("endpoint"))
        == (endpoint.model, PROMPT_VERSION, address)
    ]
    answers = {str(answer.parameters["picture"]): answer for answer in known}
    if _verdict(answers) == "blind" or len(answers) < 2:  # it may be another model by now
        asked = [_ask(endpoint, budget, picture, sampling) for picture in (DISC, STRIPES)]
        results = await asyncio.gather(*asked, return_exceptions=True)
        answers = {p: answer for p, answer in zip((DISC, STRIPES), results, strict=True) if isinstance(answer, Answer)}
        for picture, answer in answers.items():
            answer.image_id = None
            answer.parameters = answer.parameters | {"picture": picture, "endpoint": address}
        store.add_answers(list(answers.values()))
        for error in results:  # a failed request is left open: what is wrong shows with the images, and is listed there
            if isinstance(error, BaseException) and not isinstance(error, RequestError):
                raise error
    verdict = _verdict(answers)
    if verdict == "blind":
        said = " and ".join(f"“{_text(answers[picture])[:80]}”" for picture in (DISC, STRIPES))
        raise blind(endpoint, f"of a picture of one large dark disc and of one of fine stripes it says {said}")
    return verdict


def blind(endpoint: Endpoint, evidence: str) -> BlindModelError:
    """The error that says what the model did, and what to do."""
    return BlindModelError(
        f"{endpoint.model} does not see the images: {evidence}. Nothing was stored as a description. "
        "Serve a model with eyes: llama.cpp needs the model's --mmproj file, Ollama a model that `ollama show` lists "
        "with vision, vLLM a vision-language model; and a gateway must pass images on."
    )


def all_one_text(texts: Sequence[str]) -> bool:
    """Whether descriptions of several images are the same, but for case and punctuation."""
    return len(texts) > 2 and len({_letters(text) for text in texts}) == 1


def picture_request(picture: str, sampling: SamplingConfig) -> ChatRequest:
    """The request about one of the two pictures."""
    path = cache_path("annotate", f"sight-{picture}.png")
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(f".{id(path)}.tmp")
        Image.fromarray(draw(picture)).save(temporary, "PNG")
        temporary.replace(path)
    image = AnnotatedImage(picture, "", "", None, str(path), None, "")
    request = chat_request(SIGHT, image, sampling)
    return request if request.temperature is None else replace(request, temperature=0.0)


def draw(picture: str) -> np.ndarray:
    """One of the two pictures, (448, 448) uint8."""
    y, x = np.mgrid[:SIDE, :SIDE]
    disc = np.hypot(x - SIDE / 2, y - SIDE / 2) < 0.36 * SIDE
    dark = disc if picture == DISC else x // 8 % 2 == 0
    return np.where(dark, 30, 230).astype(np.uint8)


async def _ask(endpoint: Endpoint, budget: Budget, picture: str, sampling: SamplingConfig) -> Answer:
    request = picture_request(picture, sampling)
    reserved = budget.reserve(SIGHT, request.estimate_cost(endpoint.model, endpoint.prices))
    if reserved is None:
        raise RequestError("there is no money left")
    cost = 0.0
    try:
        answer = await endpoint.complete(request, request.messages())
        cost = answer.cost
        return answer
    finally:
        budget.settle(SIGHT, reserved, cost)


def _verdict(answers: Mapping[str, Answer]) -> Verdict:
    texts = {picture: _text(answer) for picture, answer in answers.items()}
    if not all(texts.get(picture) for picture in (DISC, STRIPES)):
        return "open"
    named = {picture: {name for name, words in _NAMES.items() if re.search(words, text, re.IGNORECASE)}
             for picture, text in texts.items()}  # fmt: skip
    if all(named[picture] == {picture} for picture in (DISC, STRIPES)):
        return "sees"
    same = _letters(texts[DISC]) == _letters(texts[STRIPES]) or named[DISC] == named[STRIPES] != set()
    wrong = all(named[picture] and picture not in named[picture] for picture in (DISC, STRIPES))
    return "blind" if same or wrong or any(map(says_no_image, texts.values())) else "open"


def _text(answer: Answer) -> str:
    return one_line(without_thought(answer.choices[0].get("text") or "")[0])


def _letters(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))


def _address(endpoint: Endpoint) -> str:
    """Where the model is, without what only its user knows."""
    url = urlsplit(str(endpoint.client.base_url))
    return f"{url.scheme}://{url.hostname}{f':{url.port}' if url.port else ''}{url.path}"
