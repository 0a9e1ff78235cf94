"""How an audit is shown: tables in the terminal, and one HTML page that needs no other file."""

from __future__ import annotations

from html import escape
from pathlib import Path

from rich.console import Console
from rich.table import Table

from steeldefectx.data.audit import KINDS, Audit, Finding
from steeldefectx.data.images import open_image
from steeldefectx.errors import DataError
from steeldefectx.utils import html
from steeldefectx.utils.grey_levels import to_display

THUMBNAIL = 160
"""Pixels of a thumbnail's longer side."""
SHOWN_FINDINGS = 100
"""Findings of a kind with thumbnails; audit.json holds them all."""
SHOWN_IMAGES = 8
"""Thumbnails of one finding."""

STYLE = """
:root { --train: #3568b8; --test: #d98a2b; --good: #2b7a4b; --found: #a8501a; }
@media (prefers-color-scheme: dark) { :root { --train: #6d9ae0; --test: #e8ab5c; --good: #6cc48f; --found: #f0a36b; } }
h2 { margin: 2.5rem 0 .75rem; font-size: 1.2rem; }
.counts { display: grid; gap: .75rem; grid-template-columns: repeat(auto-fit, minmax(14rem, 1fr)); margin-top: 1.5rem; }
.counts a, .card { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: .8rem 1rem;
  color: inherit; text-decoration: none; }
.counts b { display: block; font-size: 1.6rem; line-height: 1.2; color: var(--found); }
.counts .none b { color: var(--good); }
.cards { display: grid; gap: .75rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 24rem), 1fr)); }
.card p { margin: 0 0 .6rem; overflow-wrap: anywhere; } .images { display: flex; flex-wrap: wrap; gap: .75rem; }
figure { width: 160px; } figcaption { white-space: pre-line; font-size: .78rem; }
figure img, .noimage { max-width: 160px; border-radius: .3rem; background: var(--line); }
.noimage { display: grid; place-items: center; height: 96px; color: var(--soft); font-size: .8rem; }
table { width: 100%; } td:last-child, th:last-child { width: 45%; text-align: left; }
.bar { display: flex; height: .7rem; min-width: 8rem; } .bar i { background: var(--train); }
.bar i + i { background: var(--test); }
.key { display: inline-block; width: .7rem; height: .7rem; margin: 0 .3rem 0 .8rem; }
"""


def print_tables(audit: Audit) -> None:
    """Class balance and counts of findings, on standard output."""
    console = Console()
    classes = Table("class", title="Classes", title_justify="left")
    for heading in ("train", "test", "images"):
        classes.add_column(heading, justify="right")
    for name, (train, test) in audit.balance.items():
        classes.add_row(name, f"{train:,}", f"{test:,}", f"{train + test:,}")
    findings = Table("looked for", title="Findings", title_justify="left")
    findings.add_column("found", justify="right")
    for kind, count in audit.counts().items():
        findings.add_row(KINDS[kind], f"[yellow]{count:,}[/]" if count else "0")
    console.print(classes, findings, *([audit.remark] if audit.remark else []))


def write_page(audit: Audit, file: Path) -> None:
    """Write the HTML page, thumbnails included, whole or not at all."""
    total = sum(map(sum, audit.balance.values()))
    summary = f"{total:,} images, {len(audit.balance)} classes. {_imbalance(audit)} {audit.remark}".rstrip()
    sections = [_section(kind, [f for f in audit.findings if f.kind == kind]) for kind in KINDS]
    heading = f'<h1>Data audit</h1><p class="soft path">{escape(str(audit.data_dir))}</p><p>{escape(summary)}</p>'
    html.write_page(html.page("SteelDefectX audit", [heading, _counts(audit), *sections, _balance(audit)], STYLE), file)


def _imbalance(audit: Audit) -> str:
    sizes = {name: sum(parts) for name, parts in audit.balance.items()}
    largest, smallest = max(sizes, key=sizes.__getitem__), min(sizes, key=sizes.__getitem__)
    ratio = sizes[largest] / sizes[smallest]
    return f"The largest class, {largest}, has {ratio:.1f} times the images of the smallest, {smallest}."


def _counts(audit: Audit) -> str:
    cells = [
        f'<a href="#{kind}"{"" if count else " class=none"}><b>{count:,}</b>{escape(KINDS[kind])}</a>'
        for kind, count in audit.counts().items()
    ]
    return f'<div class="counts">{"".join(cells)}</div>'


def _section(kind: str, findings: list[Finding]) -> str:
    heading = f'<h2 id="{kind}">{escape(KINDS[kind])} <span class="soft">{len(findings):,}</span></h2>'
    if not findings:
        return f'{heading}<p class="soft">None found.</p>'
    cards = "".join(_card(finding) for finding in findings[:SHOWN_FINDINGS])
    more = len(findings) - SHOWN_FINDINGS
    note = f'<p class="soft">{more:,} more are listed in audit.json.</p>' if more > 0 else ""
    return f'{heading}<div class="cards">{cards}</div>{note}'


def _card(finding: Finding) -> str:
    figures = [
        f'<figure title="{escape(str(path))}">{_thumbnail(path)}<figcaption>{escape(caption)}</figcaption></figure>'
        for path, caption in list(zip(finding.paths, finding.captions, strict=True))[:SHOWN_IMAGES]
    ]
    return f'<div class="card"><p>{escape(finding.detail)}</p><div class="images">{"".join(figures)}</div></div>'


def _thumbnail(path: Path) -> str:
    try:
        return html.thumbnail(to_display(open_image(path)), THUMBNAIL)
    except (OSError, DataError):
        return '<span class="noimage">no image</span>'


def _balance(audit: Audit) -> str:
    largest = max(map(sum, audit.balance.values()))
    rows = [
        f"<tr><td>{escape(name)}<td>{train:,}<td>{test:,}<td>{train + test:,}<td>"
        f'<div class="bar"><i style="width:{100 * train / largest:.1f}%"></i>'
        f'<i style="width:{100 * test / largest:.1f}%"></i></div>'
        for name, (train, test) in audit.balance.items()
    ]
    key = (
        '<span class="key" style="background:var(--train)"></span>train'
        '<span class="key" style="background:var(--test)"></span>test'
    )
    return (
        f'<h2>Class balance</h2><div class="card scroll"><table><tr><th>class<th>train<th>test<th>images<th>{key}'
        f"{''.join(rows)}</table></div>"
    )
