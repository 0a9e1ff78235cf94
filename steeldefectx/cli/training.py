"""What ``train.py`` and ``eval.py`` do with their flags: parse, call, print."""

from __future__ import annotations

import argparse
import logging
import os
import shlex
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any, NoReturn

from rich.console import Console
from rich.table import Table
from transformers import HfArgumentParser

from steeldefectx.data.labelled import ROW_SETTINGS, Data, load_data
from steeldefectx.errors import SteelDefectXError
from steeldefectx.hub.upload import check_may_push
from steeldefectx.inference.eval_config import EvalConfig
from steeldefectx.training.config import TrainConfig, default_recipe, load_recipe
from steeldefectx.utils.results import RESULTS, read_results, versions, write_json


class Parser(HfArgumentParser):
    """Flags from a dataclass; a bad flag is answered in one line."""

    def __init__(self, kind: type, usage: str):
        super().__init__(kind, description=usage, formatter_class=_Help, allow_abbrev=False)
        self.add_argument("--debug", action="store_true", help="Show the traceback of an error.")

    def error(self, message: str) -> NoReturn:
        """Print the message and leave with exit code 2."""
        print(f"{Path(sys.argv[0]).name}: {message}; --help lists the flags.", file=sys.stderr)
        sys.exit(2)


class _Help(argparse.RawDescriptionHelpFormatter, argparse.ArgumentDefaultsHelpFormatter):
    pass


def train_main(usage: str | None = None) -> None:
    """``train.py``."""
    parser = Parser(TrainConfig, usage or "")
    chosen, _ = _recipe_parser().parse_known_args()
    _guarded(lambda: _train(parser, chosen), "--debug" in sys.argv)


def _recipe_parser() -> argparse.ArgumentParser:
    """Just what decides which recipe gives the other flags their defaults."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for flag in ("--recipe", "--method", "--model"):
        parser.add_argument(flag)
    return parser


def _train(parser: Parser, chosen: argparse.Namespace) -> None:
    name = chosen.recipe or default_recipe(chosen.method, chosen.model or TrainConfig.model)
    parser.set_defaults(**load_recipe(name))
    flags = vars(parser.parse_args())
    config = TrainConfig(**{f.name: flags[f.name] for f in fields(TrainConfig)} | {"recipe": name})
    first = int(os.environ.get("RANK", "0")) == 0  # of the processes that a launcher may have started
    if config.push_to_hub and first:
        check_may_push(config.push_to_hub)  # now, not after hours of training
    data = load_data(
        config.config,
        config.data_dir,
        **{name: getattr(config, name) for name in ROW_SETTINGS},
        validation=config.validation,
        seed=config.seed,
    )
    sizes = {name: len(split) for name, split in data.splits.items()}
    if first:
        logging.info("%d images of %d classes (%s)", sum(sizes.values()), len(data.classes), _counts(sizes))
    results = None if config.overwrite else _finished(config, data)
    if results is not None:
        logging.info("%s holds this run already; --overwrite runs it again.", config.output_dir)
    else:
        from steeldefectx.training.run import run  # imports torch, which a finished run does without

        results = run(config, data)
    if first:
        print_results(results)
        Console().print(f"Checkpoint and {RESULTS} are in {config.output_dir}", highlight=False)
        if config.push_to_hub:
            _push(config.output_dir, config.push_to_hub)


def _push(folder: str, repo: str) -> None:
    from steeldefectx.hub.model import push_model  # imports torch and matplotlib; --help does without

    try:
        address = push_model(Path(folder), repo)
    except (SteelDefectXError, OSError) as error:
        finish = f"steeldefectx push-model {shlex.quote(folder)} {repo}"
        raise SteelDefectXError(f"{error}\nThe run is whole, and in {folder}. To push it later: {finish}") from error
    Console().print(f"Pushed to {address}", highlight=False, soft_wrap=True)


def _counts(sizes: dict[str, int]) -> str:
    return ", ".join(f"{name} {size}" for name, size in sizes.items())


def _finished(config: TrainConfig, data: Data) -> dict[str, Any] | None:
    """The results in the output folder, where they are those of this very run."""
    results = read_results(Path(config.output_dir).expanduser() / RESULTS)
    if results is None:
        return None
    expected = {"recipe": config.resolved(), "data_fingerprint": data.fingerprint, "versions": versions()}
    return results if all(results.get(key) == value for key, value in expected.items()) else None


def eval_main(usage: str | None = None) -> None:
    """``eval.py``."""
    parser = Parser(EvalConfig, usage or "")
    _guarded(lambda: _evaluate(parser), "--debug" in sys.argv)


def _evaluate(parser: Parser) -> None:
    flags = vars(parser.parse_args())
    config = EvalConfig(**{f.name: flags[f.name] for f in fields(EvalConfig)})
    from steeldefectx.inference.evaluation import evaluate_checkpoint  # imports torch; --help does without

    results = evaluate_checkpoint(config)
    print_results(results, per_class=True)
    if config.output is not None:
        write_json(results, Path(config.output).expanduser())


def _guarded(action: Any, debug: bool) -> None:
    """Run an action; an error that a user can mend ends in one message and exit code 2, not in a traceback."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    for chatty in ("httpx", "httpx2", "accelerate", "datasets"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    try:
        action()
    except (SteelDefectXError, OSError) as error:
        if debug:
            raise
        print(f"{Path(sys.argv[0]).name}: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print(f"{Path(sys.argv[0]).name}: interrupted", file=sys.stderr)
        sys.exit(130)


def print_results(results: dict[str, Any], per_class: bool = False) -> None:
    """Print accuracies as tables, on standard output, in percent."""
    console, model = Console(), results["model"]
    synthetic = ", synthetic images" if results["config"] == "sample" else ""
    table = Table(title=f"{results['evaluated_on']} split of {results['dataset']}{synthetic}")
    for column in ("model", "method", "texts"):
        table.add_column(column)
    for column in ("images", "classes", "Acc %", "mAcc %"):
        table.add_column(column, justify="right")
    row = [Path(model).name if Path(model).is_dir() else model]
    size = [str(results["n_test"]), str(len(results["classes"]))]
    if results.get("before_training") is not None:
        table.add_row(*row, "zero-shot", results["test_text"], *size, *_percent(results["before_training"]))
    texts = " -> ".join(level for level in (results["train_text"], results["test_text"]) if level)
    table.add_row(*row, results["method"], texts, *size, *_percent(results))
    console.print(table)
    if per_class:
        recalls = Table("class", title="Recall of each class")
        recalls.add_column("recall %", justify="right")
        for name, recall in results["per_class"].items():
            recalls.add_row(name, f"{100 * recall:.2f}")
        console.print(recalls)


def _percent(scores: dict[str, Any]) -> list[str]:
    return [f"{100 * scores[key]:.2f}" for key in ("accuracy", "mean_accuracy")]
