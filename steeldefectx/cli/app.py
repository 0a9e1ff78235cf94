"""The ``steeldefectx`` command, put together from its families; what all commands have in common."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Annotated, Any

import typer
from rich.markup import escape
from typer.core import TyperCommand, TyperGroup

from steeldefectx import __version__
from steeldefectx.cli import benchmark, data, doctor, hub, inference, texts, training
from steeldefectx.cli.error_messages import errors_as_messages, usage_errors_as_messages

COMMANDS: dict[str, list[Callable[..., None]]] = {
    "Data": [data.look, data.build, data.audit, data.verify],
    "Texts": [
        *(texts.annotate, texts.describe_classes, texts.review, texts.import_annotations, texts.export_annotations),
    ],
    "Train": [
        *(training.train, training.evaluate, training.pretrain, training.stretch_clip, training.convert_long_clip),
    ],
    "Use": [
        *(inference.predict, inference.inspect, inference.explain, inference.search, inference.demo),
        *(inference.calibrate, inference.export_onnx),
    ],
    "Benchmark": [benchmark.benchmark, benchmark.report],
    "Share": [hub.push_model, hub.push_dataset],
    "Installation": [doctor.doctor, doctor.cache],
}
"""Heading in ``--help`` -> the commands under it, which have their functions' names."""
NAMES = {training.evaluate: "eval"}
"""The one that cannot: ``eval`` is Python's own."""
PARSE_THEMSELVES = (training.train, training.evaluate, training.pretrain)
"""All that follows them, ``--help`` too, is for the parser of their configs' fields."""


def _show_parameters(params: list[Any]) -> list[Any]:
    """Parameters as help is to show them: arguments in capitals, a switch without a value."""
    for param in params:
        if param.metavar is None and param.param_type_name == "argument":
            param.metavar = param.name.upper()
        elif param.metavar is None and param.is_flag:
            param.metavar = ""
    return params


class Command(TyperCommand):
    """A command, whose usage line shows all that has to be given."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Arguments and options."""
        return _show_parameters(super().get_params(ctx))

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """What stands behind the command's name."""
        params = self.get_params(ctx)
        arguments = [param for param in params if param.param_type_name == "argument"]
        required = [param for param in params if param not in arguments and param.required]
        return [
            *(param.metavar if param.required else f"[{param.metavar.strip('[]')}]" for param in arguments),
            *(f"{param.opts[0]} {param.opts[0].strip('-').upper()}" for param in required),
            "[OPTIONS]",
        ]


class Commands(TyperGroup):
    """All commands: an error in any of them ends in one message, unless ``--debug`` is given."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Options."""
        return _show_parameters(super().get_params(ctx))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """``--debug`` may follow the command, too."""
        if "--debug" in args:
            args = ["--debug", *(word for word in args if word != "--debug")]
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was typed."""
        with errors_as_messages("steeldefectx", ctx.params["debug"]), usage_errors_as_messages():
            return super().invoke(ctx)


app = typer.Typer(cls=Commands, no_args_is_help=True, pretty_exceptions_enable=False)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"steeldefectx {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Steel-surface-defect images with texts on four levels, and models trained on them."""


def help_text(function: Callable[..., None]) -> str:
    """A command's docstring for ``--help``: paragraphs as wide as the terminal, examples line by line."""
    paragraphs = inspect.cleandoc(function.__doc__ or "").split("\n\n")
    return escape("\n\n".join(_lines(text) if text.startswith(" ") else _line(text) for text in paragraphs))


def _line(paragraph: str) -> str:
    return re.sub(r"\s*\n", " ", paragraph)


def _lines(examples: str) -> str:
    return "\n".join(line.strip() for line in examples.splitlines())


for panel, functions in COMMANDS.items():
    for function in functions:
        passes_on = function in PARSE_THEMSELVES
        app.command(
            NAMES.get(function),
            cls=Command,
            help=help_text(function),
            rich_help_panel=panel,
            add_help_option=not passes_on,
            context_settings={"allow_extra_args": True, "ignore_unknown_options": True} if passes_on else None,
        )(function)
