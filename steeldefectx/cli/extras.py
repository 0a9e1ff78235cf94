"""The optional parts of the installation: what each is for, and the packages it brings."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec


@dataclass(frozen=True)
class Extra:
    """What ``pip install "steeldefectx[NAME]"`` adds."""

    name: str
    purpose: str
    packages: tuple[str, ...]
    """As they are imported."""

    @property
    def missing(self) -> list[str]:
        """Its packages that are not installed."""
        return [package for package in self.packages if find_spec(package) is None]


EXTRAS = (
    Extra("demo", "demo: a page in the browser", ("fastapi", "uvicorn", "python_multipart")),
    Extra(
        "annotate",
        "annotate, describe-classes, review, import- and export-annotations: texts for images",
        ("alembic", "gradio", "openai", "sentence_transformers", "sqlalchemy"),
    ),
    Extra("heic", "photographs of telephones: .heic and .heif files", ("pillow_heif",)),
    Extra("postgres", "an annotation store in PostgreSQL, for several people", ("psycopg",)),
    Extra("onnx", "export-onnx, and predict with what it writes", ("onnx", "onnxruntime", "onnxscript")),
)


def extra_with(package: str) -> Extra | None:
    """The smallest extra that brings a package, if any does."""
    return next((extra for extra in EXTRAS if package in extra.packages), None)


def need(package: str) -> None:
    """Refuse to go on without a package, before others are imported for seconds.

    Raises:
        ModuleNotFoundError: It is not installed.
    """
    if find_spec(package) is None:
        raise ModuleNotFoundError(name=package)
