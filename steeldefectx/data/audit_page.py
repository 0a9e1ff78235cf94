"""How an audit is shown: tables in the terminal, and a page with the pictures of what was found."""

from __future__ import annotations

import os
from html import escape
from pathlib import Path

from rich.console import Console
from rich.table import Table

from steeldefectx.data.audit import DROP, KINDS, LABEL, Audit, Finding
from steeldefectx.data.images import open_image
from steeldefectx.errors import DataError
from steeldefectx.utils import html
from steeldefectx.utils.grey_levels import to_display
from steeldefectx.utils.page_pictures import PagePictures

SHOWN_FINDINGS = 500
"""Findings of a kind with pictures; audit.csv holds them all."""
SHOWN_IMAGES = 8
"""Pictures of one finding."""
SIDE = 150
"""Pixels of a picture's longer side."""

STYLE = """
.counts { display: grid; gap: .75rem; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); margin-top: 1.5rem; }
.counts > * { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: .8rem 1rem;
  color: inherit; text-decoration: none; }
.counts b { display: block; font-size: 1.6rem; line-height: 1.2; color: var(--bad); }
.counts .none b { color: var(--good); }
.cards { grid-template-columns: repeat(auto-fill, minmax(min(100%, 22rem), 1fr)); }
.images { display: flex; flex-wrap: wrap; gap: .75rem; margin-top: .5rem; } .images figure { flex: 1 1 150px;
  max-width: 20rem; }
figcaption { white-space: pre-line; font-size: .78rem; }
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
    """Write the page, whole or not at all, and its pictures."""
    pictures = PagePictures(file)
    total = sum(map(sum, audit.balance.values()))
    summary = f"{total:,} images, {len(audit.balance)} classes. {_imbalance(audit)} {audit.remark}".rstrip()
    drop = sum(finding.advice(n) == DROP for finding in audit.findings for n in range(len(finding.paths)))
    sections = [_section(kind, [f for f in audit.findings if f.kind == kind], pictures) for kind in KINDS]
    heading = (
        f'<h1>Data audit</h1><p class="soft path">{escape(str(audit.data_dir))}</p><p>{escape(summary)}</p>'
        f"<p>audit.csv lists every file below, with what to do: {drop:,} to drop, the others to look at.</p>"
    )
    body = [heading, _counts(audit), *sections, _balance(audit)]
    html.write_page(html.page("SteelDefectX audit", body, STYLE), file)
    pictures.remove_others()


def _imbalance(audit: Audit) -> str:
    sizes = {name: sum(parts) for name, parts in audit.balance.items()}
    largest, smallest = max(sizes, key=sizes.__getitem__), min(sizes, key=sizes.__getitem__)
    ratio = sizes[largest] / sizes[smallest]
    return f"The largest class, {largest}, has {ratio:.1f} times the images of the smallest, {smallest}."


def _counts(audit: Audit) -> str:
    cells = [
        f'<a href="#{kind}"><b>{count:,}</b>{escape(KINDS[kind])}</a>'
        if count
        else f'<div class="none"><b>0</b>{escape(KINDS[kind])}</div>'
        for kind, count in audit.counts().items()
    ]
    return f'<div class="counts">{"".join(cells)}</div>'


def _section(kind: str, findings: list[Finding], pictures: PagePictures) -> str:
    """Those of one kind; nothing where there are none."""
    if not findings:
        return ""
    about = ""
    if kind == LABEL:
        about = '<p class="soft">The most doubtful first: the embedded model finds the images most like each.</p>'
    shown = findings[:SHOWN_FINDINGS]
    more = len(findings) - len(shown)
    note = f'<p class="soft">{more:,} more are listed in audit.csv.</p>' if more else ""
    cards = html.cards((_card(finding, pictures) for finding in shown), "findings", {}, [], "audit.csv lists them.")
    return f'<h2 id="{kind}">{escape(KINDS[kind])} <span class="soft">{len(findings):,}</span></h2>{about}{cards}{note}'


def _card(finding: Finding, pictures: PagePictures) -> str:
    figures = [
        f"<figure>{_picture(path, caption, pictures)}<figcaption>{escape(caption)}\n"
        f'<span class="soft path">{escape(_name(path))}</span></figcaption></figure>'
        for path, caption in list(zip(finding.paths, finding.captions, strict=True))[:SHOWN_IMAGES]
    ]
    more = len(finding.paths) - len(figures)
    note = f'<p class="soft">and {more:,} more</p>' if more else ""
    return html.card(f'<p>{escape(finding.detail)}</p><div class="images">{"".join(figures)}</div>{note}', {})


def _picture(path: Path, caption: str, pictures: PagePictures) -> str:
    try:
        return pictures.add(to_display(open_image(path)), caption.replace("\n", ", "), SIDE)
    except (OSError, DataError):
        return '<span class="noimage">no image</span>'


def _name(path: Path) -> str:
    return os.fsencode(path).decode("utf-8", "replace")


def _balance(audit: Audit) -> str:
    largest = max(map(sum, audit.balance.values()))
    rows = [
        [
            escape(name),
            f"{train:,}",
            f"{test:,}",
            f"{train + test:,}",
            f'<div class="bar"><i style="width:{100 * train / largest:.1f}%"></i>'
            f'<i style="width:{100 * test / largest:.1f}%"></i></div>',
        ]
        for name, (train, test) in audit.balance.items()
    ]
    key = (
        '<p class="soft"><span class="key" style="background:var(--bar)"></span>train'
        '<span class="key" style="background:var(--bar2)"></span>test</p>'
    )
    table = html.table(["class", "train", "test", "images", ""], rows, "Images of each class", words=(0, 4))
    return f"<h2>Class balance</h2>{key}{table}"
