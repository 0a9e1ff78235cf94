"""The tables of the four tasks, in the paper's layout: ours with their spread, the published number beside."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from steeldefectx.benchmark.report import published, statistics
from steeldefectx.benchmark.report.document import Entry, Heading, Table
from steeldefectx.benchmark.report.lines import CONTROLS, ENCODER_METHODS, Run, short

NONE = "–"
OTHER_DATA = "†"
FAILED = "failures"
"""Where the report lists what failed."""
Key = tuple[Any, ...]


def percent(values: Sequence[float]) -> str:
    """Fractions as "93.63 ± 0.42" in percent: mean and, of several, sample standard deviation."""
    if not values:
        return NONE
    mean, std = statistics.mean_std(values)
    return f"{100 * mean:.2f}" if std is None else f"{100 * mean:.2f} ± {100 * std:.2f}"


def score(run: Run, metric: str = "accuracy", *, best: bool = False, beside: str = "") -> Entry:
    """A run's metric as an entry."""
    if not run.done:
        return Entry("failed", tone="failed", run=FAILED, title="; ".join(str(c["error"]) for c in run.failed))
    return Entry(percent(run.values(metric)), metric, run.ids, run=run.name, best=best, beside=beside)


def seeds(run: Run, most: int) -> Entry:
    """How many seeds a run has, marked where others have more."""
    beside = f"of {most}" if len(run.done) < most else ""
    return Entry(str(len(run.done)), "seeds", run.ids, run=run.name if run.done else FAILED, beside=beside)


def groups(runs: Iterable[Run], key: Callable[[Run], Key]) -> dict[Key, list[Run]]:
    """Runs by a key, in their order."""
    found: dict[Key, list[Run]] = {}
    for run in runs:
        found.setdefault(key(run), []).append(run)
    return found


def classification(runs: list[Run]) -> Table:
    """Task 1 or 2 on one data set: a row a run.

    Args:
        runs: Of one task and one data set.
    """
    texts = runs[0]["task"] == "task2"
    head = ("method", "train texts", "test texts") if texts else ("model",)
    best = {metric: _best(runs, metric) for metric in ("accuracy", "mean_accuracy")}
    most = max(len(run.done) for run in runs)
    rows: list[list[Entry] | Heading] = []
    for (model,), block in groups(runs, lambda run: (run["model"],)).items():
        rows += [Heading(short(model))] * texts
        for run in block:
            words = [Entry(short(model), title=str(model), beside=run.variant)]
            if texts:
                words = [Entry(run["method"], beside=run.variant), _train_text(run), Entry(run["test_text"] or NONE)]
            scores = [score(run, metric, best=run is best[metric]) for metric in best]
            rows.append([*words, *scores, seeds(run, most), *_published(run)])
    for number in _not_run(runs, rows):
        words = [Entry(number.model, beside=number.remark, title=number.source)]
        if texts:
            method = " · ".join(filter(None, (number.model, number.method)))
            words = [Entry(method, beside=number.remark, title=number.source)]
            words += [Entry(number.train_text or NONE), Entry(number.test_text or NONE)]
        theirs = [Entry(_figure(number, value)) for value in (number.accuracy, number.mean_accuracy)]
        rows.append([*words, *[Entry(NONE, tone="soft")] * 3, *theirs])
    columns = (*head, "Acc %", "mAcc %", "seeds", "published Acc %", "published mAcc %")
    caption = f"{runs[0].data}: Acc and mAcc on the test split"
    return Table(caption, columns, rows, _notes(runs), words=len(head))


def few_shot(runs: list[Run], what: str) -> Table:
    """Task 3 on one data set: method by shots, a block for each model and text level; Acc.

    Args:
        runs: Of task 3, one data set, not zero-shot.
        what: What kind of methods these are.
    """
    shots = sorted({run["shots"] for run in runs}, key=lambda n: (n is None, n))
    by_shots = {n: [run for run in runs if run["shots"] == n] for n in shots}
    best = {n: _best(by_shots[n], "accuracy") for n in shots}
    most = max(len(run.done) for run in runs)
    rows: list[list[Entry] | Heading] = []
    empty = 0
    for (model, level), block in groups(runs, lambda run: (run["model"], run.level)).items():
        rows.append(Heading(f"{short(model)} · {f'texts {level}' if level else 'no texts'}"))
        for (method, variant), row in groups(block, lambda run: (run["method"], run.variant)).items():
            entries = []
            for n in shots:
                run = next((run for run in row if run["shots"] == n), None)
                entries.append(_in_grid(run, run is best[n], most))
                empty += run is None
            rows.append([Entry(method, beside=variant), *entries])
    names = tuple("all" if n is None else f"{n} shot{'s' * (n != 1)}" for n in shots)
    theirs: dict[str, dict[int | None, str]] = {}
    for number in _not_run(runs, rows):
        theirs.setdefault(f"{number.model} · {number.method}", {})[number.shots] = _figure(number, number.accuracy)
    rows += [[Entry(name), *(Entry(found.get(n, NONE)) for n in shots)] for name, found in theirs.items()]
    return Table(f"{runs[0].data}: {what}, Acc %", ("method", *names), rows, _notes(runs, empty, most))


def zero_shot(runs: list[Run]) -> Table:
    """Task 3 without any shot, on one data set.

    Args:
        runs: Of task 3, one data set, zero-shot.
    """
    best = {metric: _best(runs, metric) for metric in ("accuracy", "mean_accuracy")}
    rows: list[list[Entry] | Heading] = [
        [
            Entry(short(run["model"]), title=str(run["model"]), beside=run.variant),
            Entry(run.level or NONE),
            *(score(run, metric, best=run is best[metric]) for metric in best),
            _published(run)[0],
        ]
        for run in runs
    ]
    for number in _not_run(runs, rows):
        words = [Entry(number.model, title=number.source), Entry(number.test_text or NONE)]
        rows.append([*words, *[Entry(NONE, tone="soft")] * 2, Entry(_figure(number, number.accuracy))])
    columns = ("model", "test texts", "Acc %", "mAcc %", "published Acc %")
    return Table(f"{runs[0].data}: zero-shot", columns, rows, _notes(runs), words=2)


def transfer(runs: list[Run]) -> Table:
    """Task 4: training texts by what is tested on, a block for each model and method; Acc.

    Args:
        runs: Of task 4, trained on one data set.
    """
    targets = list(dict.fromkeys(run["test_on"] for run in runs))
    best = {on: _best([run for run in runs if run["test_on"] == on], "accuracy") for on in targets}
    most = max(len(run.done) for run in runs)
    rows: list[list[Entry] | Heading] = []
    empty = 0
    trained = groups(runs, lambda run: (run["model"], run["test_text"]))
    for (model, text), block in trained.items():
        rows.append(Heading(f"{short(model)} · tested with {text or NONE}"))

        def row_key(run: Run) -> Key:
            return (run["method"], run["train_text"], run["text_control"], run["shots"], run.variant)

        for row in groups(block, row_key).values():
            entries = []
            for on in targets:
                run = next((run for run in row if run["test_on"] == on), None)
                entries.append(_in_grid(run, run is best[on], most))
                empty += run is None
            rows.append([Entry(str(row[0]["method"]), beside=row[0].variant), _train_text(row[0]), *entries])
    for number in _not_run(runs, rows):
        scores = [_figure(number, number.accuracy) if str(on).startswith(number.target) else NONE for on in targets]
        words = [Entry(f"{number.model} · {number.method or 'clip-adapter'}"), Entry(number.train_text or NONE)]
        rows.append([*words, *map(Entry, scores)])
    names = tuple(f"{short(on)}{' (synthetic)' if str(on).startswith('sample') else ''}" for on in targets)
    origin = runs[0].data.split(" → ")[0]
    synthetic = " (synthetic)" if str(runs[0]["train_on"]).startswith("sample") else ""
    caption = f"Trained on {origin}{synthetic}, tested on other materials, Acc %"
    return Table(caption, ("method", "train texts", *names), rows, _notes(runs, empty, most), words=2)


def published_numbers() -> Table:
    """All published numbers that this report knows, with their sources."""
    by_data: dict[str, list[published.Published]] = {}
    for number in published.PUBLISHED:
        by_data.setdefault(number.data, []).append(number)
    rows: list[list[Entry] | Heading] = []
    for data, numbers in by_data.items():
        rows.append(Heading(f"Measured on {data}"))
        rows += [_published_row(number) for number in numbers]
    columns = ("task", "model", "method", "texts", "shots", "source", "Acc %", "mAcc %")
    return Table("Published numbers", columns, rows, ("≈ read off a figure.",), words=6)


def _published_row(number: published.Published) -> list[Entry]:
    texts = " → ".join(filter(None, (number.train_text, number.test_text)))
    shots = "" if number.shots is None else str(number.shots)
    protocol = [number.task.replace("task", "Task "), number.model, number.method or "", texts, shots]
    scores = [_figure(number, number.accuracy), _figure(number, number.mean_accuracy)]
    words = [*(Entry(text or NONE) for text in protocol), Entry(number.source, beside=number.remark)]
    return [*words, *map(Entry, scores)]


def grid_of(run: Run) -> Key:
    """What tables of tasks are made for: one data set, or in task 4 one that was trained on."""
    fingerprint = run["data_fingerprint"] if run["task"] != "task4" else None
    return (run["train_on"] if run["task"] == "task4" else (run["dataset"], run["config"]), fingerprint)


def is_encoder_method(run: Run) -> bool:
    """Whether a few-shot method's gradients run through the towers."""
    return run["method"] in ENCODER_METHODS


def _best(runs: list[Run], metric: str) -> Run | None:
    """The highest mean among several runs on true texts."""
    found = [run for run in runs if run.done and not run["text_control"]]
    return max(found, key=lambda run: run.mean(metric)) if len(found) > 1 else None


def _train_text(run: Run) -> Entry:
    if run["method"] == "zero-shot":
        return Entry(NONE)
    control = CONTROLS.get(run["text_control"], run["text_control"])
    return Entry(run["train_text"] or NONE, beside=control, tone="soft" if control else "")


def _in_grid(run: Run | None, best: bool, most: int) -> Entry:
    if run is None:
        return Entry("not run", tone="soft")
    number = published.find(run.settings)
    beside = []
    if number is not None:
        beside.append(f"published {_figure(number, number.accuracy)}{_mark(run, number)}")
    if run.done and len(run.done) < most and run["method"] != "zero-shot":
        beside.append(f"{len(run.done)} of {most} seeds")
    return score(run, best=best, beside="; ".join(beside))


def _published(run: Run) -> list[Entry]:
    number = published.find(run.settings)
    if number is None:
        return [Entry(NONE, tone="soft"), Entry(NONE, tone="soft")]
    mark = _mark(run, number)
    title = f"{number.source}: {number.model}, {number.data}"
    return [
        Entry(NONE if value is None else _figure(number, value) + mark, title=title, beside=remark)
        for value, remark in ((number.accuracy, number.remark), (number.mean_accuracy, ""))
    ]


def _mark(run: Run, number: published.Published) -> str:
    return "" if number.same_data(run.settings) else f" {OTHER_DATA}"


def _figure(number: published.Published, value: float | None) -> str:
    if value is None:
        return NONE
    return f"≈ {100 * value:.0f}" if number.approximate else f"{100 * value:.2f}"


def _not_run(runs: list[Run], rows: list[list[Entry] | Heading]) -> list[published.Published]:
    """Published numbers of the same table whose protocol is not among ours; adds a heading for them to ``rows``."""
    zero_shot, encoders = runs[0]["method"] == "zero-shot", is_encoder_method(runs[0])
    missing = [
        number
        for number in published.PUBLISHED
        if number.task == runs[0]["task"]
        and (number.task != "task3" or (number.method == "zero-shot") == zero_shot)
        and not (number.task == "task3" and encoders)
        and (number.task == "task4" or number.target == "default")
        and not any(number.matches(run.settings) for run in runs)
    ]
    if missing:
        data = " and ".join(dict.fromkeys(number.data for number in missing))
        rows.append(Heading(f"Published on {data}, not run here"))
    return missing


def _notes(runs: list[Run], empty: int = 0, most: int | None = None) -> tuple[str, ...]:
    notes = []
    counts = {len(run.done) for run in runs if run.done}
    if counts and max(counts) > 1:
        over = f"{most} seeds unless it says otherwise" if most else "seeds"
        notes.append(f"Mean ± sample standard deviation over {over}.")
    elif counts:
        notes.append("One seed: there is no standard deviation.")
    notes += _other_data(runs)
    failed = sum(len(run.failed) for run in runs)
    if failed or empty:
        parts = [f"{failed} failed (see Failed cells)"] * bool(failed) + [f"{empty} not run"] * bool(empty)
        notes.append(f"Incomplete: {', '.join(parts)}.")
    if any(run["text_control"] for run in runs):
        notes.append(
            "Shuffled texts are a control: within classes, an image gets the text of another of its class; "
            "across classes, that of any other image."
        )
    notes += _validated(runs)
    return tuple(notes)


def _validated(runs: list[Run]) -> list[str]:
    adapted = [run for run in runs if run.done and run["task"] == "task3" and run["method"] != "zero-shot"]
    defaults = sorted({run["method"] for run in adapted if not run["validated"]})
    if not adapted:
        return []
    if not defaults:
        return ["Settings of methods were chosen on validation draws from the training split."]
    return [f"Default settings, not chosen on validation draws: {', '.join(defaults)}."]


def _other_data(runs: list[Run]) -> list[str]:
    """What published numbers beside these runs were measured on, and what these were."""
    pairs = [(run, published.find(run.settings)) for run in runs if run.done]
    other = [(run, number) for run, number in pairs if number is not None and not number.same_data(run.settings)]
    if not other:
        return []
    theirs = " and ".join(dict.fromkeys(number.data for _, number in other))
    ours = " and ".join(dict.fromkeys(f"{run.data}: {described(run)}" for run, _ in other))
    return [f"{OTHER_DATA} Measured on other data, not to be compared: published on {theirs}; ours on {ours}."]


def described(run: Run) -> str:
    """The data a run was tested on, in numbers."""
    return f"{len(run['classes'])} classes, {run['n_test']:,} test images"
