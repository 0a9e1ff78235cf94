"""Class descriptions (T1): candidates from a language model, the diverse ones composed, for an expert to edit.

After CuPL (Pratt et al. 2023), which asks a language model in several ways what a class looks like; here also what
causes it. No image is sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import yaml
from tqdm.auto import tqdm

from steeldefectx.annotate.pipeline.asking import Asker
from steeldefectx.annotate.pipeline.client import HopelessError, RequestError
from steeldefectx.annotate.pipeline.prompts import CAUSE, LOOKS
from steeldefectx.annotate.pipeline.questions import ask, choice_texts
from steeldefectx.annotate.pipeline.selection import distinct
from steeldefectx.annotate.pipeline.settings import Settings
from steeldefectx.errors import AnnotationError, ConfigError
from steeldefectx.store.annotation_store import Store
from steeldefectx.taxonomy import t0_sentence

HEADER = """\
# Class descriptions (T1), composed of what a language model answered; an expert corrects them.
# A sentence that needs no correction is right in every word: how the defect looks, and what causes it.
# The data set takes this file: load_dataset("steeldefectx", ..., t1_file="{name}")
"""


async def ask_about_classes(names: Sequence[str], asker: Asker, settings: Settings) -> dict[str, str]:
    """Ask what classes look like and what causes them, as far as the store has no answers yet.

    Returns:
        Class -> why it has not all of its answers.
    """
    asker.stop_on_interrupt()
    failed: dict[str, str] = {}

    async def about(name: str) -> None:
        try:
            for step in (LOOKS, CAUSE):
                while (missing := settings.class_candidates - _count(asker.store, step, name)) > 0:
                    await asker.put(ask(step, settings, name, missing))
        except RequestError as error:
            failed[name] = str(error)
        bar.update()

    with tqdm(total=len(names), desc="describe classes", unit="class") as bar:
        done = await asyncio.gather(*(about(name) for name in names), return_exceptions=True)
    await asker.close()
    if asker.stopped is not None:
        raise (
            asker.stopped
            if isinstance(asker.stopped, HopelessError)
            else AnnotationError(f"{asker.stopped} Run the same command again to go on.")
        )
    for error in done:
        if error is not None:
            raise error
    return failed


def _count(store: Store, step: str, class_name: str) -> int:
    return sum(len(answer.choices) for answer in store.answers(step, class_name=class_name))


def compose(
    class_name: str, store: Store, settings: Settings, encode: Callable[[list[str]], np.ndarray]
) -> tuple[str, dict[str, list[str]]]:
    """A class's sentence of name, looks and causes, and the phrases that it is made of, by step.

    Where all answers were refused or cut off, there are no phrases, and the sentence does without them.
    """
    kept = {}
    for step in (LOOKS, CAUSE):
        texts = [text for text in choice_texts(store.answers(step, class_name=class_name)) if not text.truncated]
        phrases = list(dict.fromkeys(_phrase(text.text) for text in texts))
        kept[step] = _diverse(phrases, encode(phrases), settings) if phrases else []
    parts = [t0_sentence(class_name).rstrip("."), *kept[LOOKS]]
    if kept[CAUSE]:
        parts.append(f"caused by {' or '.join(kept[CAUSE])}")
    return f"{', '.join(parts)}.", kept


def _phrase(text: str) -> str:
    """A noun phrase as it stands in a sentence."""
    text = text.strip(" .\"'")
    plain = text[:1].lower() + text[1:] if text[1:2].islower() or text[1:2] == " " else text
    return plain.removeprefix("caused by ")


def _diverse(phrases: list[str], vectors: np.ndarray, settings: Settings) -> list[str]:
    """Those that differ, the one that most others resemble first."""
    similarity = vectors @ vectors.T
    order = np.argsort(-similarity.sum(axis=1), kind="stable").tolist()
    kept = distinct(similarity, order, settings.class_keep, settings.similar_from)
    return [phrases[position] for position in kept]


def write_yaml(path: Path, described: dict[str, tuple[str, dict[str, list[str]]]]) -> None:
    """Write sentences by class, with the phrases that they are made of as comments.

    Raises:
        ConfigError: The file is there: an expert may have edited it.
    """
    text = HEADER.format(name=path.name)
    for name, (sentence, phrases) in described.items():
        told = [
            f"# {step.removeprefix('class-')}: {' | '.join(found) or 'no usable answer'}\n"
            for step, found in phrases.items()
        ]
        text += "\n" + "".join(told) + yaml.safe_dump({name: sentence}, allow_unicode=True, width=110)
    try:
        with open(path, "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise ConfigError(f"{path} is there already, and may have been edited: name another file.") from None
