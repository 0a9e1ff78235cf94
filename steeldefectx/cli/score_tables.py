"""The scores of a run or an evaluation, as tables in the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table


def print_scores(results: dict[str, Any], per_class: bool = False) -> None:
    """Print accuracies, in percent, on standard output.

    Args:
        results: Contents of ``results.json``.
        per_class: Also the recall of each class.
    """
    console, model = Console(), results["model"]
    synthetic = ", synthetic images" if results["config"] == "sample" else ""
    table = Table(title=f"{results['evaluated_on']} split of {results['dataset']}{synthetic}")
    for column in ("model", "method", "texts"):
        table.add_column(column)
    for column in ("images", "classes", "Acc %", "mAcc %"):
        table.add_column(column, justify="right")
    row = [Path(model).name if Path(model).is_dir() else model]
    classes = len(results["classes"])
    if results.get("among") == "checkpoint":
        classes = results["scores_among"]["checkpoint"]["classes"]
    size = [str(results["n_test"]), str(classes)]
    if results.get("before_training") is not None:
        table.add_row(*row, "zero-shot", results["test_text"], *size, *_percent(results["before_training"]))
    texts = " -> ".join(level for level in (results["train_text"], results["test_text"]) if level)
    table.add_row(*row, results["method"], texts, *size, *_percent(results))
    for among, other in results.get("scores_among", {}).items():
        if among != results["among"] and other["classes"] != results["scores_among"][results["among"]]["classes"]:
            size[1] = f"{other['classes']}, all it knows" if among == "checkpoint" else str(other["classes"])
            table.add_row(*row, results["method"], texts, *size, *_percent(other))
    console.print(table)
    for note in results.get("notes", []):
        console.print(note, style="yellow", highlight=False)
    if per_class:
        recalls = Table("class", title="Recall of each class")
        recalls.add_column("recall %", justify="right")
        for name, recall in results["per_class"].items():
            recalls.add_row(name, f"{100 * recall:.2f}")
        console.print(recalls)


def _percent(scores: dict[str, Any]) -> list[str]:
    return [f"{100 * scores[key]:.2f}" for key in ("accuracy", "mean_accuracy")]
