"""Settings of the documentation site: ``make docs`` builds it into docs/_build/html, without a network."""

import sys
from pathlib import Path
from typing import Any

from docutils.nodes import Element
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import generate  # noqa: E402

import steeldefectx  # noqa: E402

project = "steeldefectx"
author = "the steeldefectx contributors"
project_copyright = "MIT licence"
release = version = steeldefectx.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton", "sphinx_design"]
exclude_patterns = ["_build", "_generated"]
myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist"]
myst_heading_anchors = 3

# Strict: make docs runs with -n -W, so that a link or reference that leads nowhere ends the build.
nitpick_ignore_regex = [
    # Types of other packages and of the standard library: their own sites are not read, the build needs no network.
    (r"py:.*", r"(np|numpy|torch|PIL|Image|pathlib|collections|datasets|transformers|typing|types|Path|Any)(\..*)?"),
    (r"py:.*", r"(Iterable|Iterator|Sequence|Mapping|Callable|Collection|Hashable|DataclassInstance|optional)"),
    # What signatures and docstrings say of this package beyond its public names.
    (
        r"py:.*",
        r"(steeldefectx\.(?!metrics|methods)\w+\..*|.*\b(Engine|Clip|ImageClassifier|Localizer|Normal|Picture|Texts|Config|Name))",
    ),
    (r"py:.*", r"(SteelDefectXConfig|CONFIGS)"),
]

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_preserve_defaults = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False

html_theme = "furo"
html_title = "steeldefectx"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_copyright = False
html_show_sphinx = False
pygments_style, pygments_dark_style = "friendly", "github-dark"
copybutton_prompt_text = "$ "


def setup(app: Sphinx) -> None:
    """Write what is made of code and results before the pages are read, and read docstrings as they are written."""
    app.connect("builder-inited", lambda _: generate.write_all(HERE / "_generated"))
    app.connect("autodoc-process-docstring", hide_colons, priority=400)  # napoleon has 500
    app.connect("autodoc-process-docstring", show_colons, priority=600)
    app.connect("missing-reference", public_error)


COLON = "\ue000"
"""Stands for a colon while napoleon reads."""


def hide_colons(_app: Sphinx, what: str, _name: str, _object: Any, _options: Any, lines: list[str]) -> None:
    """Napoleon takes what stands before an attribute's first colon for a type; here it is prose."""
    if what in ("attribute", "data", "property"):
        lines[:] = [line.replace(":", COLON) for line in lines]


def show_colons(_app: Sphinx, _what: str, _name: str, _object: Any, _options: Any, lines: list[str]) -> None:
    """The reverse, after napoleon."""
    lines[:] = [line.replace(COLON, ":") for line in lines]


def public_error(app: Sphinx, env: BuildEnvironment, node: pending_xref, contnode: Element) -> Element | None:
    """``DataError`` in a docstring is ``steeldefectx.DataError``, whichever module says it."""
    if node["reftype"] != "exc":
        return None
    target = f"steeldefectx.{node['reftarget'].rpartition('.')[2]}"
    return env.domains.python_domain.resolve_xref(env, node["refdoc"], app.builder, "exc", target, node, contnode)
