"""The commands that make a model: train, eval, pretrain, stretch-clip, convert-long-clip.

The first three take the fields of a config as flags (``config_flags.py``). ``train.py`` and ``eval.py`` of a checkout,
and ``python -m steeldefectx.train`` for launchers, are the same code.
"""

from __future__ import annotations

import argparse
import logging
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from steeldefectx.cli.error_messages import errors_as_messages
from steeldefectx.cli.paths import existing, look_through
from steeldefectx.data.configs import check_config
from steeldefectx.errors import ConfigError, SteelDefectXError
from steeldefectx.models.names import refuse_misspelt
from steeldefectx.utils.output import check_output_file, check_output_folder

if TYPE_CHECKING:
    from steeldefectx.data.labelled import Data
    from steeldefectx.training.config import TrainConfig

TRAIN = """Fine-tune a CLIP, or train an image classifier, on steel-defect images;
evaluate and save it.

  steeldefectx train --recipe quickstart          synthetic images, no download
  steeldefectx train --data-dir raw/ --train-text T1
  steeldefectx train --data-dir my_images/ --train-text T0
  accelerate launch -m steeldefectx.train ...     the same, on every GPU

Settings come from the defaults, then the recipe, then the flags. A run whose
results the output folder holds already is not run again (--overwrite)."""
EVAL = """Evaluate a checkpoint, or any CLIP zero-shot, on a config or a folder of images.

  steeldefectx eval --checkpoint runs/latest      on the data it was trained on
  steeldefectx eval --checkpoint runs/latest --data-dir raw/ --split all
  steeldefectx eval --checkpoint embedded --config sample --text T1"""
PRETRAIN = """Pretrain a small CLIP on rendered steel defects; no real image takes part.

  steeldefectx pretrain --out runs/pretrain       the 25 classes
                                                  (1 to 2 hours on 2 cores)
  steeldefectx pretrain --out runs/short --images 20000
                                                  a few minutes, to see it work
  steeldefectx pretrain --out runs/more --init embedded --composed 0.6
    --place 32 --dense 32                         goes on from the model that
                                                  ships, on any defects

Images are rendered while it trains; none is stored. A run that was stopped
goes on where it was. The result is a CLIP as any: --model runs/pretrain/model."""


def train(context: typer.Context) -> None:
    """Fine-tune a CLIP, or train an image classifier, on steel-defect images; evaluate and save it."""
    run_train(context.args, context.command_path)


def evaluate(context: typer.Context) -> None:
    """Evaluate a checkpoint, or any CLIP zero-shot, on a config or a folder of images."""
    run_eval(context.args, context.command_path)


def pretrain(context: typer.Context) -> None:
    """Pretrain a small CLIP on rendered steel defects; no real image takes part."""
    run_pretrain(context.args, context.command_path)


def train_main() -> None:
    """``train.py`` and ``python -m steeldefectx.train``."""
    _as_program(run_train)


def eval_main() -> None:
    """``eval.py``."""
    _as_program(run_eval)


def _as_program(command: Callable[[Sequence[str], str], None]) -> None:
    program = Path(sys.argv[0]).name
    with errors_as_messages(program, debug="--debug" in sys.argv):
        command(sys.argv[1:], program)


def run_train(words: Sequence[str], program: str) -> None:
    """Train as the flags say, unless it has been done; print the scores.

    Args:
        words: The flags.
        program: What was typed before them.
    """
    from steeldefectx.cli.config_flags import (
        TRAIN_GROUPS,
        FlagParser,
    )  # imports transformers; other commands do without
    from steeldefectx.training.config import TrainConfig, default_recipe, load_recipe

    _show_log()
    parser = FlagParser(TrainConfig, program, TRAIN, TRAIN_GROUPS)
    deciding = _flags_that_decide_the_recipe().parse_known_args(list(words))[0]
    recipe = deciding.recipe or default_recipe(deciding.method, deciding.model or TrainConfig.model)
    config = TrainConfig(**parser.parse(words, load_recipe(recipe), recipe) | {"recipe": recipe})
    _check_places(config.config, config.data_dir, config.t1_file, config.annotations)
    refuse_misspelt(config.model, "model")
    check_output_folder(Path(config.output_dir).expanduser())
    from steeldefectx.cli.score_tables import print_scores
    from steeldefectx.data.builder import resolved_config
    from steeldefectx.data.labelled import ROW_SETTINGS, load_data  # imports datasets; all that is above does without
    from steeldefectx.hub.upload import check_may_push
    from steeldefectx.utils.results import RESULTS

    first = int(os.environ.get("RANK", "0")) == 0  # of the processes that a launcher may have started
    if config.push_to_hub and first:
        check_may_push(config.push_to_hub)  # now, not after hours of training
    config.config = resolved_config(config.config, config.data_dir, config.zip_encoding)
    data = load_data(
        config.config,
        config.data_dir,
        **{name: getattr(config, name) for name in ROW_SETTINGS},
        validation=config.validation,
        seed=config.seed,
    )
    sizes = {name: len(split) for name, split in data.splits.items()}
    if first:
        counts = ", ".join(f"{name} {size}" for name, size in sizes.items())
        images, classes = sum(sizes.values()), len(data.classes)
        plural = "image" if images == 1 else "images", "class" if classes == 1 else "classes"
        logging.info("%d %s of %d %s (%s)", images, plural[0], classes, plural[1], counts)
        if data.origins and "T1" in (config.train_text, config.test_text):
            logging.info("%s", data.origins)
    results = None if config.overwrite else _results_of_this_run(config, data)
    if results is not None:
        logging.info("%s holds this run already; --overwrite runs it again.", config.output_dir)
    else:
        from steeldefectx.training.run import run  # imports torch, which a finished run does without

        results = run(config, data)
    if first:
        print_scores(results)
        print(f"Checkpoint and {RESULTS} are in {config.output_dir}")
        if config.push_to_hub:
            _push(config.output_dir, config.push_to_hub)


def _check_places(config: str | None, data_dir: str | None, *files: str | None) -> None:
    """See that what is to be read is there, before anything is imported for seconds."""
    if config is not None:
        check_config(config)
    if data_dir is not None:
        look_through(Path(data_dir))
    for file in files:
        if file is not None and "://" not in file:
            existing(Path(file))


def _flags_that_decide_the_recipe() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for flag in ("--recipe", "--method", "--model"):
        parser.add_argument(flag, nargs="?")
    return parser


def _results_of_this_run(config: TrainConfig, data: Data) -> dict[str, Any] | None:
    """The results in the output folder, if there are any.

    Raises:
        ConfigError: They are another run's, which would be lost.
    """
    from steeldefectx.utils.results import RESULTS, read_results, versions

    results = read_results(Path(config.output_dir).expanduser() / RESULTS)
    if results is None:
        return None
    changes = [
        *_changes(results.get("recipe"), config.resolved()),
        *([] if results.get("data_fingerprint") == data.fingerprint else ["the images or their texts"]),
        *_changes(results.get("versions"), versions()),
    ]
    if changes:
        raise ConfigError(
            f"{config.output_dir} holds the results of another run, which differs in {', '.join(changes)}. "
            "Give another --output-dir, or --overwrite to replace it."
        )
    return results


def _changes(before: Any, after: dict[str, Any]) -> list[str]:
    """What differs between two mappings, with both values."""
    before = before if isinstance(before, dict) else {}
    return [
        f"{key} ({before.get(key)}, now {after.get(key)})"
        for key in before | after
        if before.get(key) != after.get(key)
    ]


def _push(folder: str, repo: str) -> None:
    from steeldefectx.hub.model import push_model  # imports torch and matplotlib; --help does without

    try:
        address = push_model(Path(folder), repo)
    except (SteelDefectXError, OSError) as error:
        finish = f"steeldefectx push-model {shlex.quote(folder)} {repo}"
        raise SteelDefectXError(f"{error}\nThe run is whole, and in {folder}. To push it later: {finish}") from error
    print(f"Pushed to {address}")


def run_eval(words: Sequence[str], program: str) -> None:
    """Evaluate as the flags say; print the scores.

    Args:
        words: The flags.
        program: What was typed before them.
    """
    from steeldefectx.cli.config_flags import EVAL_GROUPS, FlagParser  # imports transformers; other commands do without
    from steeldefectx.inference.eval_config import EvalConfig

    _show_log()
    config = EvalConfig(**FlagParser(EvalConfig, program, EVAL, EVAL_GROUPS).parse(words))
    _check_places(config.config, config.data_dir, config.t1_file, config.annotations)
    refuse_misspelt(config.checkpoint)
    if config.output is not None:
        check_output_file(Path(config.output).expanduser())
    from steeldefectx.cli.score_tables import print_scores
    from steeldefectx.inference.evaluation import evaluate_checkpoint  # imports torch; --help does without
    from steeldefectx.utils.results import write_json

    results = evaluate_checkpoint(config)
    print_scores(results, per_class=True)
    if config.output is not None:
        write_json(results, Path(config.output).expanduser())


def run_pretrain(words: Sequence[str], program: str) -> None:
    """Pretrain as the flags say; say where the model is.

    Args:
        words: The flags.
        program: What was typed before them.
    """
    from steeldefectx.cli.config_flags import (
        PRETRAIN_GROUPS,
        FlagParser,
    )  # imports transformers; other commands do without
    from steeldefectx.pretrain.config import PretrainConfig

    config = PretrainConfig(**FlagParser(PretrainConfig, program, PRETRAIN, PRETRAIN_GROUPS).parse(words))
    check_output_folder(Path(config.out).expanduser())
    from steeldefectx.pretrain.trainer import pretrain as pretrain_model  # imports torch; --help does without

    print(f"Model: {pretrain_model(config)}")


def _show_log() -> None:
    """Messages to standard error; not those of libraries that tell of each request."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    for chatty in ("httpx", "httpx2", "accelerate", "datasets"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def stretch_clip(
    model: Annotated[str, typer.Argument(help="CLIP: Hub id or folder.")],
    out: Annotated[Path, typer.Option(help="New folder, for train --model.")],
) -> None:
    """Give a CLIP room for texts of 248 tokens in place of 77, as Long-CLIP does before its training.

    steeldefectx stretch-clip openai/clip-vit-base-patch32 --out long-clip
    """
    refuse_misspelt(model, "model")
    check_output_folder(out)
    from steeldefectx.models import long_clip  # imports torch; --help does without

    long_clip.stretch_clip(model, out)
    typer.echo(f"Wrote {out}.")


def convert_long_clip(
    checkpoint: Annotated[Path, typer.Argument(help="Published Long-CLIP state dict (.pt).")],
    out: Annotated[Path, typer.Option(help="New folder, for train --model.")],
    processor: Annotated[str | None, typer.Option(help="CLIP whose preprocessing it has; by size if left out.")] = None,
) -> None:
    """Convert a published Long-CLIP checkpoint to a model folder.

    steeldefectx convert-long-clip longclip-B.pt --out long-clip
    """
    existing(checkpoint)
    check_output_folder(out)
    from steeldefectx.models import long_clip  # imports torch; --help does without

    long_clip.convert_long_clip(checkpoint, out, processor)
    typer.echo(f"Wrote {out}.")
