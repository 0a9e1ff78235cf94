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

from steeldefectx.benchmark.report.write import write_report
from steeldefectx.cli.app import app
from steeldefectx.errors import DataError
from tests.benchmark.report.results_folder import BASE, LONG, Writer, release, write_all

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Page(HTMLParser):
    """Table entries that were computed, ids, links and whatever else a page would load."""

    def __init__(self, text):
        super().__init__()
        self.entries, self.ids, self.links, self.loaded, self.tables = [], [], [], [], 0
        self.open = None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tables += tag == "table"
        if "id" in attrs:
            self.ids.append(attrs["id"])
        if tag == "a":
            self.links.append(attrs["href"])
        self.loaded += [attrs[key] for key in ("src", "xlink:href", "data", "srcset") if key in attrs]
        if tag == "link":
            self.loaded.append(attrs.get("href"))
        if tag == "td":
            self.open = (attrs, []) if "data-metric" in attrs else None
            if self.open:
                self.entries.append(self.open)
        elif tag == "span":
            self.open = None  # the smaller line below

    def handle_endtag(self, tag):
        if tag == "td":
            self.open = None

    def handle_data(self, data):
        if self.open:
            self.open[1].append(data)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return write_all(tmp_path_factory.mktemp("results"), scale=0.05)


@pytest.fixture(scope="module")
def written(results, tmp_path_factory):
    return write_report(results.write(), tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="module")
def page(written):
    return Page(written.page.read_text())


def spread(values):
    mean = f"{100 * statistics.mean(values):.2f}"
    return mean if len(values) == 1 else f"{mean} ± {100 * statistics.stdev(values):.2f}"


@cache
def predictions(file):
    return pq.read_table(file)


def hits(folder, cell):
    """Whether each test image was recognized, in the order of hashes and labels."""
    table = predictions(folder / cell["predictions"]).sort_by([("image", "ascending"), ("label", "ascending")])
    return np.array(table["label"]) == np.array(table["prediction"]), np.array(table["label"])


def interval_matches(text, folder, cells, by_class):
    """Against 2,000 resamples of images, in a plain way."""
    found = [hits(folder, cell) for cell in cells]
    share, labels, draw = np.mean([one for one, _ in found], axis=0), found[0][1], np.random.default_rng(5)
    parts = [share[labels == label] for label in np.unique(labels)] if by_class else [share]
    means = np.mean([part[draw.integers(0, len(part), (2000, len(part)))].mean(1) for part in parts], axis=0)
    low, high = map(float, text.split(" to "))
    expected = 100 * np.quantile(means, [0.025, 0.975])
    return np.allclose([low, high], expected, atol=0.12 * (high - low) + 0.1)


def p_value(folder, cells, others):
    values = []
    for cell, other in zip(cells, others, strict=True):
        assert cell["seed"] == other["seed"]
        first, second = hits(folder, cell)[0], hits(folder, other)[0]
        counts = [int(np.sum(first & ~second)), int(np.sum(second & ~first))]
        values.append(binomtest(counts[0], sum(counts)).pvalue if sum(counts) else 1.0)
    half = -(-len(values) // 2)
    return min(1, len(values) / half * sorted(values)[half - 1])


def confusion(folder, cells, pair):
    row, column = map(int, pair.split(">"))
    count = total = 0
    for cell in cells:
        table = predictions(folder / cell["predictions"]).to_pandas()
        count += int(((table.label == row) & (table.prediction == column)).sum())
        total += int((table.label == row).sum())
    return count, total


def recomputed(folder, metric, cells, others, text):
    """What an entry should say; for intervals, ``text`` if it is about right."""
    name, _, rest = metric.partition(":")
    if name in ("accuracy_interval", "mean_accuracy_interval"):
        return text if interval_matches(text, folder, cells, name.startswith("mean")) else "another interval"
    if name == "p_value":
        p = p_value(folder, cells, others)
        return "<0.001" if p < 0.001 else f"{p:.3f}"
    if name == "difference":
        pairs = zip(cells, others, strict=True)
        points = f"{100 * statistics.mean(a['accuracy'] - b['accuracy'] for a, b in pairs):+.1f}"
        return "0.0" if float(points) == 0 else points.replace("-", "−")
    if name == "seeds":
        return str(len(cells))
    if name in ("n_train", "n_test"):
        return f"{cells[0][name]:,}"
    if name == "seconds":
        return f"{cells[0]['seconds']['total']:,.1f}"
    if name == "train_count":
        return f"{cells[0]['train_counts'][rest]:,}"
    if name == "recall":
        return spread([cell["per_class"][rest] for cell in cells])
    if name == "confused_share":
        count, total = confusion(folder, cells, rest)
        return f"{100 * count / total:.1f}"
    if name == "confused_count":
        return "{:,} of {:,}".format(*confusion(folder, cells, rest))
    values = [cell[name] for cell in cells if cell[name] is not None]
    return spread(values) if values else "–"


def test_every_number_follows_from_the_lines_it_names(results, page):
    lines = {line["cell"]: line for line in results.lines}
    counted = set()
    for attrs, texts in page.entries:
        cells = [lines[cell] for cell in attrs["data-cells"].split()]
        others = [lines[cell] for cell in attrs.get("data-others", "").split()]
        text = "".join(texts)
        assert cells, attrs
        assert text == recomputed(results.folder, attrs["data-metric"], cells, others, text), attrs
        counted.add(attrs["data-metric"].split(":")[0])
        for group in (cells, others):  # one run each: all of its seeds, nothing else
            keys = ("task", "model", "method", "train_text", "text_control", "shots", "test_on")
            assert len({tuple(cell[key] for key in keys) for cell in group}) <= 1
            assert len({cell["seed"] for cell in group}) == len(group)
    assert len(page.entries) > 3000
    assert counted >= {"accuracy", "mean_accuracy", "macro_f1", "calibration_error", "tail_accuracy", "recall"}
    assert counted >= {"accuracy_interval", "mean_accuracy_interval", "p_value", "difference", "confused_count"}


def test_the_page_is_whole(written, page):
    assert len(page.ids) == len(set(page.ids))
    assert all(link[0] == "#" and link[1:] in page.ids for link in page.links)
    assert [what for what in page.loaded if not what.startswith("#")] == []
    text = written.page.read_text()
    assert not re.search(r"@import|<script|url\((?!#)", text)
    assert "prefers-color-scheme: dark" in text
    assert page.tables > 20
    assert text.count("<svg ") == len(list((written.page.parent / "figures").glob("*.png")))


def test_markdown_has_the_same_numbers_and_its_figures(written, results):
    text = written.markdown.read_text()
    images = re.findall(r"!\[.*?\]\((.*?)\)", text)
    assert len(images) > 10
    assert all((written.markdown.parent / image).read_bytes().startswith(b"\x89PNG") for image in images)
    anchors = set(re.findall(r'<a id="(.*?)">', text))
    assert set(re.findall(r"\]\(#(.*?)\)", text)) <= anchors
    for line in results.lines:
        assert f"cell-{line['cell']}" in anchors
    run = [line["accuracy"] for line in results.lines if line["task"] == "task1" and "resnet" in line["model"]]
    assert re.search(rf"\| microsoft/resnet-101 \| (\*\*)?{spread(run)}(\*\*)? <sup>\[R\d+\]", text)


def test_failed_and_missing_cells_are_named(written):
    assert (written.failed, written.problems) == (2, [])
    text = written.page.read_text()
    assert "out of memory in &lt;towers&gt;" in text
    assert "Incomplete: 2 failed (see Failed cells), 1 not run." in text
    assert text.count("2 of 3 seeds") == 2


def test_published_numbers_are_marked_where_the_data_differ(written, tmp_path):
    assert "Measured on other data" in written.page.read_text()  # a twentieth of the release
    writer = Writer(tmp_path / "results")
    settings = {"model": LONG, "method": "clip-adapter", "train_text": "T3", "test_text": "T0"}
    for seed in (0, 1):
        writer.add("task2", release(), 0.93, seed, **settings)
        writer.add("task2", release(), 0.93, seed, **settings | {"model": BASE, "train_text": "T0"})
    assert writer.lines[0]["n_test"] == 2324
    text = write_report(writer.write(), tmp_path / "report").markdown.read_text()
    assert re.search(r"\| clip-adapter \| T3 \| T0 \| .* \| 93.63 \| 92.56 \|\n", text)
    assert re.search(r"\| clip-adapter \| T0 \| T0 \| .* \| – \| – \|\n", text)
    assert "Measured on other data" not in text


def test_synthetic_data_are_called_so(tmp_path):
    writer = Writer(tmp_path / "results")
    for seed in (0, 1):
        for method in ("clip-adapter", "tip-adapter"):
            for shots in (1, 2):
                settings = {"model": "tiny", "method": method, "train_text": "T0", "test_text": "T0", "shots": shots}
                writer.add("task3", release("sample", 0.05), 0.5, seed, **settings)
    done = write_report(writer.write(), tmp_path / "report")
    for text in (done.page.read_text(), done.markdown.read_text()):
        plain = re.sub(r"<[^>]*>", " ", text)
        alone = re.findall(r"\bsample\b(?! \(synthetic\)| standard)", plain)
        assert len(alone) == 1  # in the column of configs, beside the name that says it
        assert "Synthetic: rendered images. Their numbers say nothing of real steel." in plain


def small(folder, seeds=(0,), models=("a", "b"), **settings):
    writer = Writer(folder)
    data = release(scale=0.05)
    for seed in seeds:
        for model in models:
            writer.add("task1", data, 0.9, seed, model=model, **settings)
    return writer


def test_one_seed_has_no_deviation(tmp_path):
    text = write_report(small(tmp_path / "results").write(), tmp_path / "report").page.read_text()
    assert "One seed: there is no standard deviation." in text
    assert not [texts for _, texts in Page(text).entries if "±" in "".join(texts)]


def test_runs_of_other_settings_are_not_averaged(tmp_path):
    writer = small(tmp_path / "results", models=("a",))
    other = writer.add("task1", release(scale=0.05), 0.5, 1, model="a")
    other["recipe"] = other["recipe"] | {"lr": 0.1}
    done = write_report(writer.write(), tmp_path / "report")
    assert done.runs == 2
    text = done.page.read_text()
    assert "lr 0.1<" in text
    assert "lr 0.0001<" in text


def test_the_last_line_of_a_cell_counts(tmp_path):
    writer = small(tmp_path / "results", models=("a",))
    again = dict(writer.lines[0])
    writer.fail(writer.lines[0], "killed")
    writer.lines.append(again)
    done = write_report(writer.write(), tmp_path / "report")
    assert (done.cells, done.failed) == (1, 0)


def test_a_line_that_is_broken_off_is_left_out_and_said(tmp_path):
    folder = small(tmp_path / "results").write()
    file = folder / "results.jsonl"
    file.write_text(file.read_text()[:-100])
    done = write_report(folder, tmp_path / "report")
    assert done.cells == 1
    assert "the last line is broken off" in done.problems[0]
    assert "the last line is broken off" in done.page.read_text()


def test_missing_and_foreign_predictions(tmp_path):
    writer = small(tmp_path / "results", models=("a", "b", "c"))
    first, second, _ = (line["predictions"] for line in writer.lines)
    (writer.folder / first).unlink()
    shutil.copy(writer.folder / writer.lines[2]["predictions"], writer.folder / second)
    second_is_other = writer.lines[1]["accuracy"] != writer.lines[2]["accuracy"]
    done = write_report(writer.write(), tmp_path / "report")
    assert second_is_other
    assert len(done.problems) == 2
    assert f"{first} is missing" in done.problems[0]
    assert "is not of this cell" in done.problems[1]
    assert "Left out" in done.markdown.read_text()


def test_all_failed(tmp_path):
    writer = small(tmp_path / "results")
    for line in writer.lines:
        writer.fail(line, "ModelError: no such model | really")
    done = write_report(writer.write(), tmp_path / "report")
    assert done.failed == 2
    assert "No cell is done yet." in done.page.read_text()
    assert "no such model \\| really" in done.markdown.read_text()


def test_a_single_class(tmp_path):
    data = release(scale=0.05)
    data.classes, data.train, data.labels = ["only <one>"], {"only <one>": 9}, np.zeros_like(data.labels)
    writer = Writer(tmp_path / "results")
    writer.add("task1", data, 1.0, 0, model="a")
    text = write_report(writer.write(), tmp_path / "report").page.read_text()
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
    folder = small(tmp_path / "results").write()
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


def test_lines_of_the_generator_have_every_field(results):
    from steeldefectx.benchmark.report.lines import FIELDS

    assert all(set(line) == set(FIELDS) for line in results.lines)
    assert json.loads((results.folder / "results.jsonl").read_text().splitlines()[0])["task"] == "task1"
