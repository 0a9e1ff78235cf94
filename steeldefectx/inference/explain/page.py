"""What ``steeldefectx explain`` writes: overlays as PNG files, and one HTML page that needs no other file."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from PIL import Image
from rich.table import Table

from steeldefectx.inference.explain.explain import Explained, summary
from steeldefectx.inference.explain.overlay import LINE, SIDE, colour_bar, drawn
from steeldefectx.inference.explain.scores import THRESHOLD, Scores

PAGE, OVERLAYS = "explain.html", "overlays"

STYLE = f"""
:root {{ color-scheme: light dark; --ink: #1c2430; --soft: #5d6878; --line: #dde2e9; --page: #f5f7f9; --card: #fff;
  --outline: rgb{LINE}; }}
@media (prefers-color-scheme: dark) {{ :root {{ --ink: #e7ebf0; --soft: #9aa6b5; --line: #2e3844; --page: #12171d;
  --card: #1a2129; }} }}
* {{ box-sizing: border-box; }}
body {{ margin: 0 auto; max-width: 78rem; padding: 2.5rem 1.25rem 4rem; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }}
h1 {{ margin: 0; font-size: 1.75rem; }} h2 {{ margin: 0; font-size: 1.05rem; overflow-wrap: anywhere; }}
p {{ max-width: 50rem; }} .soft, figcaption {{ color: var(--soft); }} .path {{ overflow-wrap: anywhere; }}
.card {{ background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: 1rem 1.1rem;
  margin-top: 1rem; }}
.head {{ display: flex; flex-wrap: wrap; gap: .1rem .9rem; align-items: baseline; margin-bottom: .7rem; }}
.maps {{ display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 15rem), 1fr)); }}
figure {{ margin: 0; min-width: 0; }} figure img {{ display: block; width: 100%; height: auto; max-width: {SIDE}px;
  border-radius: .35rem; }}
figcaption {{ margin-top: .4rem; font-size: .84rem; line-height: 1.4; overflow-wrap: anywhere; }}
figcaption b {{ color: var(--ink); }} .scores {{ display: block; margin-top: .25rem; color: var(--ink);
  font-variant-numeric: tabular-nums; }}
.scroll {{ overflow-x: auto; }} table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; }}
th, td {{ padding: .3rem .9rem .3rem 0; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }}
th:first-child, td:first-child {{ text-align: left; }} tr:last-child td {{ border: 0; }}
.base td {{ color: var(--soft); }}
.legend {{ display: flex; flex-wrap: wrap; gap: .4rem 1.6rem; align-items: center; margin: 1.2rem 0 0;
  font-size: .88rem; color: var(--soft); }} .legend span {{ display: flex; gap: .5rem; align-items: center; }}
.legend img {{ width: 12rem; height: .75rem; border-radius: .2rem; }}
.legend i {{ width: 1.1rem; height: .75rem; border: 2px solid var(--outline); border-radius: .2rem; }}
"""


def write_overlays(one: Explained, number: int, folder: Path) -> None:
    """A PNG for each map, named by the image's number and the map, and one of the image with its mask's outline."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, picture in _pictures(one).items():
        picture.save(folder / f"{number:03d}-{name}.png")


def write_page(found: Sequence[Explained], checkpoint: str, source: str, out: Path) -> Path:
    """Write the page, whole or not at all; its file."""
    file = out / PAGE
    temporary = file.with_name(f".{PAGE}.{os.getpid()}")
    temporary.write_text(_page(found, checkpoint, source), encoding="utf-8", errors="replace")
    temporary.replace(file)
    return file


def score_table(scores: Mapping[str, Scores], images: int) -> Table:
    """Mean scores, for the terminal."""
    table = Table("map", title=f"Agreement with the masks of {images} images")
    for heading in ("energy in mask %", "pointing game %", "IoU %"):
        table.add_column(heading, justify="right")
    for name, one in scores.items():
        table.add_row(name, *_percent(one))
    return table


def _percent(one: Scores) -> list[str]:
    return [f"{100 * value:.1f}" for value in (one.energy, one.hit, one.iou)]


def _page(found: Sequence[Explained], checkpoint: str, source: str) -> str:
    return "\n".join(
        [
            '<!doctype html><html lang="en"><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>SteelDefectX: what the model looks at</title><style>{STYLE}</style>",
            f'<h1>What the model looks at</h1><p class="soft path">{len(found)} images of {escape(source)}, '
            f"checkpoint {escape(checkpoint)}</p>",
            "<p>Each map shows what in the image speaks for the text below it more than for the texts of all "
            "classes.</p>",
            _summary(found),
            _legend(any(one.scores for one in found)),
            *map(_card, found),
            "</html>\n",
        ]
    )


def _summary(found: Sequence[Explained]) -> str:
    scores = summary(found)
    if not scores:
        return ""
    maps = next(one for one in found if one.scores).maps
    rows = "".join(
        f"<tr{'' if name in maps else ' class=base'}><td>{escape(name)}<td>{'<td>'.join(_percent(one))}"
        for name, one in scores.items()
    )
    count = sum(bool(one.scores) for one in found)
    return (
        f'<div class="card"><h2>Agreement with the masks of {count} images</h2><div class="scroll"><table><tr><th>map'
        f"<th>energy in mask %<th>pointing game %<th>IoU %</tr>{rows}</table></div>"
        '<p class="soft">Means over images. Energy: the share of the map inside the mask. Pointing game: how often its '
        f"maximum is inside. IoU: overlap of the mask with the places of at least {THRESHOLD:g} of the maximum. The "
        "last two rows are maps that know nothing of the image.</p></div>"
    )


def _legend(masks: bool) -> str:
    outline = "<span><i></i>mask of the defect</span>" if masks else ""
    return f'<div class="legend"><span>least {_embedded(colour_bar())} most relevant</span>{outline}</div>'


def _card(one: Explained) -> str:
    example, pictures = one.example, _pictures(one)
    about = [] if example.class_name is None else [f"class: {example.class_name}"]
    about.append(f"predicted: {one.predicted}")
    image = pictures.pop("image")
    figures = [f"<figure>{_embedded(image)}<figcaption><b>image</b></figcaption></figure>"]
    for name, picture in pictures.items():
        scores = _scores(one.scores[name]) if one.scores else ""
        caption = f"<figcaption><b>{escape(name)}</b> {escape(one.texts[name])}{scores}</figcaption>"
        figures.append(f"<figure>{_embedded(picture)}{caption}</figure>")
    head = f'<h2>{escape(example.name)}</h2><span class="soft">{escape(" · ".join(about))}</span>'
    return f'<section class="card"><div class="head">{head}</div><div class="maps">{"".join(figures)}</div></section>'


def _scores(one: Scores) -> str:
    pointing = "hit" if one.hit >= 0.5 else "miss"
    return f'<span class="scores">energy {100 * one.energy:.0f} % · {pointing} · IoU {100 * one.iou:.0f} %</span>'


def _pictures(one: Explained) -> dict[str, Image.Image]:
    """What is drawn of an image: itself as ``image``, then every map by its name."""
    example = one.example
    maps = {name: drawn(example.image, found, example.mask) for name, found in one.maps.items()}
    return {"image": drawn(example.image, mask=example.mask), **maps}


def _embedded(picture: Image.Image) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    encoded = base64.b64encode(buffer.getvalue()).decode()
    return f'<img alt="" width="{picture.width}" height="{picture.height}" src="data:image/png;base64,{encoded}">'
