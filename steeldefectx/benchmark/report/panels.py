"""Which runs go into which plot."""

from __future__ import annotations

from typing import Any

from steeldefectx.benchmark.report import figures, statistics, tables
from steeldefectx.benchmark.report.document import Figure, Panel
from steeldefectx.benchmark.report.lines import CONTROLS, Results, Run, short, task_name


def curves(runs: list[Run]) -> Figure | None:
    """Accuracy against shots, a plot for each model and text level; None where there are not two points to join.

    Args:
        runs: Of task 3, one data set.
    """
    plots = []
    shots = [run for run in runs if run["shots"] and run.done and not run["text_control"]]
    for (model, texts), block in tables.groups(shots, lambda run: (run["model"], run.texts)).items():
        lines = tables.groups(block, lambda run: (run["method"], run.variant))
        if max(map(len, lines.values())) < 2:
            continue
        named = {" ".join(filter(None, key)): line for key, line in lines.items()}
        points = {name: [(run["shots"], *_percent(run)) for run in line] for name, line in named.items()}
        dashed = [name for name, line in named.items() if tables.is_encoder_method(line[0])]
        title = f"{short(model)}, texts {texts}"
        words = f"{title}, {block[0].data}: accuracy against shots for {', '.join(points)}"
        plots.append(Panel(figures.curves(title, points, _zero_shot(runs, block[0]), dashed), words))
    if not plots:
        return None
    caption = (
        f"{shots[0].data}: accuracy against shots. Bars: sample standard deviation over seeds. Dashed: methods that "
        "train inside the towers."
    )
    return Figure(caption, plots)


def _zero_shot(runs: list[Run], run: Run) -> tuple[str, float] | None:
    """The model of a run without any shot, on the same test texts: what it is called, and its accuracy in percent."""
    for other in runs:
        if other["shots"] == 0 and other.done and all(other[key] == run[key] for key in ("model", "test_text")):
            return f"zero-shot {run['test_text']}", _percent(other)[0]
    return None


def text_bars(results: Results) -> Figure | None:
    """A plot for each setting that was run with shuffled texts too; None if there is none."""
    runs = [run for run in results.runs if run.done and run["train_text"] and run["method"] != "zero-shot"]

    def key(run: Run) -> tuple[Any, ...]:
        return (run["task"], run.data, run["model"], run["method"], run["shots"], run.variant)

    plots = []
    for block in tables.groups(runs, key).values():
        controls = {run["text_control"] for run in block}
        if controls == {None}:
            continue
        shown = [control for control in CONTROLS if control in controls]
        found = {
            control or "": {r.texts: _percent(r) for r in block if r["text_control"] == control} for control in shown
        }
        run = block[0]
        amount = "" if run["shots"] is None else f", {run['shots']} shot{'s' * (run['shots'] != 1)}"
        where = f"{task_name(run['task'])}, {run.data}"
        title = f"{short(run['model'])}, {run['method']}{amount}"
        plot = figures.bars(f"{where}\n{title}", sorted({run.texts for run in block}), found)
        plots.append(Panel(plot, f"{where}, {title}: accuracy by text level and with shuffled texts"))
    if not plots:
        return None
    caption = "Accuracy by level of the texts, beside it with shuffled texts. Bars: standard deviation over seeds."
    return Figure(caption, plots)


def _percent(run: Run) -> tuple[float, float | None]:
    mean, std = statistics.mean_std(run.values("accuracy"))
    return 100 * mean, None if std is None else 100 * std
