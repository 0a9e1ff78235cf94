"""T1 of any class, and what is said of where it comes from."""

import pytest

from steeldefectx.errors import ConfigError, DataError
from steeldefectx.language.class_sentences import (
    asked_classes,
    class_sentence,
    class_sentences,
    given_sentences,
    sentence_origins,
)
from steeldefectx.language.lexicon.reading import find_entry
from steeldefectx.taxonomy import t0_sentence, t1_sentence, t1_variants


def test_a_class_is_described_by_the_25_else_by_the_lexicon_else_not_at_all():
    assert class_sentence("Crazing") == t1_sentence("Crazing")
    looks = find_entry("blowhole").looks
    assert class_sentence("blow_hole" if find_entry("blow_hole") else "Blowhole").endswith(f", {looks[0]}.")
    assert class_sentence("Blowhole", "A {} here.") == f"A Blowhole here, {looks[0]}."
    assert class_sentence("rubber duck") is None


def test_several_wordings_say_each_look_and_a_name_that_nobody_knows_has_itself_alone():
    assert class_sentences("Crazing") == t1_variants("Crazing")
    said = " ".join(class_sentences("Blowhole"))
    assert all(look in said for look in find_entry("Blowhole").looks)
    assert class_sentences("rubber duck") == [t0_sentence("rubber duck"), "A photo of rubber duck."]


def test_what_a_person_gives_counts_more_and_single_pairs_more_than_the_file(tmp_path):
    file = tmp_path / "t1.yaml"
    file.write_text("Duck: a yellow thing\nDrop: a round spot\n", "utf-8")
    given = given_sentences(str(file), ["Duck: a bird: small", " Line : a dark line "])
    assert given == {"Duck": "a bird: small", "Drop": "a round spot", "Line": "a dark line"}
    assert given_sentences(str(file), {"Duck": "rubber"})["Duck"] == "rubber"
    assert given_sentences(None, None) == {}


@pytest.mark.parametrize("pair", ["Duck", "Duck:", ": a bird", ""])
def test_a_pair_without_name_or_looks_is_refused(pair):
    with pytest.raises(ConfigError, match="give a name and its looks"):
        given_sentences(None, [pair])


def test_classes_to_predict_may_be_names_that_are_described_here(tmp_path):
    names, described = tmp_path / "names.yaml", tmp_path / "described.yaml"
    names.write_text("[Blowhole, rubber duck]", "utf-8")
    described.write_text("Duck: [a bird, a yellow bird]", "utf-8")
    asked, own = asked_classes(names, ["Crazing", "Line: a dark line"])
    assert list(asked) == ["Blowhole", "rubber duck", "Crazing", "Line"]
    assert asked["Line"] == ["a dark line"]
    assert asked["Blowhole"] == class_sentences("Blowhole")
    assert own == ["Line"]
    assert asked_classes(described, []) == ({"Duck": ["a bird", "a yellow bird"]}, ["Duck"])
    assert asked_classes(None, []) == ({}, [])
    with pytest.raises(ConfigError, match="give a name"):
        asked_classes(None, [": a bird"])
    with pytest.raises(DataError, match="no such file"):
        asked_classes(tmp_path / "none.yaml", [])


def test_the_output_says_where_descriptions_come_from():
    assert sentence_origins(["Crazing", "patches"]) == ""
    said = sentence_origins(["Duck", "Crazing", "Blowhole", "scratchs", "foo"], {"Duck"})
    assert said == (
        "Descriptions of classes as given: Duck; of the 25 classes: Crazing; by the lexicon: Blowhole; "
        "none but their names: scratchs (did you mean Bright scratch?), foo."
    )
    assert sentence_origins([f"class {n}" for n in range(20)]).endswith("class 7 and 12 more.")
