"""The flags of train, eval and pretrain: the fields of their configs, in groups."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import field, fields, make_dataclass
from difflib import get_close_matches
from typing import Any, NoReturn, get_type_hints

from transformers import HfArgumentParser

Groups = Mapping[str, Sequence[str]]
"""Title -> names of the fields under it."""

TRAIN_GROUPS = {
    "data": (
        *("config", "data_dir", "layout", "boxes", "skip_bad", "gc10", "page", "zip_encoding", "split_by"),
        *("validation", "hold_out"),
    ),
    "texts": ("train_text", "test_text", "t0_template", "t1_file", "t1", "annotations", "crop_text"),
    "model and method": (
        *("recipe", "model", "method", "adapter_on", "towers", "ratio", "lora_rank", "lora_alpha", "lora_dropout"),
        *("image_size",),
    ),
    "optimization": (
        *("epochs", "lr", "batch_size", "loss", "optimizer", "weight_decay", "schedule", "step_epochs", "warmup"),
        *("augment", "views", "label_smoothing", "mixup", "ema", "seed"),
    ),
    "speed and memory": ("precision", "accumulate", "compile"),
    "output": ("output_dir", "overwrite", "resume", "snapshot_minutes", "tracker", "push_to_hub"),
}
EVAL_GROUPS = {
    "checkpoint": ("checkpoint",),
    "data": (
        *("config", "data_dir", "layout", "boxes", "split", "skip_bad", "gc10", "page", "zip_encoding", "split_by"),
    ),
    "texts": ("text", "among", "t0_template", "t1_file", "t1", "annotations"),
    "output": ("output",),
}
PRETRAIN_GROUPS = {
    "data": ("images", "renderer", "class_texts", "described", "composed", "held_out", "t2", "workers"),
    "model": ("init", "image_size", "image_widths", "text_width", "text_layers", "projection", "place", "dense"),
    "optimization": ("batch_size", "lr", "warmup", "weight_decay", "ema", "seed", "precision"),
    "output": ("out", "resume"),
}
LONGEST_CHOICE = 40
"""Letters of a flag's choices up to which they stand beside it, in help 80 columns wide."""


class FlagParser(HfArgumentParser):
    """Flags from a config's fields; ``--data-dir`` and ``--data_dir`` are one flag, and help shows the first.

    Args:
        config: The dataclass.
        program: What is typed before the flags.
        description: What ``--help`` says before it lists them.
        groups: Under which title each flag is listed; a field that is in none is listed under "other".
    """

    def __init__(self, config: type, program: str, description: str, groups: Groups):
        grouped = {name for names in groups.values() for name in names}
        other = [item.name for item in fields(config) if item.name not in grouped]
        parts = [_part(config, title, names) for title, names in {**groups, "other": other}.items() if names]
        super().__init__(
            parts,
            prog=program,
            usage=f"{program} [flags]",
            description=description,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        self.program = program
        self.add_argument("--debug", action="store_true", help="Show the traceback of an error.")
        self.flags = [action for action in self._actions if action.dest != "help"]
        for action in self.flags:
            action.option_strings = [flag for flag in action.option_strings if "_" not in flag]
            if action.nargs == "?":
                action.metavar = "true|false"
            elif action.choices and len(choices := ", ".join(map(str, action.choices))) > LONGEST_CHOICE:
                action.metavar, action.help = "NAME", f"One of {choices}. {action.help}"

    def parse(
        self, words: Sequence[str], recipe: Mapping[str, Any] | None = None, recipe_name: str = ""
    ) -> dict[str, Any]:
        """Field -> value, as typed, else by the recipe, else the default; a bad flag ends the program.

        Args:
            words: The command line.
            recipe: Values that a recipe decides.
            recipe_name: What help calls it.
        """
        recipe = recipe or {}
        self.set_defaults(**recipe)
        for action in self.flags:
            value = self.get_default(action.dest)
            if action.nargs != 0 and value is not None and not isinstance(value, bool):
                source = f"by recipe {recipe_name}" if action.dest in recipe else "default"
                action.help = f"{action.help} ({source}: {value})".replace("%", "%%")
        values, unknown = self.parse_known_args(list(words))
        if unknown:
            typed = unknown[0].partition("=")[0].replace("_", "-")
            near = get_close_matches(typed, [flag for action in self.flags for flag in action.option_strings], 1)
            self.error(f"unrecognized arguments: {' '.join(unknown)}" + (f"; did you mean {near[0]}?" if near else ""))
        return {name: value for name, value in vars(values).items() if name != "debug"}

    def error(self, message: str) -> NoReturn:
        """Print the message and leave with exit code 2."""
        print(f"{self.program}: {message}; --help lists the flags.", file=sys.stderr)
        sys.exit(2)


def _part(config: type, title: str, names: Sequence[str]) -> type:
    """Some fields of a dataclass as one of their own, which ``HfArgumentParser`` lists under a title."""
    types, known = get_type_hints(config), {item.name: item for item in fields(config)}
    part = make_dataclass(
        title.replace(" ", "_"),
        [
            (name, types[name], field(default=known[name].default, metadata=known[name].metadata, kw_only=True))
            for name in names
        ],
    )
    part._argument_group_name = title  # type: ignore[attr-defined]
    return part
