"""The documentation's reference is complete: public names, methods, recipes, and every key of the file formats."""

import importlib.util
import json
import re
from dataclasses import fields

import steeldefectx
from steeldefectx.methods import METHODS
from steeldefectx.models.names import PEFT_METHODS
from steeldefectx.training.config import LOSSES
from tests.commands import ROOT

DOCS = ROOT / "docs"


def page(name):
    return (DOCS / f"{name}.md").read_text()


def first_cells(name):
    """Words in code type in the first cells of a page's tables."""
    cells = re.findall(r"^\| (.+?) \|", page(name), re.MULTILINE)
    return {word for cell in cells for word in re.findall(r"`([^`]+)`", cell)}


def test_every_public_name_is_documented():
    text = page("reference/api")
    for name in steeldefectx.__all__:
        assert re.search(rf"^\.\. auto\w+:: steeldefectx\.{name}$", text, re.MULTILINE), name


def test_every_method_and_loss_is_in_the_index_and_every_recipe_in_its_table():
    index = page("methods")
    for name in (*METHODS, *PEFT_METHODS, *LOSSES):
        assert f"`{name}`" in index, name
    for file in (ROOT / "steeldefectx" / "recipes").glob("*.yaml"):
        assert f"| `{file.stem}` |" in page("training"), file


def test_every_key_of_the_file_formats_is_documented():
    from steeldefectx.inference.prediction_table import SCHEMA
    from steeldefectx.store.annotations import Annotation

    results = page("reference/results")
    found = ROOT / "benchmarks" / "results"
    keys = set(json.loads((found / "embedded-tuned.json").read_text()))
    for line in (found / "embedded.jsonl").read_text().splitlines():
        keys |= set(json.loads(line))
    assert {key for key in keys if f"`{key}`" not in results} == set()
    assert set(SCHEMA.names) <= first_cells("reference/predictions")
    assert {field.name for field in fields(Annotation)} <= first_cells("reference/annotations")


def test_every_column_and_attribute_is_documented():
    rows = steeldefectx.load_dataset("sample", split="train", images=25)
    names = set(rows.features) | set(rows.features["attributes"])
    assert names <= first_cells("reference/rows")


def test_messages_that_are_explained_are_those_of_the_package():
    source = "".join(file.read_text() for file in (ROOT / "steeldefectx").rglob("*.py"))
    messages = re.findall(r'^"(.+)"$', page("reference/errors"), re.MULTILINE)
    assert messages
    for message in messages:
        for part in re.split("…", message):
            assert part.strip(" ':") in source, message


def test_what_pages_include_is_made(tmp_path):
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    generate.write_all(tmp_path)
    included = {name for file in DOCS.rglob("*.md") for name in re.findall(r"_generated/(\w+)\.md", file.read_text())}
    assert included == {file.stem for file in tmp_path.iterdir()}
    commands = (tmp_path / "commands.md").read_text()
    assert all(f"### {name}\n" in commands for name in ("train", "eval", "predict", "annotate", "doctor"))
    assert "`--hold-out`" in (tmp_path / "settings.md").read_text()


def test_pictures_are_small_and_used():
    text = "".join(file.read_text() for file in DOCS.rglob("*.md"))
    sizes = {file.name: file.stat().st_size for file in (DOCS / "pictures").iterdir()}
    assert all(size < 150_000 for size in sizes.values()), sizes
    assert sum(sizes.values()) < 1_000_000
    assert all(f"pictures/{name}" in text for name in sizes)
