"""The commands for texts: annotate, describe-classes, review, import-annotations, export-annotations."""

from __future__ import annotations

import json
import logging
import math
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from steeldefectx.cli.own_images import Boxes, Config, Layout, Page, ZipEncoding, reading_settings
from steeldefectx.cli.paths import absolute, existing, look_through
from steeldefectx.data.configs import check_config
from steeldefectx.errors import ConfigError
from steeldefectx.utils.output import check_output_file

if TYPE_CHECKING:
    from steeldefectx.annotate.pipeline.image_pipeline import RunSummary
    from steeldefectx.annotate.pipeline.prompts import SamplingConfig
    from steeldefectx.annotate.pipeline.run import AnnotationConfig, Estimate
    from steeldefectx.store.annotation_store import Store

Folder = Annotated[
    Path | None, typer.Argument(help="Folder with the images, as `build` takes it; none for --config sample.")
]
StoreOption = Annotated[str, typer.Option(help="Annotation store: a file, or postgresql://HOST/NAME.")]
Model = Annotated[str, typer.Option(help="The model's name at the endpoint.")]
BaseUrl = Annotated[str | None, typer.Option(help="OpenAI-compatible endpoint, such as http://localhost:8000/v1.")]
PriceIn = Annotated[float | None, typer.Option(help="Dollars for a million tokens in, where it is not known here.")]
PriceOut = Annotated[float | None, typer.Option(help="Dollars for a million tokens out.")]
MaxCost = Annotated[
    float | None, typer.Option(metavar="N", min=0, help="Dollars that all answers in the store may cost together.")
]
Concurrency = Annotated[int, typer.Option(metavar="N", min=1, help="Requests under way at a time.")]
Timeout = Annotated[float, typer.Option(metavar="N", min=0.1, help="Seconds that a request may take.")]
MaxTokens = Annotated[
    int | None, typer.Option(metavar="N", min=1, help="Tokens of an answer at most; a thought counts.")
]
NoThinking = Annotated[bool, typer.Option("--no-thinking", help="Ask a model that thinks not to.")]
ReasoningEffort = Annotated[str | None, typer.Option(help="How much it thinks: none, minimal, low, medium, high ...")]
Temperature = Annotated[str, typer.Option(metavar="FLOAT|none", help="Of the sampling; none: the endpoint's own.")]
TopP = Annotated[str, typer.Option(metavar="FLOAT|none", help="The same.")]
ExtraBody = Annotated[
    str | None, typer.Option(metavar="JSON", help="More parameters of a request, an object; null leaves one out.")
]
SentenceModel = Annotated[str, typer.Option(help="Sentence-BERT that compares candidates: Hub id or folder.")]
SkipBad = Annotated[bool, typer.Option("--skip-bad", help="Leave out images that cannot be used, and list them.")]

SENTENCE_MODEL = "sentence-transformers/all-MiniLM-L6-v2"


def annotate(
    store: StoreOption,
    model: Model,
    images: Folder = None,
    config: Config = "auto",
    layout: Layout = "auto",
    boxes: Boxes = "crop",
    page: Page = 0,
    zip_encoding: ZipEncoding = None,
    base_url: BaseUrl = None,
    concurrency: Concurrency = 16,
    timeout: Timeout = 120.0,
    max_cost: MaxCost = None,
    price_in: PriceIn = None,
    price_out: PriceOut = None,
    batch: Annotated[bool, typer.Option("--batch", help="By the Batch API: within a day, at half the price.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what it would cost, and stop; needs no key.")] = False,
    max_tokens: MaxTokens = None,
    no_thinking: NoThinking = False,
    reasoning_effort: ReasoningEffort = None,
    temperature: Temperature = "0.9",
    top_p: TopP = "0.9",
    extra_body: ExtraBody = None,
    structured: Annotated[
        bool, typer.Option("--structured", help="Ask for a sentence for each dimension, held to a JSON schema.")
    ] = False,
    retry_useless: Annotated[
        bool, typer.Option("--retry-useless", help="Ask again about images that had useless answers only.")
    ] = False,
    sentence_model: SentenceModel = SENTENCE_MODEL,
    skip_bad: SkipBad = False,
) -> None:
    """Have a vision-language model describe each image (T2), for people to review.

      steeldefectx annotate raw/ --store texts.db --model gpt-5 --dry-run

    The model writes four candidates for an image. Those that differ are kept; the one that states most of shape,
    size, depth, location and contrast is chosen; where none states four of them, the model is asked about each.
    What the texts claim is checked against mask or class, as `steeldefectx verify` does.

    The key is read from OPENAI_API_KEY; an endpoint of your own (--base-url) needs none unless it says so, and no
    image goes anywhere else. Every answer is in the store before the next is asked for: run the same command again
    after an interruption, and nothing is asked, or paid for, twice. It tries failed images once more, too; those whose
    answers were paid for and of no use only when settings have changed, or with --retry-useless.

    Several may run on one store: each image is asked about by one of them, and at its end a run says who works on those
    that it did not get. Before the first image two pictures are shown to the model, to see whether it sees any.

    Exit code: 0 all images are described; 1 some are not, they are listed; 2 nothing could be done.
    """
    check_config(config)
    if images is not None:
        look_through(images)
    from steeldefectx.annotate.pipeline import run  # imports openai and SQLAlchemy; --help does without
    from steeldefectx.annotate.pipeline.costs import prices_of
    from steeldefectx.annotate.pipeline.dataset_images import find_images
    from steeldefectx.store.annotation_store import Store

    _show_log()
    prices = prices_of(model, price_in, price_out, batch=batch)
    sampling = _sampling(max_tokens, no_thinking, reasoning_effort, temperature, top_p, extra_body)
    sampling = replace(sampling, structured=structured)
    job = run.AnnotationConfig(
        model, base_url, prices, max_cost, concurrency, timeout, batch, sentence_model, sampling, retry_useless
    )
    reading = reading_settings(layout, boxes, page, zip_encoding)
    readable, problems = find_images(config, absolute(images), skip_bad=skip_bad, **reading)
    for problem in problems:
        typer.echo(f"left out: {problem}", err=True)
    if dry_run:
        described = Store.open(store, create=False).annotated() if "://" in store or Path(store).is_file() else set()
        _print_estimate(run.estimate(readable, described, job))
        return
    opened = Store.open(store)
    summary = run.annotate(readable, opened, job)
    _verify_new(opened)
    missing = _print_summary(summary, {image.image_id for image in readable}, opened, job)
    if missing:
        raise typer.Exit(1)


def _sampling(
    max_tokens: int | None,
    no_thinking: bool,
    reasoning_effort: str | None,
    temperature: str,
    top_p: str,
    extra_body: str | None,
) -> SamplingConfig:
    """How answers are sampled, as the flags say.

    Raises:
        ConfigError: A flag makes no sense.
    """
    from steeldefectx.annotate.pipeline.prompts import SamplingConfig
    from steeldefectx.annotate.pipeline.request_parameters import NO_THINKING

    extra: dict[str, Any] = dict(NO_THINKING) if no_thinking else {}
    if reasoning_effort is not None:
        if no_thinking:
            raise ConfigError("--no-thinking and --reasoning-effort exclude each other.")
        extra["reasoning_effort"] = reasoning_effort
    if extra_body is not None:
        try:
            given = json.loads(extra_body)
        except ValueError as error:
            raise ConfigError(f"--extra-body is no JSON ({error}).") from None
        if not isinstance(given, dict) or {"model", "messages", "n", "stream"} & {*given}:
            raise ConfigError("--extra-body is a JSON object, of parameters other than model, messages, n and stream.")
        extra |= given
    numbers = {"--temperature": _number(temperature), "--top-p": _number(top_p)}
    for flag, number in numbers.items():
        if number is not None and not 0 <= number <= 2:
            raise ConfigError(f"{flag} is a number from 0 on, or none.")
    sampling = SamplingConfig(temperature=numbers["--temperature"], top_p=numbers["--top-p"], extra=extra)
    return sampling.with_max_tokens(max_tokens)


def _number(text: str) -> float | None:
    """A number; None for ``none``, and one that is none for anything else."""
    if text.strip().lower() == "none":
        return None
    try:
        return float(text)
    except ValueError:
        return math.nan


def _print_estimate(estimate: Estimate) -> None:
    typer.echo(f"{estimate.images:,} images to describe, {estimate.done:,} are described.")
    typer.echo(f"About {estimate.tokens_in:,} tokens in and at most {estimate.tokens_out:,} out, without supplements.")
    if estimate.cost is None or estimate.cost_with_supplements is None:
        typer.echo("The model's price is not known: give --price-in and --price-out.")
    else:
        typer.echo(f"${estimate.cost:,.2f}, or ${estimate.cost_with_supplements:,.2f} if every image needs one.")


def _verify_new(store: Store) -> None:
    """Check the descriptions that were not yet: the review desk sorts by their risks."""
    from steeldefectx.annotate.desk.verify_store import verify_store

    checked = list(verify_store(store, anew=False))
    if checked:
        wrong = sum(bool(row.checked.contradictions) for row in checked)
        typer.echo(f"{wrong:,} of {len(checked):,} new descriptions contradict their image: they are reviewed first.")


def _print_summary(summary: RunSummary, ids: set[str], store: Store, job: AnnotationConfig) -> int:
    """Say what was done; how many images have no description."""
    done = store.annotated() & ids
    for failure in store.failures():
        if failure.image_id in ids:
            typer.echo(f"failed: {failure.image_id}: {failure.reason} (attempt {failure.attempts})", err=True)
    if summary.stopped:
        typer.echo(f"stopped: {summary.stopped} Run the same command again to go on.", err=True)
    for holder in summary.holders:
        images = "1 image is" if holder.count == 1 else f"{holder.count:,} images are"
        typer.echo(f"{images} being asked about by {holder}.", err=True)
    cost = f"${store.spent():,.4f} in all" if job.prices is not None else "costs are not counted: no price is known"
    typer.echo(
        f"{len(done):,} of {len(ids):,} images are described, {summary.annotated:,} of them now, by "
        f"{summary.requests:,} requests; {cost}."
    )
    return len(ids) - len(done)


def describe_classes(
    out: Annotated[Path, typer.Option(help="YAML file to write, for an expert to edit.")],
    store: StoreOption,
    model: Model,
    data_dir: Annotated[Path | None, typer.Option(help="Your own images; without them the 25 classes.")] = None,
    base_url: BaseUrl = None,
    concurrency: Concurrency = 16,
    timeout: Timeout = 120.0,
    max_cost: MaxCost = None,
    price_in: PriceIn = None,
    price_out: PriceOut = None,
    max_tokens: MaxTokens = None,
    no_thinking: NoThinking = False,
    reasoning_effort: ReasoningEffort = None,
    temperature: Temperature = "0.9",
    top_p: TopP = "0.9",
    extra_body: ExtraBody = None,
    sentence_model: SentenceModel = SENTENCE_MODEL,
) -> None:
    """Have a language model draft class descriptions (T1): name, looks and causes in one sentence.

      steeldefectx describe-classes --out classes.yaml --store t1.db --model gpt-5

    For classes of your own; the 25 have theirs. It answers eight times what a class looks like and eight times what
    causes it, the answers that differ are composed, and an expert corrects the file. The data set takes it:
    load_dataset("steeldefectx", "class-folders", data_dir=..., t1_file="classes.yaml").
    """
    if data_dir is not None:
        existing(data_dir, folder=True)
    from steeldefectx.annotate.pipeline import class_descriptions, run  # imports openai; --help does without
    from steeldefectx.annotate.pipeline.costs import prices_of
    from steeldefectx.data.sources import class_folder_names
    from steeldefectx.store.annotation_store import Store
    from steeldefectx.taxonomy import CLASS_NAMES

    _show_log()
    if out.exists():
        raise ConfigError(f"{out} is there already, and may have been edited: name another file.")
    folder = absolute(data_dir)
    names = list(CLASS_NAMES) if folder is None else class_folder_names(folder)
    prices = prices_of(model, price_in, price_out)
    sampling = _sampling(max_tokens, no_thinking, reasoning_effort, temperature, top_p, extra_body)
    job = run.AnnotationConfig(
        model, base_url, prices, max_cost, concurrency, timeout, sentence_model=sentence_model, sampling=sampling
    )
    opened = Store.open(store)
    failed = class_descriptions.describe_classes(names, out, opened, job)
    for name, reason in failed.items():
        typer.echo(f"failed: {name}: {reason}", err=True)
    if failed:
        typer.echo("Nothing is written. Run the same command again: it asks for what is missing.", err=True)
        raise typer.Exit(1)
    typer.echo(f"Wrote {len(names)} sentences to {out}; ${opened.spent():,.4f} in all. Now correct them.")


def export_annotations(
    store: StoreOption,
    out: Annotated[Path, typer.Option(help="JSONL file to write.")],
) -> None:
    """Write the descriptions in a store, drafted (T2) and reviewed (T3), as a line of JSON for each image.

      steeldefectx export-annotations --store texts.db --out annotations.jsonl

    T3 is what the two who reviewed an image agree on, or what was decided between them. The data set takes the file,
    and the store too: load_dataset("steeldefectx", ..., annotations="annotations.jsonl").
    """
    check_output_file(out)
    from steeldefectx.store.annotations import write_jsonl
    from steeldefectx.store.reading import read_annotations

    annotations = read_annotations(store)
    write_jsonl(annotations, out)
    reviewed = sum(annotation.T3 is not None for annotation in annotations)
    typer.echo(f"Wrote {len(annotations):,} images to {out}, {reviewed:,} of them with a reviewed text (T3).")


def import_annotations(
    annotations: Annotated[Path, typer.Argument(help="JSONL file, as export-annotations writes it.")],
    store: StoreOption,
    images: Folder = None,
    config: Config = "auto",
    layout: Layout = "auto",
    boxes: Boxes = "crop",
    page: Page = 0,
    zip_encoding: ZipEncoding = None,
    skip_bad: SkipBad = False,
) -> None:
    """Take descriptions from elsewhere into a store, to be checked and reviewed there.

      steeldefectx import-annotations theirs.jsonl raw/ --store texts.db

    A line needs image_id and T2 or T3. Images that have a description in the store keep it. Exit code 1: some lines
    belong to no image; they are listed.
    """
    check_config(config)
    if images is not None:
        look_through(images)
    from steeldefectx.annotate.pipeline.dataset_images import find_images
    from steeldefectx.language.coverage import coverage
    from steeldefectx.store.annotation_store import Store
    from steeldefectx.store.exchange import import_annotations as import_into
    from steeldefectx.store.reading import read_annotations

    read = read_annotations(existing(annotations))
    reading = reading_settings(layout, boxes, page, zip_encoding)
    readable, _ = find_images(config, absolute(images), skip_bad=skip_bad, **reading)
    opened = Store.open(store)
    done = import_into(read, readable, opened, lambda text: coverage(text).bits)
    _verify_new(opened)
    for problem in done.problems:
        typer.echo(f"not imported: {problem}", err=True)
    typer.echo(f"{done.added:,} images added, {done.had_one:,} had a description already.")
    if done.problems:
        raise typer.Exit(1)


def review(
    store: StoreOption,
    auth: Annotated[
        Path | None,
        typer.Option(help="File with name:password pairs, one a line; or set STEELDEFECTX_REVIEW_AUTH to them."),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 lets other machines in.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(metavar="N", min=1, max=65535, help="Port to listen on.")] = 7860,
) -> None:
    """Open the review desk: a page on which two annotators correct descriptions (T2) to T3.

      steeldefectx review --store texts.db

    Each sees the riskiest images first and nothing of what the other one says. Where they differ, both versions are
    shown side by side for a decision. What is typed is saved as one goes. Without --auth everyone gives a name on the
    page; other machines are let in (--host) with --auth only. `steeldefectx annotate` makes the store.
    """
    from steeldefectx.store.annotation_store import Store  # imports SQLAlchemy; --help does without

    opened = Store.open(store, create=False)
    from steeldefectx.annotate.desk.login import read_pairs  # imports fastapi
    from steeldefectx.annotate.desk.server import check_address, serve  # imports gradio: seconds

    pairs = read_pairs(auth)
    check_address(host, port, pairs)
    typer.echo(f"The review desk is at http://{f'[{host}]' if ':' in host else host}:{port}/ (Ctrl+C ends it).")
    serve(opened, host, port, pairs)


def _show_log() -> None:
    """Warnings of libraries to standard error; the client's would name every retry."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
