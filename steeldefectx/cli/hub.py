"""The commands that share on the Hugging Face Hub: push-model, push-dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from steeldefectx.cli.paths import existing

Repo = Annotated[str, typer.Argument(help="OWNER/NAME on the Hub; made if it does not exist.")]
Public = Annotated[bool, typer.Option("--public", help="Let everyone see a new repository.")]


def push_model(
    folder: Annotated[Path, typer.Argument(help="Output folder of a finished run of train.")],
    repo: Repo,
    public: Public = False,
) -> None:
    """Push a trained model to the Hugging Face Hub; afterwards --checkpoint OWNER/NAME uses it anywhere.

      steeldefectx push-model runs/latest steelworks/steel

    Weights or adapter, classes, settings, results and a card written from them go in one commit, so a push that breaks
    off changes nothing. Needs a token that may write: set HF_TOKEN, or run `hf auth login` once. Names of folders on
    this machine are left out; a base model that is one of them is uploaded with its adapter. A new repository is
    private unless --public is given: see to the licences of base model and images before you show it to others.
    """
    existing(folder, folder=True, empty=True)
    from steeldefectx.hub.model import push_model as push  # imports torch; --help does without

    typer.echo(push(folder, repo, public=public))


def push_dataset(
    folder: Annotated[Path, typer.Argument(help="README.md with `configs` in its YAML header, and Parquet files.")],
    repo: Repo,
    public: Public = False,
) -> None:
    """Push a data set folder to the Hugging Face Hub; afterwards load_dataset("OWNER/NAME") reads it anywhere.

      steeldefectx push-dataset out/steel steelworks/steel-images

    Needs a token that may write: set HF_TOKEN, or run `hf auth login` once. All files go in one commit, so a push
    that breaks off changes nothing, and the next one does not send again what has arrived. A new repository is
    private unless --public is given: see to the licences of the images before you show them to others.
    """
    existing(folder, folder=True, empty=True)
    from steeldefectx.hub.dataset import push_dataset as push  # imports pyarrow; --help does without

    typer.echo(push(folder, repo, public=public))
