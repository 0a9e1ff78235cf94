"""Files of classes and their texts: what is read, and what is refused in words that mend it."""

import pytest

from steeldefectx.errors import DataError
from steeldefectx.language.class_texts import read_class_texts, read_classes


def written(tmp_path, content):
    file = tmp_path / "classes.yaml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("content", ["dent: eine Höhlung\n'no': nothing", '{"dent": "eine Höhlung", "no": "nothing"}'])
def test_sentences_are_read_from_yaml_and_json_as_editors_save_them(tmp_path, content, encoding):
    file = written(tmp_path, content.encode(encoding))
    assert read_class_texts(file) == {"dent": "eine Höhlung", "no": "nothing"}


def test_classes_are_names_or_names_with_one_text_or_several(tmp_path):
    assert read_classes(written(tmp_path, '["dent", "hole"]')) == ["dent", "hole"]
    assert read_classes(written(tmp_path, "- dent\n- hole\n")) == ["dent", "hole"]
    assert read_classes(written(tmp_path, "dent: a hollow\nhole: [round, dark]\n")) == {
        "dent": ["a hollow"],
        "hole": ["round", "dark"],
    }


@pytest.mark.parametrize("read", [read_class_texts, read_classes])
@pytest.mark.parametrize(
    ("content", "parts"),
    [
        ("dent: a hollow\nno: nothing\n", ["line 2", "no is read as bool", "quotes"]),
        ("1: a hollow\n", ["line 1", "1 is read as int", "quotes"]),
        ("2024-01-02: a hollow\n", ["2024-01-02 is read as", "quotes"]),
        ("dent: 5\n", ["line 1", "dent", "5 is read as int", "quotes"]),
        ("dent:\nhole: ' '\n", ["line 1: dent has no text", "line 2: hole has no text"]),
        ("dent: first\nhole: round\ndent: second\n", ["line 3", "dent", "line 1"]),
        ("dent: {a: b}\n", ["line 1", "dent"]),
        ("a: [", ["cannot be read"]),
        ("", ["class: "]),
        ("dent: H\xf6hlung\n".encode("cp1252"), ["UTF-8", "line 1"]),
        (b"\xff\xfe\x00", ["UTF-16", "cannot be read"]),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_with_its_place_and_what_mends_it(tmp_path, read, content, parts):
    file = written(tmp_path, content)
    with pytest.raises(DataError) as error:
        read(file)
    assert all(part in str(error.value) for part in [str(file), *parts]), error.value


def test_a_list_is_no_file_of_sentences(tmp_path):
    with pytest.raises(DataError, match="`class: sentence` lines"):
        read_class_texts(written(tmp_path, '[{"dent": "a hollow"}]'))
    with pytest.raises(DataError, match=r"line 1: .*several texts"):
        read_class_texts(written(tmp_path, "dent: [a hollow, a pit]"))
    with pytest.raises(DataError, match=r"line 2: dent .* line 1"):
        read_classes(written(tmp_path, "- dent\n- dent\n"))
    with pytest.raises(DataError, match="no such file"):
        read_classes(tmp_path / "none.yaml")


@pytest.mark.parametrize("content", [r'{"scratch \ud83d": "A line. \ud800"}', r'"scratch \uD83D": "A line. \uD800"'])
def test_half_a_character_is_replaced(tmp_path, content):
    file = tmp_path / "t1.yaml"
    file.write_text(content)
    assert read_class_texts(file) == {"scratch \ufffd": "A line. \ufffd"}
    assert read_classes(file) == {"scratch \ufffd": ["A line. \ufffd"]}
