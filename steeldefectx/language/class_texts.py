"""Files of classes and their texts, YAML or JSON: class descriptions (T1), and the classes of a zero-shot model."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path

import yaml

from steeldefectx.errors import DataError
from steeldefectx.utils.surrogates import replace_surrogates

STRING, NULL = "tag:yaml.org,2002:str", "tag:yaml.org,2002:null"


def read_class_texts(file: str | Path) -> dict[str, str]:
    """Class name -> sentence, such as ``steeldefectx describe-classes`` writes.

    Raises:
        DataError: It cannot be read, or is anything else; entries that are wrong are all listed, by line.
    """
    root = _compose(file)
    if not isinstance(root, yaml.MappingNode):
        raise DataError(f"{file}: a list of classes says nothing of them: write `class: sentence` lines.")
    problems = list(_problems(root))
    for name, value in root.value:
        if isinstance(value, yaml.SequenceNode):
            problems.append(f"{_line(value)}: {name.value} has several texts, and needs one.")
    _refuse(file, problems)
    return {_text(name): _text(value) for name, value in root.value}


def read_classes(file: str | Path) -> list[str] | dict[str, list[str]]:
    """Class names; or class name -> its texts, where the file has some.

    Raises:
        DataError: It cannot be read, or is anything else; entries that are wrong are all listed, by line.
    """
    root = _compose(file)
    _refuse(file, list(_problems(root)))
    if isinstance(root, yaml.SequenceNode):
        return [_text(name) for name in root.value]
    return {_text(name): [_text(text) for text in _items(value)] for name, value in root.value}


def _compose(file: str | Path) -> yaml.MappingNode | yaml.SequenceNode:
    """The file's root. Nodes, unlike what is made of them, know their lines and how a scalar was written."""
    try:
        root = yaml.compose(_decode(Path(file).expanduser()), Loader=yaml.SafeLoader)  # JSON is YAML
    except FileNotFoundError as error:
        raise DataError(f"{file}: no such file.") from error
    except (OSError, RecursionError, yaml.YAMLError) as error:
        raise DataError(f"{file}: cannot be read ({' '.join(str(error).split())}).") from error
    if not isinstance(root, yaml.MappingNode | yaml.SequenceNode):
        raise DataError(f"{file}: a list of class names, or `class: description` lines, are needed.")
    return root


def _decode(file: Path) -> str:
    data = file.read_bytes()
    utf_16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return data.decode("utf-16" if utf_16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        place = "UTF-16 that breaks off" if utf_16 else f"not UTF-8 in line {data[: error.start].count(10) + 1}"
        raise DataError(f"{file}: cannot be read: {place}. Save it as UTF-8.") from error


def _problems(root: yaml.MappingNode | yaml.SequenceNode) -> Iterator[str]:
    """What is wrong with names and texts."""
    first: dict[str, yaml.Node] = {}
    entries = root.value if isinstance(root, yaml.MappingNode) else [(name, None) for name in root.value]
    for name, value in entries:
        if problem := _text_problem(name, "a class"):
            yield problem
            continue
        if name.value in first:
            yield f"{_line(name)}: {name.value} is there already, in {_line(first[name.value])}."
        first.setdefault(name.value, name)
        if isinstance(value, yaml.SequenceNode) and not value.value:
            yield f"{_line(name)}: {name.value} has no text."
        for text in () if value is None else _items(value):
            if problem := _text_problem(text, name.value):
                yield problem


def _text_problem(node: yaml.Node, owner: str) -> str | None:
    """Why a node is no text; None where it is one."""
    if not isinstance(node, yaml.ScalarNode):
        return f"{_line(node)}: {owner} has a list or mapping where a text is needed."
    if not node.value.strip() or (node.tag == NULL and node.value in ("~", "null")):
        return f"{_line(node)}: {owner} has no text."
    if node.tag != STRING:
        kind = node.tag.rpartition(":")[2]
        advice = f'put it in quotes, as "{node.value}"'
        return f"{_line(node)}: {owner}: {node.value} is read as {kind}, not as text: {advice}."
    return None


def _text(node: yaml.Node) -> str:
    return str(replace_surrogates(node.value))


def _items(value: yaml.Node) -> list[yaml.Node]:
    """The texts of a class: one, or a list of them."""
    return value.value if isinstance(value, yaml.SequenceNode) else [value]


def _line(node: yaml.Node) -> str:
    return f"line {node.start_mark.line + 1}"


def _refuse(file: str | Path, problems: list[str]) -> None:
    if problems:
        raise DataError("\n  ".join([f"{file}: classes and texts that cannot be used:", *problems]))
