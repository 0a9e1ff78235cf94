"""The report of an inspection as a page: how many frames are sound, what was found, and every frame, worst first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from html import escape
from pathlib import Path

from steeldefectx.inference.inspection.pictures import SMALL, pictures_of
from steeldefectx.inference.inspection.records import Record
from steeldefectx.utils import html

PAGE = "report.html"
SHOWN = 12
"""Boxes of a frame on the page, at most; the picture that opens shows all."""
STYLE = """.marked { position: relative; } .marked svg { position: absolute; inset: 0; width: 100%; height: 100%;
  pointer-events: none; } .marked rect { fill: none; stroke: #ffbe1e; stroke-width: 2; vector-effect:
  non-scaling-stroke; } .marked img { width: 100%; height: auto; } main:has(#boxes:not(:checked)) svg { display: none; }
  .switch { display: inline-flex; gap: .4rem; align-items: center; margin-top: 1rem; }"""
SOUND, DEFECTIVE, UNREADABLE = "sound", "defects", "not readable"


def write_report(records: Iterable[Record], about: str, file: Path) -> None:
    """Write the page.

    Args:
        records: Of all frames.
        about: What was inspected, and how, in a sentence.
        file: The page.
    """
    states, regions, frames, areas = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    square_mm = False
    cards: list[tuple[float, str]] = []
    for record in records:
        state = UNREADABLE if record["error"] else SOUND if record["sound"] else DEFECTIVE
        states[state] += 1
        for region in record["regions"]:
            regions[region["class"]] += 1
            square_mm = square_mm or region["area_mm2"] is not None
            areas[region["class"]] += region["area_mm2"] or region["area_px"]
        frames.update({region["class"] for region in record["regions"]})
        cards.append((-1.0 if record["error"] else -record["score"] if record["regions"] else 1 - record["score"],
                      _card(record, state)))  # fmt: skip
    cards.sort(key=lambda entry: entry[0])
    total = sum(states.values())
    body = [
        f"<h1>{total:,} frame{'s' * (total != 1)} inspected</h1>",
        f"<p>{', '.join(f'{states[state]:,} {state}' for state in (DEFECTIVE, SOUND, UNREADABLE) if states[state])}. "
        f"{escape(about)}</p>",
        _counts(regions, frames, areas, "mm²" if square_mm else "px") if regions else "",
        "<h2>Frames</h2>",
        '<label class="switch"><input type="checkbox" id="boxes" checked> Boxes</label>',
        html.cards(
            (entry for _, entry in cards),
            "frames",
            {"state": "State", "class": "Class"},
            [("score", "worst first", True), ("score", "best first", False), ("regions", "most regions first", True),
             ("file", "by name", False)],
            "frames.jsonl and regions.parquet have all.",
        ),
    ]  # fmt: skip
    html.write_page(html.page("Inspection", body, STYLE), file)


def _counts(regions: Counter[str], frames: Counter[str], areas: Counter[str], unit: str) -> str:
    largest = max(regions.values())
    rows = []
    for name, count in regions.most_common():
        bar = f'<div class="bar"><i style="width:{100 * count / largest:.1f}%"></i></div>'
        rows.append([escape(name), f"{count:,}", f"{frames[name]:,}", f"{areas[name]:,.0f}", bar])
    columns = ["class", "regions", "frames", f"area, {unit}", ""]
    return html.table(columns, rows, "Regions of each class", words=(0, 4))


def _card(record: Record, state: str) -> str:
    where = f'<p class="soft path">{escape(record["file"])}</p>'
    keys = {"state": state, "file": record["file"]}
    if record["error"]:
        body = f'<div class="noimage">no image</div><p class="bad">{escape(record["error"])}</p>{where}'
        return html.card(body, keys | {"score": -1, "regions": 0})
    regions = record["regions"]
    if not regions:
        body = f"{_picture(record)}<p>sound, score {record['score']:.2f}</p>{where}"
        return html.card(body, keys | {"score": record["score"], "regions": 0})
    counts = Counter(region["class"] for region in regions)
    found = ", ".join(f"{count} {name}" if count > 1 else name for name, count in counts.most_common(4))
    body = f"{_picture(record)}<p><b>{escape(found)}</b>, score {record['score']:.2f}</p>"
    body += f'<p class="soft">{escape(regions[0]["sentence"] or "")}</p>{where}'
    return html.card(body, keys | {"class": counts.most_common(1)[0][0], "score": record["score"],
                                   "regions": len(regions)})  # fmt: skip


def _picture(record: Record) -> str:
    files, regions = pictures_of(record["file"]), record["regions"]
    factor = min(1.0, SMALL / max(record["width"], record["height"]))
    width, height = max(1, round(record["width"] * factor)), max(1, round(record["height"] * factor))
    alt = f"{record['file']}: {len(regions)} region{'s' * (len(regions) != 1)}"
    image = f'<img loading="lazy" src="{files.small}" alt="{escape(alt)}" width="{width}" height="{height}">'
    if not regions:
        return f'<a class="picture marked" href="{files.small}">{image}</a>'
    boxes = "".join(
        f'<rect x="{left}" y="{top}" width="{right - left}" height="{bottom - top}"/>'
        for left, top, right, bottom in (region["box"] for region in regions[:SHOWN])
    )
    svg = f'<svg viewBox="0 0 {record["width"]} {record["height"]}" aria-hidden="true">{boxes}</svg>'
    return f'<a class="picture marked" href="{files.marked}" data-plain="{files.plain}">{image}{svg}</a>'
