"""A report as one HTML page that needs no other file and no network."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from steeldefectx.benchmark.report.document import Entry, Figure, Heading, Section, Table
from steeldefectx.utils.figures import to_svg

STYLE = """
:root { color-scheme: light dark; --ink: #1c2430; --soft: #5d6878; --line: #d5dbe3; --page: #fff; --card: #f5f7f9;
  --link: #1f5fa8; --better: #dceee6; --worse: #fbe6d9; --target: #fff3c9; --bad: #a8341a; }
@media (prefers-color-scheme: dark) { :root { --ink: #e7ebf0; --soft: #9aa6b5; --line: #35404d; --page: #12171d;
  --card: #1a2129; --link: #82b4f0; --better: #163a2c; --worse: #46291a; --target: #4a4018; --bad: #f0936b; } }
* { box-sizing: border-box; }
html { scroll-padding-top: 1rem; -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.55 system-ui, -apple-system, "Segoe UI",
  "Liberation Sans", sans-serif; }
a { color: var(--link); text-decoration: none; } a:hover { text-decoration: underline; }
.frame { display: grid; grid-template-columns: 15.5rem minmax(0, 1fr); max-width: 84rem; margin: 0 auto; }
nav { position: sticky; top: 0; align-self: start; max-height: 100vh; overflow-y: auto;
  padding: 2.6rem 1rem 2rem 1.5rem; font-size: .86rem; line-height: 1.35; }
nav p { display: none; } nav ol { list-style: none; margin: 0; padding: 0; } nav li { margin: .45rem 0; }
nav ol ol { padding-left: .8rem; border-left: 1px solid var(--line); } nav a { color: var(--soft); }
nav > ol > li > a { color: var(--ink); font-weight: 600; }
main { min-width: 0; padding: 2.4rem 2rem 5rem; border-left: 1px solid var(--line); }
h1 { margin: 0 0 .3rem; font-size: 1.9rem; line-height: 1.2; letter-spacing: -.01em; }
h2 { margin: 3.4rem 0 .6rem; padding-bottom: .3rem; border-bottom: 2px solid var(--ink); font-size: 1.35rem; }
h3 { margin: 2.2rem 0 .4rem; font-size: 1.08rem; }
p { max-width: 46rem; margin: .6rem 0; overflow-wrap: anywhere; } .lead { color: var(--soft); font-size: 1.05rem; }
.soft, .note, .beside { color: var(--soft); } .note { max-width: 52rem; margin: .35rem 0; font-size: .84rem; }
.counts { display: grid; gap: .75rem; grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); margin: 1.6rem 0; }
.counts div { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: .65rem .9rem;
  color: var(--soft); font-size: .85rem; line-height: 1.3; }
.counts b { display: block; color: var(--ink); font-size: 1.55rem; font-variant-numeric: tabular-nums; }
.table { margin: 1.5rem 0 2.2rem; } .caption, figcaption { font-size: .93rem; font-weight: 600; margin: 0 0 .45rem;
  max-width: 52rem; } .caption i, figcaption i { font-style: normal; color: var(--soft); margin-right: .35rem; }
.scroll { overflow-x: auto; max-width: 100%; background:
  linear-gradient(to left, var(--page) 30%, transparent) right / 3rem 100% no-repeat local,
  linear-gradient(to left, var(--line), transparent) right / 1.1rem 100% no-repeat scroll; }
.scroll.tall { max-height: 44rem; overflow-y: auto; border-bottom: 1px solid var(--line); }
table { border-collapse: collapse; border-top: 2px solid var(--ink); border-bottom: 2px solid var(--ink);
  font-size: .88rem; font-variant-numeric: tabular-nums; }
th { font-weight: 600; vertical-align: bottom; border-bottom: 1px solid var(--ink); }
.tall thead th { background: var(--page); position: sticky; top: 0; z-index: 2; box-shadow: 0 1px 0 var(--ink); }
th, td { padding: .3rem .7rem; text-align: right; } td { white-space: nowrap; } td { vertical-align: top; }
.word { text-align: left; } td.long { white-space: normal; min-width: 17rem; max-width: 34rem; }
th:first-child, td:first-child { padding-left: .35rem; }
tbody tr:hover td { background: var(--card); }
tr.heading td { text-align: left; padding-top: .75rem; font-weight: 600; white-space: normal; }
tr.heading td span { position: sticky; left: .35rem; }
td a { color: inherit; } td a:hover { color: var(--link); } td .runname { color: var(--link); }
.beside { display: block; width: max-content; max-width: 16rem; font-size: .78rem; line-height: 1.3;
  white-space: normal; } td:not(.word) .beside { margin-left: auto; }
.best { font-weight: 700; } .best .beside { font-weight: 400; }
td.better { background: var(--better); } td.worse { background: var(--worse); }
td.failed, td.failed a { color: var(--bad); }
.matrix table { font-size: .78rem; } .matrix th, .matrix td { padding: .25rem .4rem; }
details.folded summary { cursor: pointer; font-size: .93rem; font-weight: 600; }
.folded .table .caption { display: none; }
code { font: .92em ui-monospace, "Liberation Mono", monospace; overflow-wrap: anywhere; }
tbody:target td, tr:target td { background: var(--target) !important; } tr, tbody { scroll-margin-top: 4rem; }
figure { margin: 1.6rem 0 2.4rem; } .panels { display: flex; flex-wrap: wrap; gap: 1.2rem 1.5rem; }
.panel { flex: 0 1 auto; min-width: 0; max-width: 100%; } .panel svg { display: block; width: 100%; height: auto; }
.panel svg text { font-family: system-ui, -apple-system, "Segoe UI", "Liberation Sans", sans-serif !important; }
.panel.wide { overflow-x: auto; } .panel.wide svg { min-width: 40rem; }
footer { margin-top: 4rem; color: var(--soft); font-size: .85rem; }
@media (max-width: 62rem) {
  .frame { display: block; } nav { position: static; max-height: none; padding: 1rem 1rem 0; }
  nav p { display: block; margin: 0 0 .3rem; font-weight: 600; }
  nav > ol { columns: 2; column-gap: 1.2rem; } nav li { break-inside: avoid; }
  main { border: 0; padding: 1.2rem 1rem 3rem; } h1 { font-size: 1.5rem; } h2 { margin-top: 2.6rem; }
  th, td { padding: .3rem .5rem; } td.long { min-width: 13rem; max-width: 20rem; }
}
@media print { nav { display: none; } .frame { display: block; } main { border: 0; padding: 0; }
  .scroll, .scroll.tall { overflow: visible; max-height: none; } figure, tr { break-inside: avoid; } }
"""
WIDE = 640
"""Points of a plot that is scrolled on small screens, not shrunk."""
LONG = 48
"""Letters from which on an entry may take several lines."""
TALL = 60
"""Rows of a table that scrolls by itself."""


def render(title: str, lead: str, counts: Sequence[tuple[str, str]], sections: Sequence[Section]) -> str:
    """The page.

    Args:
        title: Its heading.
        lead: A sentence below it.
        counts: (number, what it counts), shown large.
        sections: What follows. Tables and figures are numbered.
    """
    numbers = _Numbers()
    cards = "".join(f"<div><b>{escape(number)}</b>{escape(what)}</div>" for number, what in counts)
    return "\n".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title><style>{STYLE}</style></head><body><div class=frame>",
            f"<nav aria-label=Contents><p>Contents</p>{_contents(sections)}</nav>",
            f"<main><h1>{escape(title)}</h1><p class=lead>{escape(lead)}</p><div class=counts>{cards}</div>",
            *(_section(section, 2, numbers) for section in sections),
            "<footer>Written by <code>steeldefectx report</code>. Every number of ours leads to the result lines that "
            "it was computed from.</footer></main></div></body></html>\n",
        ]
    )


class _Numbers:
    """Counts tables and figures."""

    def __init__(self) -> None:
        self.tables = self.figures = 0


def _contents(sections: Sequence[Section]) -> str:
    items = []
    for section in sections:
        parts = _contents(section.parts) if section.parts else ""
        items.append(f'<li><a href="#{section.anchor}">{escape(section.title)}</a>{parts}</li>')
    return f"<ol>{''.join(items)}</ol>"


def _section(section: Section, level: int, numbers: _Numbers) -> str:
    heading = f'<h{level} id="{section.anchor}">{escape(section.title)}</h{level}>'
    parts = [heading]
    for block in section.blocks:
        if isinstance(block, Table):
            parts.append(_table(block, numbers))
        elif isinstance(block, Figure):
            parts.append(_figure(block, numbers))
        else:
            parts.append(f"<p>{escape(block)}</p>")
    return "\n".join(parts + [_section(part, level + 1, numbers) for part in section.parts])


def _table(table: Table, numbers: _Numbers) -> str:
    numbers.tables += 1
    names = [escape(name).replace(" %", "&nbsp;%").replace("− ", "−&nbsp;") for name in table.columns]
    head = "".join(f"<th{' class=word' if n < table.words else ''}>{name}</th>" for n, name in enumerate(names))
    body, is_open = [], False
    for row in table.rows:
        if isinstance(row, Heading):
            anchor = f' id="{row.anchor}"' if row.anchor else ""
            body.append(f"{'</tbody>' if is_open else ''}<tbody{anchor}><tr class=heading>")
            body.append(f"<td colspan={len(table.columns)}><span>{escape(row.text)}</span></tr>")
            is_open = True
            continue
        if not is_open:
            body.append("<tbody>")
            is_open = True
        anchor = next((f' id="{entry.anchor}"' for entry in row if entry.anchor), "")
        body.append(f"<tr{anchor}>{''.join(_entry(entry, n < table.words) for n, entry in enumerate(row))}</tr>")
    notes = "".join(f"<p class=note>{escape(note)}</p>" for note in table.notes)
    tall = " tall" if len(table.rows) > TALL else ""
    if tall:
        notes = f"<p class=note>{len(table.rows)} rows: the table scrolls.</p>{notes}"
    caption = f"<i>Table {numbers.tables}.</i>{escape(table.caption)}"
    whole = (
        f"<div class='table{' matrix' if table.matrix else ''}'><p class=caption>{caption}</p>"
        f"<div class='scroll{tall}' tabindex=0><table><thead><tr>{head}</tr></thead>{''.join(body)}</tbody></table>"
        f"</div>{notes}</div>"
    )
    return (
        f"<details class=folded><summary class=caption>{caption}</summary>{whole}</details>" if table.folded else whole
    )


def _entry(entry: Entry, word: bool) -> str:
    long = "long" if len(entry.text) > LONG else ""
    names = [name for name in ("word" if word else "", long, entry.tone, "best" if entry.best else "") if name]
    attributes = f' class="{" ".join(names)}"' if names else ""
    title = entry.title
    if entry.metric:
        attributes += f' data-metric="{escape(entry.metric)}" data-cells="{" ".join(entry.cells)}"'
        if entry.others:
            attributes += f' data-others="{" ".join(entry.others)}"'
        ids = " ".join(entry.cells) + (f" against {' '.join(entry.others)}" if entry.others else "")
        title = f"{title}\nCells {ids}".strip()
    if title:
        attributes += f' title="{escape(title)}"'
    text = f"<code>{escape(entry.text)}</code>" if entry.code else escape(entry.text).replace(" → ", "&nbsp;→&nbsp;")
    if entry.run:
        named = " class=runname" if entry.text == entry.run else ""
        text = f'<a href="#{entry.run.lower()}"{named}>{text}</a>'
    beside = f"<span class=beside>{escape(entry.beside)}</span>" if entry.beside else ""
    return f"<td{attributes}>{text}{beside}</td>"


def _figure(figure: Figure, numbers: _Numbers) -> str:
    numbers.figures += 1
    panels = []
    for number, panel in enumerate(figure.panels):
        points = panel.plot.get_figwidth() * 72
        wide = " wide" if points > WIDE else ""
        svg = to_svg(panel.plot, f"f{numbers.figures}p{number}")
        svg = svg.replace("<svg ", f'<svg role="img" aria-label="{escape(panel.words)}" ', 1)
        panels.append(f'<div class="panel{wide}" style="width:{points * 4 / 3:.0f}px">{svg}</div>')
    return (
        f"<figure><figcaption><i>Figure {numbers.figures}.</i>{escape(figure.caption)}</figcaption>"
        f"<div class=panels>{''.join(panels)}</div></figure>"
    )
