"""Class descriptions (T1): a language model's phrases, the diverse ones composed to a sentence for an expert to edit.

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

from steeldefectx.annotate.pipeline.costs import Budget
from steeldefectx.annotate.pipeline.endpoint_errors import EndpointError, RequestError
from steeldefectx.annotate.pipeline.prompts import CAUSE, LOOKS, SamplingConfig, chat_request
from steeldefectx.annotate.pipeline.responses import usable_texts
from steeldefectx.annotate.pipeline.run import AnnotationConfig
from steeldefectx.annotate.pipeline.selection import SentenceModel, distinct
from steeldefectx.annotate.pipeline.sender import RequestSender, StoppedError
from steeldefectx.errors import AnnotationError, ConfigError
from steeldefectx.store.annotation_store import Store
from steeldefectx.store.leases import CLASS, Leases, LostLeaseError
from steeldefectx.taxonomy import t0_sentence

MAX_PHRASES = 2
"""Phrases of each kind, looks and causes, in a class description."""
HEADER = """\
# Class descriptions (T1), composed of what a language model answered; an expert corrects them.
# A sentence that needs no correction is right in every word: how the defect looks, and what causes it.
# The data set takes this file: load_dataset("steeldefectx", ..., t1_file="{name}")
"""


def describe_classes(names: Sequence[str], out: Path, store: Store, config: AnnotationConfig) -> dict[str, str]:
    """Draft the descriptions of classes; the file is written if no class failed.

    Args:
        names: Of the classes.
        out: YAML file.
        store: Where answers are kept.
        config: The model, and how it is asked.

    Returns:
        Class -> why it failed.

    Raises:
        ConfigError: No key, no URL, a budget without prices; or ``out`` is there already.
        ModelError: No sentence model.
        AnnotationError: The endpoint refuses or is down, or the run was stopped.
    """
    endpoint = config.open_endpoint()
    encode = SentenceModel(config.sentence_model).encode
    with Leases(store, config.max_cost) as leases:
        sender = RequestSender(endpoint, leases, Budget(config.max_cost, store.spent()), config.concurrency)
        failed = asyncio.run(_request_phrases(names, sender, config.sampling))
    if not failed:
        _write_yaml(out, {name: _compose(name, store, encode) for name in names})
    return failed


async def _request_phrases(names: Sequence[str], sender: RequestSender, sampling: SamplingConfig) -> dict[str, str]:
    """Ask what classes look like and what causes them, as far as the store has no answers yet.

    Returns:
        Class -> why it has not all of its answers.
    """
    sender.stop_on_interrupt()
    mine = sender.leases.take(CLASS, names)
    failed: dict[str, str] = {}
    for name in set(names) - mine:
        holders = sender.leases.holders(CLASS, [name])
        failed[name] = f"it is being asked about by {', '.join(map(str, holders)) or 'another run'}"

    async def request_phrases_of(name: str) -> None:
        try:
            for step in (LOOKS, CAUSE):
                while (missing := sampling.class_candidates - _count_choices(sender.store, step, name)) > 0:
                    await sender.send(chat_request(step, name, sampling, missing))
        except RequestError as error:
            failed[name] = str(error)
        bar.update()

    with tqdm(total=len(mine), desc="describe classes", unit="class") as bar:
        results = await asyncio.gather(
            *(request_phrases_of(name) for name in names if name in mine), return_exceptions=True
        )
    await sender.close()
    for error in results:
        if error is not None and not isinstance(error, StoppedError):
            raise error
    if isinstance(sender.stopped, EndpointError | LostLeaseError):
        raise sender.stopped
    if sender.stopped is not None:
        raise AnnotationError(f"{sender.stopped} Run the same command again to go on.")
    return failed


def _count_choices(store: Store, step: str, class_name: str) -> int:
    return sum(len(answer.choices) for answer in store.answers(step, class_name=class_name))


def _compose(
    class_name: str, store: Store, encode: Callable[[list[str]], np.ndarray]
) -> tuple[str, dict[str, list[str]]]:
    """A class's sentence of name, looks and causes, and the phrases that it is made of, by step.

    Where all answers were refused or cut off, there are no phrases, and the sentence does without them.
    """
    kept = {}
    for step in (LOOKS, CAUSE):
        texts = usable_texts(store.answers(step, class_name=class_name))
        whole = [text.text for text in texts if not (text.truncated or text.doubtful)]
        phrases = list(dict.fromkeys(map(_noun_phrase, whole)))
        kept[step] = _most_typical(phrases, encode(phrases)) if phrases else []
    parts = [t0_sentence(class_name).rstrip("."), *kept[LOOKS]]
    if kept[CAUSE]:
        parts.append(f"caused by {' or '.join(kept[CAUSE])}")
    return f"{', '.join(parts)}.", kept


def _noun_phrase(text: str) -> str:
    """An answer as it stands within a sentence."""
    text = text.strip(" .\"'")
    is_word = text[1:2].islower() or text[1:2] == " "  # and no abbreviation, which keeps its capitals
    return (text[:1].lower() + text[1:] if is_word else text).removeprefix("caused by ")


def _most_typical(phrases: list[str], embeddings: np.ndarray) -> list[str]:
    """Phrases that differ from each other, the one that most others resemble first."""
    similarity = embeddings @ embeddings.T
    order = np.argsort(-similarity.sum(axis=1), kind="stable").tolist()
    return [phrases[index] for index in distinct(similarity, order, MAX_PHRASES)]


def _write_yaml(path: Path, descriptions: dict[str, tuple[str, dict[str, list[str]]]]) -> None:
    """Write sentences by class, with the phrases that they are made of as comments.

    Raises:
        ConfigError: The file is there: an expert may have edited it.
    """
    text = HEADER.format(name=path.name)
    for name, (sentence, phrases) in descriptions.items():
        text += "\n"
        for step, kept in phrases.items():
            text += f"# {step.removeprefix('class-')}: {' | '.join(kept) or 'no usable answer'}\n"
        text += yaml.safe_dump({name: sentence}, allow_unicode=True, width=110)
    try:
        with open(path, "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise ConfigError(f"{path} is there already, and may have been edited: name another file.") from None
