"""The report's numbers, computed again from the lines and predictions that it names."""

import json
import re
import shutil
import statistics
import subprocess
from functools import cache
from html.parser import HTMLParser

import numpy as np
import pyarrow.parquet as pq
import pytest
from scipy.stats import binomtest
from typer.testing import CliRunner

from steeldefectx.benchmark.report.by_class import confusion_counts
from steeldefectx.benchmark.report.runs import read_results
from steeldefectx.benchmark.report.write import write_report
from steeldefectx.cli.app import app
from steeldefectx.errors import DataError
from tests.benchmark.report.results_folder import BASE, LONG, Writer, release, write_all

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
METRICS = ("accuracy", "mean_accuracy", "macro_f1", "calibration_error")
METRICS += ("head_accuracy", "medium_accuracy", "tail_accuracy")


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return write_all(tmp_path_factory.mktemp("results"), scale=0.05)


@pytest.fixture(scope="module")
def written(results, tmp_path_factory):
    return write_report(results.folder, tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="module")
def tables(written):
    return read_tables(written.markdown.read_text())


@pytest.fixture(scope="module")
def runs(results, tables):
    """Name of a run -> its lines that are done, as the report lists them."""
    lines = {line["cell"]: line for line in results.lines}
    found = {}
    for name, cell, *_ in tables["All cells, run by run"]:
        line = lines.pop(cell)
        found.setdefault(name.split()[0], []).extend([line] if line["status"] == "done" else [])
    assert not lines, "every line is listed"
    return found


def read_tables(text):
    """Caption -> rows; of an entry its text and, where it has them, remarks in parentheses."""
    found = {}
    for caption, body in re.findall(
        r"(?:\*\*|<b>)Table \d+\.(?:\*\*|</b>) (.+?)(?:</summary>)?\n\n((?:\|.*\n)+)", text
    ):
        rows = [re.split(r"(?<!\\) \| ", line.strip("| ")) for line in body.splitlines()[2:]]
        found[caption.replace("\\", "")] = [[words(entry) for entry in row] for row in rows]
    return found


def words(entry):
    entry = re.sub(r"<br><sub>(.*?)</sub>", r" (\1)", entry)
    entry = re.sub(r"\[(.*?)\]\(.*?\)", r"\1", entry)
    return re.sub(r"(?<!\\)<.*?>|\*\*|`|\\(?=\W|_)", "", entry)


def spread(values):
    values = [100 * value for value in values if value is not None]
    if not values:
        return "–"
    return f"{statistics.mean(values):.2f}" + (f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else "")


@cache
def predictions(file):
    """Labels and predictions, in the order of hashes and labels."""
    table = pq.read_table(file).sort_by([("image", "ascending"), ("label", "ascending")])
    return np.array(table["label"]), np.array(table["prediction"])


def hits(folder, line):
    labels, predicted = predictions(folder / line["predictions"])
    return labels == predicted


def interval_is_right(text, folder, lines, by_class):
    """Against 2,000 resamples of images, in a plain way."""
    share, draw = np.mean([hits(folder, line) for line in lines], axis=0), np.random.default_rng(5)
    labels, _ = predictions(folder / lines[0]["predictions"])
    parts = [share[labels == label] for label in np.unique(labels)] if by_class else [share]
    means = np.mean([part[draw.integers(0, len(part), (2000, len(part)))].mean(1) for part in parts], axis=0)
    low, high = map(float, text.split(" to "))
    return np.allclose([low, high], 100 * np.quantile(means, [0.025, 0.975]), atol=0.12 * (high - low) + 0.1)


def difference_and_p(folder, first, second):
    """In points and in words, over the seeds that both have."""
    second = {line["seed"]: line for line in second}
    pairs = [(line, second[line["seed"]]) for line in first if line["seed"] in second]
    p_values = []
    for a, b in pairs:
        ours, theirs = hits(folder, a), hits(folder, b)
        counts = [int(np.sum(ours & ~theirs)), int(np.sum(theirs & ~ours))]
        p_values.append(binomtest(counts[0], sum(counts)).pvalue if sum(counts) else 1.0)
    half = -(-len(p_values) // 2)
    p = min(1, len(p_values) / half * sorted(p_values)[half - 1])
    points = f"{100 * statistics.mean(a['accuracy'] - b['accuracy'] for a, b in pairs):+.1f}"
    return "0.0" if float(points) == 0 else points.replace("-", "−"), "<0.001" if p < 0.001 else f"{p:.3f}"


def test_a_run_has_all_seeds_of_its_settings_and_no_other(runs):
    keys = ("task", "model", "method", "train_text", "test_text", "text_control", "shots", "test_on")
    settings = [{tuple(line[key] for key in keys) for line in lines} for lines in runs.values() if lines]
    assert all(len(of_one) == 1 for of_one in settings)
    assert len(set.union(*settings)) == len(settings)
    assert {len(lines) for lines in runs.values()} == {1, 2, 3}


def test_every_metric_and_interval_follows_from_the_lines_of_its_run(results, tables, runs):
    rows = tables["Every run, all metrics"]
    assert {row[0] for row in rows} == set(runs)
    for name, _, _, seeds, *numbers in rows:
        lines = runs[name]
        assert int(seeds.split()[0]) == len(lines)
        intervals = numbers.pop(1), numbers.pop(2)
        assert numbers == [spread([line[metric] for line in lines]) for metric in METRICS]
        assert interval_is_right(intervals[0], results.folder, lines, by_class=False)
        assert interval_is_right(intervals[1], results.folder, lines, by_class=True)


def test_numbers_in_the_tables_of_tasks_are_those_of_the_run_they_lead_to(written, runs):
    linked = re.findall(r"\[([\d.]+(?: ± [\d.]+)?)\]\(#(r\d+)\)", written.markdown.read_text())
    for text, anchor in linked:
        assert text in {spread([line[metric] for line in runs[anchor.upper()]]) for metric in METRICS}
    assert len(linked) > 800
    assert {anchor.upper() for _, anchor in linked} == set(runs)


def test_paired_tests_follow_from_the_predictions(results, tables, runs, written):
    compared = tables["The best run against the rest"]
    for _, best, name, _, accuracy, difference, p_value, holm in compared:
        assert spread([line["accuracy"] for line in runs[name]]) == accuracy
        expected = difference_and_p(results.folder, runs[name], runs[best])
        assert (difference, p_value) == expected
        assert float(holm.strip("<")) >= float(p_value.strip("<"))
    assert len(compared) > 90
    effects = tables["What the texts do"]
    text = written.markdown.read_text()
    for name, _, _, _, *numbers in effects:
        (line,) = re.findall(rf"^\| \[{name}\]\(#{name.lower()}\) \|.*seed \d+:.*", text, re.MULTILINE)
        partners = [anchor.upper() for anchor in re.findall(r"\]\(#(r\d+) \"", line)]
        expected = [n for other in partners for n in difference_and_p(results.folder, runs[name], runs[other])]
        assert [number for number in numbers if number != "–"] == expected
        levels = {(runs[other][0]["train_text"], runs[other][0]["text_control"]) for other in partners}
        assert ("T0", None) in levels
    assert sum(number != "–" for row in effects for number in row[4:]) > 60


def test_confusions_and_recalls_follow_from_the_predictions(results, tables, runs):
    read = read_results(results.folder)
    run = max((run for run in read.runs if run["task"] == "task1"), key=lambda run: run.mean())
    expected = np.zeros((25, 25), dtype=int)
    for line in runs[run.name]:
        for label, predicted in zip(*predictions(results.folder / line["predictions"]), strict=True):
            expected[label, predicted] += 1
    assert np.array_equal(confusion_counts(read, run), expected)
    (pairs,) = (rows for caption, rows in tables.items() if caption.startswith(f"Most confused classes: {run.label},"))
    for name, other, share, _, images in pairs:
        row, column = run["classes"].index(name), run["classes"].index(other)
        assert images == f"{expected[row, column]} of {expected[row].sum()}"
        assert share == f"{100 * expected[row, column] / expected[row].sum():.1f}"
    (recalls,) = (rows for caption, rows in tables.items() if caption.startswith(f"Recall of each class: {run.label},"))
    assert len(recalls) == 25
    for name, size, recall in recalls:
        assert recall == spread([line["per_class"][name] for line in runs[run.name]])
        assert int(size) == run["train_counts"][name]


class Page(HTMLParser):
    """Ids, links, tables and whatever else a page would load."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.loaded, self.tables = [], [], [], 0
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tables += tag == "table"
        self.ids += [attrs["id"]] if "id" in attrs else []
        self.links += [attrs["href"]] if tag == "a" and "href" in attrs else []
        self.loaded += [attrs[key] for key in ("src", "xlink:href", "data", "srcset") if key in attrs]
        self.loaded += [attrs.get("href")] if tag == "link" else []


def test_the_page_is_whole_and_needs_no_network(written, tables):
    text = written.page.read_text()
    page = Page(text)
    assert len(page.ids) == len(set(page.ids))
    assert all(link[0] == "#" and link[1:] in page.ids for link in page.links)
    assert [file for file in page.loaded if not file.startswith("#")] == []
    assert not re.search(
        r"@import|<script src|fetch\(|https?://(?!www\.w3\.org)|url\((?!#)", re.sub("<svg.*?</svg>", "", text)
    )
    assert page.tables == len(tables) > 15


def test_markdown_has_its_figures_and_its_links_lead_somewhere(written):
    text = written.markdown.read_text()
    images = re.findall(r"!\[.*?\]\((.*?)\)", text)
    assert len(images) == written.page.read_text().count("<svg ") > 10
    assert all((written.markdown.parent / image).read_bytes().startswith(b"\x89PNG") for image in images)
    assert set(re.findall(r"\]\(#(\S+?)[ )]", text)) <= set(re.findall(r'<a id="(.*?)">', text))


def test_failed_and_missing_cells_are_named(written, tables):
    assert (written.failed, written.problems) == (2, [])
    assert "out of memory in &lt;towers&gt;" in written.page.read_text()
    assert [row[3] for row in tables["Cells that failed"]] == [
        "ModelError: out of memory in <towers>; give a smaller batch_size."
    ] * 2
    text = written.markdown.read_text()
    assert "Incomplete: 2 failed (see Failed cells), 1 not run." in text
    assert text.count("2 of 3 seeds") == 2


def test_published_numbers_stand_beside_those_of_their_protocol(tables, written, tmp_path):
    assert "Measured on other data" in written.markdown.read_text()  # a twentieth of the release
    rows = {tuple(row[:4]): row[-2:] for row in tables["Task 2, default: Acc and mAcc on the test split"]}
    assert rows[LONG, "clip-adapter", "T3", "T0"] == ["93.63 †", "92.56 †"]
    writer = Writer(tmp_path / "results")
    settings = {"task": "task2", "model": LONG, "method": "clip-adapter", "train_text": "T3", "test_text": "T0"}
    for seed in (0, 1):
        writer.add(release(), 0.93, seed=seed, **settings)
        writer.add(release(), 0.93, seed=seed, **settings | {"model": BASE, "train_text": "T0"})
    assert writer.lines[0]["n_test"] == 2324
    text = write_report(writer.folder, tmp_path / "report").markdown.read_text()
    (rows,) = (rows for caption, rows in read_tables(text).items() if "test split" in caption)
    assert sorted(row[-2:] for row in rows) == [["93.63", "92.56"], ["–", "–"]]
    assert "Measured on other data" not in text


def test_synthetic_data_are_called_so(tmp_path):
    writer = Writer(tmp_path / "results")
    for seed in (0, 1):
        for method in ("clip-adapter", "tip-adapter"):
            for shots in (1, 2):
                settings = {"task": "task3", "model": "tiny", "method": method, "test_text": "T0", "shots": shots}
                writer.add(release(0.05), 0.5, config="sample", seed=seed, **settings)
    done = write_report(writer.folder, tmp_path / "report")
    for text in (done.page.read_text(), done.markdown.read_text()):
        plain = re.sub(r"<[^>]*>|`.*?`|<code>.*?</code>", " ", text)
        alone = re.findall(r"\bsample\b(?! \(synthetic\)| standard|&quot;)", plain)
        assert len(alone) == 1  # in the column of configs, beside the name that says it
        assert "Synthetic: rendered images. Their numbers say nothing of real steel." in plain


def small(folder, seeds=(0,), models=("a", "b"), **settings):
    writer = Writer(folder)
    for seed in seeds:
        for model in models:
            writer.add(release(0.05), 0.9, task="task1", recipe="task1", model=model, seed=seed, **settings)
    return writer


def test_one_seed_has_no_deviation(tmp_path):
    text = write_report(small(tmp_path / "results").folder, tmp_path / "report").markdown.read_text()
    assert "One seed: there is no standard deviation." in text
    assert not [row for rows in read_tables(text).values() for row in rows if "±" in "".join(row)]


def test_runs_of_other_settings_are_not_averaged(tmp_path):
    writer = small(tmp_path / "results", models=("a",))
    settings = {"task": "task1", "recipe": "task1", "model": "a", "seed": 1}
    writer.add(release(0.05), 0.5, trained_with={"lr": 0.1, "epochs": 20}, **settings)
    done = write_report(writer.folder, tmp_path / "report")
    assert done.runs == 2
    rows = read_tables(done.markdown.read_text())["Task 1, default: Acc and mAcc on the test split"]
    assert {row[0] for row in rows} == {"a (lr 0.1)", "a (lr 0.0001)"}


def test_the_last_line_of_a_cell_counts_and_of_a_seed(tmp_path):
    writer = small(tmp_path / "results", models=("a",))
    (first,) = writer.lines
    file = writer.folder / "results.jsonl"
    failed = first | {"status": "failed", "error": "killed", "accuracy": None}
    again = first | {"cell": "another-id", "accuracy": 0.5}
    file.write_text("".join(json.dumps(line) + "\n" for line in (failed, first)))
    done = write_report(writer.folder, tmp_path / "report")
    assert (done.cells, done.failed) == (1, 0)
    file.write_text("".join(json.dumps(line) + "\n" for line in (first, again)))
    (run,) = read_results(writer.folder).runs
    assert run.values("accuracy") == [0.5]


def test_a_line_that_is_broken_off_is_left_out_and_said(tmp_path):
    folder = small(tmp_path / "results").folder
    file = folder / "results.jsonl"
    file.write_text(file.read_text()[:-100])
    done = write_report(folder, tmp_path / "report")
    assert done.cells == 1
    assert "the last line is broken off" in done.problems[0]
    assert "the last line is broken off" in done.page.read_text()


def test_missing_and_foreign_predictions(tmp_path):
    writer = small(tmp_path / "results")
    writer.add(release(0.05), 0.5, task="task1", recipe="task1", model="c")
    first, second, third = (line["predictions"] for line in writer.lines)
    (writer.folder / first).unlink()
    shutil.copy(writer.folder / third, writer.folder / second)
    done = write_report(writer.folder, tmp_path / "report")
    assert len(done.problems) == 2
    assert any(f"{first} is missing" in problem for problem in done.problems)
    assert any("is not of this cell" in problem for problem in done.problems)
    assert len(read_tables(done.markdown.read_text())["Left out"]) == 2


def test_all_failed(tmp_path):
    writer = Writer(tmp_path / "results")
    for model in ("a", "b"):
        settings = {"task": "task1", "recipe": "task1", "model": model}
        writer.add(release(0.05), 0.9, error="ModelError: no such model | really", **settings)
    done = write_report(writer.folder, tmp_path / "report")
    assert done.failed == 2
    assert "No cell is done yet." in done.page.read_text()
    assert read_tables(done.markdown.read_text())["Cells that failed"][0][3] == "ModelError: no such model | really"


def test_a_single_class(tmp_path):
    data = release(0.05)
    data.classes, data.train, data.labels = ["only <one>"], {"only <one>": 9}, np.zeros_like(data.labels)
    writer = Writer(tmp_path / "results")
    writer.add(data, 1.0, task="task1", recipe="task1", model="a")
    text = write_report(writer.folder, tmp_path / "report").page.read_text()
    assert "100.00" in text
    assert "Class by class" not in text


def test_what_cannot_be_reported_is_said(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        write_report(tmp_path, tmp_path / "report")
    file = tmp_path / "results.jsonl"
    file.write_text("\n")
    with pytest.raises(DataError, match="holds no results"):
        write_report(tmp_path, tmp_path / "report")
    file.write_text('{"cell": "0", "accuracy": 1}\n')
    with pytest.raises(DataError, match="line 1: no line of results, it lacks"):
        write_report(tmp_path, tmp_path / "report")
    assert not (tmp_path / "report").exists()


def test_the_command(tmp_path):
    folder = small(tmp_path / "results").folder
    done = CliRunner().invoke(app, ["report", str(folder), "--out", str(tmp_path / "report")])
    assert done.exit_code == 0, done.output
    assert "2 cells of 2 runs, 0 failed" in done.output
    first = {file.name: file.read_bytes() for file in (tmp_path / "report").rglob("*.*")}
    CliRunner().invoke(app, ["report", str(folder), "--out", str(tmp_path / "again")])
    assert {file.name: file.read_bytes() for file in (tmp_path / "again").rglob("*.*")} == first
    bad = CliRunner().invoke(app, ["report", str(tmp_path), "--out", str(tmp_path / "bad")])
    assert bad.exit_code == 2
    assert "no such file" in bad.output


@pytest.mark.skipif(BROWSER is None, reason="no browser installed")
@pytest.mark.parametrize("width", [1280, 390])
def test_in_a_browser_nothing_is_wider_than_the_page(written, tmp_path, width):
    """Tables and wide plots scroll in their own boxes."""
    frame = tmp_path / "frame.html"
    script = (
        "const f=document.querySelector('iframe');f.onload=()=>{const d=f.contentDocument.documentElement;"
        "document.title=d.scrollWidth+' '+d.clientWidth+' '+f.contentDocument.querySelectorAll('svg text').length}"
    )
    shutil.copy(written.page, tmp_path / "report.html")
    frame.write_text(
        f'<iframe src="report.html" width={width} height=900 style="border:0"></iframe><script>{script}</script>'
    )
    flags = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--allow-file-access-from-files",
        "--virtual-time-budget=9000",
    ]
    flags += [f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom"]
    dom = subprocess.run([BROWSER, *flags, frame.as_uri()], capture_output=True, text=True, timeout=120).stdout
    scroll, client, texts = map(int, re.search(r"<title>(\d+) (\d+) (\d+)</title>", dom).groups())
    assert client <= width
    assert scroll <= client
    assert texts > 500
