"""The lexicon: many names, each once, with looks that its attributes draw; files that are wrong say where."""

from __future__ import annotations

from collections import Counter

import pytest

from steeldefectx.errors import DataError
from steeldefectx.language.appearance import FORMS, PROCESS_SURFACES, SURFACES
from steeldefectx.language.claims import find_claims
from steeldefectx.language.lexicon.reading import CLASSES, FOLDER, find_entry, lexicon, names_without, read_entries
from steeldefectx.taxonomy import CLASS_NAMES


def further():
    return [entry for entry in lexicon().values() if entry.process != CLASSES]


def claimed(looks, kind):
    phrase = f"On the metal that is shown here there is {looks}"
    return {value for claim in find_claims(phrase) if claim.kind == kind for value in claim.values}


def test_it_has_the_classes_and_more_than_200_further_names_of_every_process():
    assert list(lexicon())[: len(CLASS_NAMES)] == list(CLASS_NAMES)
    assert len(further()) >= 200
    assert {entry.process for entry in further()} == set(PROCESS_SURFACES)
    assert {form for entry in further() for form in entry.ranges["form"]} == set(FORMS)


def test_no_two_entries_share_a_name_or_a_look():
    names = Counter(name.lower() for entry in lexicon().values() for name in entry.names)
    looks = Counter(look for entry in further() for look in entry.looks)
    assert [name for name, count in names.items() if count > 1] == []
    assert [look for look, count in looks.items() if count > 1] == []


def test_looks_are_phrases_that_do_not_repeat_the_name():
    for entry in further():
        assert len(entry.looks) >= 2, entry.name
        for look in entry.looks:
            assert len(look.split()) >= 2, (entry.name, look)
            assert look[0].islower() or look[0] == "V", (entry.name, look)
            assert not look.endswith("."), (entry.name, look)
            assert look.lower() not in {name.lower() for name in entry.names}, (entry.name, look)


def test_each_entry_has_looks_whose_tone_it_can_be_drawn_with():
    for entry in further():
        tones = set(entry.ranges["tone"])
        for look in entry.looks:
            stated = claimed(look, "polarity") - {"neutral"}
            assert not stated or tones & (stated | {"two-toned", "rimmed", "outlined", "none"}), (entry.name, look)


def test_surfaces_are_called_by_words_that_claim_nothing_of_a_defect():
    for phrases in SURFACES.values():
        for phrase in phrases:
            assert find_claims(f"On the metal that is shown here there is something on {phrase}") == [], phrase


def test_names_are_found_however_they_are_spelled():
    assert find_entry("orange_peel") is find_entry("Orange peel")
    assert find_entry("a scratch") is lexicon()["Scratch mark"]  # which may be dark as well
    assert find_entry("PINHOLES") is lexicon()["Pinhole"]
    assert find_entry("moon dust") is None


def test_names_can_be_left_out():
    assert len(names_without([])) == len(lexicon())
    left = names_without(["pinholes", "Crazing"])
    assert set(lexicon()) - set(left) == {"Pinhole", "Crazing"}
    with pytest.raises(DataError, match="moon dust"):
        names_without(["moon dust", "Pinhole"])


GOOD = "Flaw:\n  looks: [a dark line]\n  form: line\n"


def write(folder, text, name="rolling.yaml"):
    (folder / name).write_text(text, "utf-8")
    return folder / name


def test_adding_a_name_is_one_entry(tmp_path):
    entry = read_entries(write(tmp_path, GOOD))["Flaw"]
    assert entry.process == "rolling"
    assert entry.ranges["form"] == ("line",)
    assert entry.ranges["tone"] == ("dark",)
    assert set(entry.surfaces) == set(PROCESS_SURFACES["rolling"])


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ("Flaw:\n  form: line\n", ["Flaw: looks is missing"]),
        ("Flaw:\n  looks: [a line]\n  form: blob\n  tones: dark\n", ["form cannot be 'blob'", "no key 'tones'"]),
        ("Flaw:\n  looks: [a line]\n  form: line\n  tone: [black]\n", ["tone cannot be 'black': dark, bright"]),
        ("Flaw:\n  looks: [1]\n  form: line\n", ["looks has 1, which is not text"]),
        (GOOD + "Other:\n  also: [FLAW]\n  looks: [a spot]\n  form: spot\n", ["'FLAW' is a name of Flaw already"]),
        (GOOD + GOOD, ["Flaw: it is there twice"]),
        ("- Flaw\n", ["entries are needed"]),
        ("Flaw: [\n", ["cannot be read"]),
        ("12:\n  form: line\n", ["put it in quotes"]),
        ("Flaw: line\n", ["keys are needed below it"]),
    ],
)
def test_a_file_that_is_wrong_says_where(tmp_path, text, messages):
    with pytest.raises(DataError) as raised:
        read_entries(write(tmp_path, text))
    assert "rolling.yaml" in str(raised.value)
    for message in messages:
        assert message in str(raised.value)


def test_a_name_that_another_file_has_and_a_process_that_nobody_knows_are_refused(tmp_path):
    first = read_entries(write(tmp_path, GOOD))
    with pytest.raises(DataError, match="'Flaw' is a name of Flaw already"):
        read_entries(write(tmp_path, GOOD, "casting.yaml"), taken=first)
    with pytest.raises(DataError, match="no process is called 'baking'"):
        read_entries(write(tmp_path, GOOD, "baking.yaml"))


def test_the_files_are_small_enough_to_read():
    assert all(len(file.read_text("utf-8").splitlines()) <= 400 for file in FOLDER.glob("*.yaml"))
