"""A report as one HTML page that needs no other file and no network, made from its Markdown: tables can be sorted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token
from matplotlib.figure import Figure

from steeldefectx.benchmark.report.document import Document
from steeldefectx.utils import html
from steeldefectx.utils.figures import to_svg

STYLE = """
body { --card: #eef1f5; } @media (prefers-color-scheme: dark) { body { --card: #1a2129; } }
nav a, td a { text-decoration: none; } a:hover { text-decoration: underline; }
.frame { display: grid; grid-template-columns: 14rem minmax(0, 1fr); max-width: 96rem; margin: 0 auto; }
nav { position: sticky; top: 0; align-self: start; max-height: 100vh; overflow-y: auto;
  padding: 2.6rem 1rem 2rem 1.5rem; font-size: .86rem; line-height: 1.35; }
nav ul { list-style: none; margin: 0; padding: 0; } nav li { margin: .45rem 0; } nav li > a { overflow-wrap: anywhere; }
nav ul ul { padding-left: .8rem; border-left: 1px solid var(--line); } nav li li a { color: var(--soft); }
main { min-width: 0; max-width: none; margin: 0; padding: 2.4rem 2rem 5rem; border-left: 1px solid var(--line); }
h1 { margin: 0 0 .3rem; } h2 { margin: 3.4rem 0 .6rem; padding-bottom: .3rem; border-bottom: 2px solid var(--ink);
  font-size: 1.35rem; }
h3 { margin: 2.2rem 0 .4rem; font-size: 1.08rem; }
p { margin: .6rem 0; } p:has(.plot) { display: flex; flex-wrap: wrap; gap: .8rem 1.5rem; max-width: none; }
p:has(> sub:only-child) { margin: .2rem 0; }
sub { color: var(--soft); font-size: .84em; line-height: 1.35; vertical-align: baseline; }
.scroll { margin: .5rem 0 .8rem; overflow: auto; } .scroll:has(tr:nth-child(60)) { max-height: 44rem; }
table { border: 2px solid var(--ink); border-width: 2px 0; font-size: .88rem; }
th { font-weight: 600; vertical-align: bottom; background: var(--page); position: sticky; top: 0; z-index: 1;
  box-shadow: 0 1px 0 var(--ink); }
th, td { padding: .3rem .55rem; text-align: left; border: 0; }
td.long { white-space: normal; min-width: 17rem; max-width: 34rem; } td a[id] { scroll-margin-top: 4rem; }
th:first-child, td:first-child { padding-left: .35rem; } tbody tr:hover td { background: var(--card); }
td a { color: inherit; } td:first-child a, td a:hover { color: var(--link); }
tr:has(:target) td { background: var(--target); }
summary { cursor: pointer; }
.plot { min-width: 0; max-width: 100%; }
.plot svg { display: block; width: 100%; height: auto; } .plot.wide { overflow-x: auto; }
.plot.wide svg { min-width: 40rem; }
.plot svg text { font-family: system-ui, -apple-system, "Segoe UI", "Liberation Sans", sans-serif !important; }
@media (max-width: 62rem) {
  .frame { display: block; } nav { position: static; max-height: none; padding: 1rem 1rem 0; }
  nav > ul { columns: 2; column-gap: 1.2rem; } nav > ul > li { break-inside: avoid; }
  main { border: 0; padding: 1.2rem 1rem 3rem; } h1 { font-size: 1.5rem; } h2 { margin-top: 2.6rem; }
  td.long { min-width: 13rem; }
}
@media print { nav { display: none; } .frame { display: block; } main { border: 0; padding: 0; }
  .scroll { max-height: none; } tr { break-inside: avoid; } }
"""
WIDE = 640
"""Points of a plot that is scrolled on small screens, not shrunk."""
LONG = 48
"""Letters from which on an entry may take several lines."""
FOOTER = (
    "Written by <code>steeldefectx report</code>. Every number of ours leads to the result lines that it was computed "
    "from."
)


def render(document: Document) -> str:
    """The page of a document; its plots are drawn in it as SVG."""
    markdown = _renderer(document.figures)
    contents, body = markdown.render("\n".join(document.contents)), markdown.render("\n\n".join(document.blocks))
    return html.page(document.title, [body, f"<footer>{FOOTER}</footer>"], STYLE, contents)


def _renderer(figures: Mapping[str, Figure]) -> MarkdownIt:
    """Markdown to HTML: tables scroll in boxes of their own, and in place of an image file stands its plot."""
    markdown = MarkdownIt("commonmark", {"html": True}).enable("table")

    def image(renderer: Any, tokens: Sequence[Token], index: int, *_: Any) -> str:
        file = str(tokens[index].attrs["src"])
        points = figures[file].get_figwidth() * 72
        label = escape(tokens[index].content.replace("\\", ""))
        svg = to_svg(figures[file], file.rpartition("/")[2].removesuffix(".png"))
        svg = svg.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)
        wide = ' wide" tabindex="0' if points > WIDE else ""
        return f'<span class="plot{wide}" style="width:{points * 4 / 3:.0f}px">{svg}</span>'

    def entry(renderer: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        if len(tokens[index + 1].content) > LONG and "](" not in tokens[index + 1].content:
            tokens[index].attrJoin("class", "long")
        return str(renderer.renderToken(tokens, index, options, env))

    def table_open(renderer: Any, tokens: Sequence[Token], index: int, *_: Any) -> str:
        before = next((token.content for token in reversed(tokens[:index]) if token.type == "inline"), "")
        label = escape(before.replace("*", "").replace("\\", ""))
        return f'<div class="scroll" tabindex="0" role="region" aria-label="{label}"><table class="sortable">'

    markdown.add_render_rule("image", image)
    markdown.add_render_rule("td_open", entry)
    markdown.add_render_rule("table_open", table_open)
    markdown.add_render_rule("table_close", lambda *_: "</table></div>")
    return markdown
