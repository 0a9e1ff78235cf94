"""How an audit is shown: tables in the terminal, and one HTML page that needs no other file."""

from __future__ import annotations

import base64
import io
from html import escape
from pathlib import Path

from rich.console import Console
from rich.table import Table

from steeldefectx.data.audit import KINDS, Audit, Finding
from steeldefectx.data.images import open_image
from steeldefectx.errors import DataError

THUMBNAIL = 160
"""Pixels of a thumbnail's longer side."""
SHOWN_FINDINGS = 100
"""Findings of a kind with thumbnails; audit.json holds them all."""
SHOWN_IMAGES = 8
"""Thumbnails of one finding."""

STYLE = """
:root { color-scheme: light dark; --ink: #1c2430; --soft: #5d6878; --line: #dde2e9; --page: #f5f7f9; --card: #fff;
  --train: #3568b8; --test: #d98a2b; --good: #2b7a4b; --found: #a8501a; }
@media (prefers-color-scheme: dark) { :root { --ink: #e7ebf0; --soft: #9aa6b5; --line: #2e3844; --page: #12171d;
  --card: #1a2129; --train: #6d9ae0; --test: #e8ab5c; --good: #6cc48f; --found: #f0a36b; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 72rem; padding: 2.5rem 1.25rem 4rem; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }
h1 { margin: 0; font-size: 1.75rem; } h2 { margin: 2.5rem 0 .75rem; font-size: 1.2rem; }
.soft, figcaption { color: var(--soft); } .path { overflow-wrap: anywhere; }
.counts { display: grid; gap: .75rem; grid-template-columns: repeat(auto-fit, minmax(14rem, 1fr)); margin-top: 1.5rem; }
.counts a, .card { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: .8rem 1rem;
  color: inherit; text-decoration: none; }
.counts b { display: block; font-size: 1.6rem; line-height: 1.2; color: var(--found); }
.counts .none b { color: var(--good); }
.cards { display: grid; gap: .75rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 24rem), 1fr)); }
.card p { margin: 0 0 .6rem; overflow-wrap: anywhere; } .images { display: flex; flex-wrap: wrap; gap: .75rem; }
figure { margin: 0; width: 160px; }
figcaption { margin-top: .3rem; white-space: pre-line; font-size: .78rem;
  line-height: 1.35; overflow-wrap: anywhere; }
figure img, .noimage { display: block; max-width: 160px; border-radius: .3rem; background: var(--line); }
.noimage { display: grid; place-items: center; height: 96px; color: var(--soft); font-size: .8rem; }
.scroll { overflow-x: auto; } table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .6rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
th:first-child, td:first-child { text-align: left; } td:last-child, th:last-child { width: 45%; text-align: left; }
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
    found = Table("looked for", title="Findings", title_justify="left")
    found.add_column("found", justify="right")
    for kind, count in audit.counts().items():
        found.add_row(KINDS[kind], f"[yellow]{count:,}[/]" if count else "0")
    console.print(classes, found)


def write_page(audit: Audit, file: Path) -> None:
    """Write the HTML page, thumbnails included."""
    total = sum(map(sum, audit.balance.values()))
    summary = f"{total:,} images, {len(audit.balance)} classes. {_imbalance(audit)}"
    sections = [_section(kind, [f for f in audit.findings if f.kind == kind]) for kind in KINDS]
    page = [
        '<!doctype html><html lang="en"><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>SteelDefectX audit</title><style>{STYLE}</style>",
        f'<h1>Data audit</h1><p class="soft path">{escape(str(audit.data_dir))}</p><p>{escape(summary)}</p>',
        _counts(audit),
        *sections,
        _balance(audit),
        "</html>\n",
    ]
    file.write_text("\n".join(page), encoding="utf-8", errors="replace")


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
        small = open_image(path).convert("RGB")
        small.thumbnail((THUMBNAIL, THUMBNAIL))
        buffer = io.BytesIO()
        small.save(buffer, "JPEG", quality=80)
    except (OSError, DataError):
        return '<span class="noimage">no image</span>'
    encoded = base64.b64encode(buffer.getvalue()).decode()
    return f'<img alt="" width="{small.width}" height="{small.height}" src="data:image/jpeg;base64,{encoded}">'


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
