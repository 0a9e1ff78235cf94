"""Hashes of code and libraries: what an older version has computed is never taken for what this one would."""

from __future__ import annotations

import ast
import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path

PACKAGE = Path(__file__).parents[1]


@cache
def code_hash(*patterns: str) -> str:
    """SHA-256 of what the package's files that match any of some glob patterns do.

    Docstrings, comments and layout do not count in Python files; all bytes do in others.

    Raises:
        FileNotFoundError: A pattern matches no file: what it stood for was moved.
    """
    files: set[Path] = set()
    for pattern in patterns:
        matched = set(PACKAGE.glob(pattern))
        if not matched:
            raise FileNotFoundError(f"No file of the package matches {pattern}.")
        files |= matched
    digest = hashlib.sha256()
    for file in sorted(files):
        content = file.read_bytes()
        digest.update(file.relative_to(PACKAGE).as_posix().encode() + b"\0")
        digest.update(_syntax(content) if file.suffix == ".py" else content)
    return digest.hexdigest()


def _syntax(source: bytes) -> bytes:
    """The syntax tree of Python code, without strings that stand alone: those are documentation."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [statement for statement in node.body if not _is_string(statement)]
    return ast.dump(tree).encode()


def _is_string(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def library_versions(*names: str) -> dict[str, str]:
    """Installed versions of some packages."""
    return {name: version(name) for name in names}
