"""The demo's page: a form, and what is shown of an image, as HTML."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from html import escape
from importlib import resources
from pathlib import Path

from PIL import Image

from steeldefectx.inference.demo.panel import Answer
from steeldefectx.inference.explain.overlay import colour_bar
from steeldefectx.utils import html
from steeldefectx.utils.page_pictures import SMALL, inline, link

STYLE = """
form.ask { display: grid; gap: 1rem 1.5rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr));
  margin: 1.2rem 0; }
.ask label { display: grid; gap: .3rem; font-size: .92rem; } .ask > div { display: grid; gap: .9rem; }
.ask input[type=file], .ask input[type=text] { font: inherit; width: 100%; color: var(--ink); background: var(--card);
  border: 1px solid var(--soft); border-radius: .4rem; padding: .55rem .7rem; }
.drop { border: 2px dashed var(--soft); border-radius: .6rem; padding: 1.2rem; background: var(--card); }
.drop.over { border-color: var(--link); }
.ask button { font: inherit; padding: .45rem .9rem; border-radius: .4rem; border: 1px solid var(--soft);
  background: var(--card); color: var(--ink); cursor: pointer; } .ask button.main { background: var(--link);
  border-color: var(--link); color: var(--page); font-weight: 600; }
#examples { display: flex; flex-wrap: wrap; gap: .5rem; align-items: center; }
.answer { margin-top: 1.6rem; padding-top: 1rem; border-top: 1px solid var(--line); }
.answer h2 { margin: 0 0 .6rem; } .note { border-left: .3rem solid var(--bad); padding-left: .7rem; }
.columns { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 22rem), 1fr)); }
.columns .card { font-size: .95rem; } .verdict { font-size: 1.35rem; line-height: 1.3; margin: .2rem 0 .6rem; }
.share { display: grid; grid-template-columns: minmax(0, 11rem) minmax(0, 1fr) 3.2rem; gap: .6rem; align-items: center;
  margin: .2rem 0; } .share span:last-child { text-align: right; font-variant-numeric: tabular-nums; }
.share .bar { min-width: 0; } .near { display: grid; gap: .6rem; grid-template-columns: repeat(4, minmax(0, 1fr)); }
.near figcaption { font-size: .8rem; } .legend { display: flex; gap: .5rem; align-items: center; font-size: .85rem; }
.legend img { width: 8rem; height: .7rem; } .where img { max-height: 28rem; width: auto; }
.verdict b { font-size: inherit; } .columns h3 { margin: 1rem 0 .4rem; }
"""


def demo_page(checkpoints: Sequence[str], examples: Sequence[str]) -> str:
    """The whole page.

    Args:
        checkpoints: What answers.
        examples: Names of the examples.
    """
    buttons = "".join(
        f'<button type="button" data-example="{number}">{escape(name)}</button>' for number, name in enumerate(examples)
    )
    names = " and ".join(Path(name).name for name in checkpoints)
    body = [
        "<h1>What is on this steel?</h1>",
        f'<p class="soft path">Checkpoint {escape(names)}. Images stay on this machine.</p>',
        '<form class="ask"><div><div class="drop"><label>Images, one or several: choose or drop them here'
        '<input type="file" name="images" multiple accept="image/*"></label></div>'
        f'<div id="examples"><span>Synthetic examples:</span>{buttons}</div></div>'
        "<div><label>Text to look for; left empty, the predicted class"
        '<input type="text" name="text" maxlength="1000" placeholder="a dark vertical scratch"></label>'
        '<label><span>Unsure below <b class="shown">50</b> %</span>'
        '<input type="range" name="unsure" min="0" max="100" value="50"></label>'
        '<button class="main">Look</button></div></form>',
        '<div id="results" aria-live="polite"></div>',
        f"<script>{(resources.files(__package__) / 'demo.js').read_text('utf-8')}</script>",
    ]
    return html.page("SteelDefectX demo", body, STYLE)


def unreadable(name: str, reason: str) -> str:
    """What is shown of a file that is no image."""
    return f'<section class="answer"><h2>{escape(name)}</h2><p class="bad">{escape(reason)}</p></section>'


def answered(name: str, image: Image.Image, answers: Sequence[tuple[str, str, Answer]], unsure: float) -> str:
    """What is shown of an image.

    Args:
        name: Of its file.
        image: Upright, RGB.
        answers: Checkpoint, what its nearest images are, answer.
        unsure: Probability below which an answer is called unsure.
    """
    notes = dict.fromkeys(note for _, _, answer in answers for note in answer.not_seen)
    warned = f'<p class="note">{escape(" ".join(notes))}</p>' if notes else ""
    size = f'<p class="soft">{image.width} × {image.height} pixels</p>'
    columns = "".join(_column(*answer, unsure, heading=len(answers) > 1) for answer in answers)
    return (
        f'<section class="answer"><h2>{escape(name)}</h2>{_picture(image, name)}{size}{warned}'
        f'<div class="columns">{columns}</div></section>'
    )


def _column(checkpoint: str, of: str, answer: Answer, unsure: float, *, heading: bool) -> str:
    (label, best), *_ = answer.probabilities.items()
    if best < unsure:
        verdict = (
            f'<p class="verdict"><span class="bad">Unsure</span>, perhaps {escape(label)} ({100 * best:.0f} %)</p>'
        )
        verdict += "<p>It may be none of the classes that this model knows.</p>"
    else:
        verdict = f'<p class="verdict"><b>{escape(label)}</b> ({100 * best:.0f} %)</p><p>{escape(answer.about)}</p>'
    shares = "".join(
        f'<div class="share"><span>{escape(name)}</span><div class="bar"><i style="width:{100 * share:.1f}%"></i></div>'
        f"<span>{100 * share:.0f} %</span></div>"
        for name, share in answer.probabilities.items()
        if share >= 0.005
    )
    bar = inline(colour_bar(), "colours from dark violet over red to light yellow")
    where = (
        f'<h3>Where it sees “{escape(answer.explained)}”</h3><figure class="where">'
        f"{_picture(answer.overlay, f'where it sees {answer.explained}', None)}</figure>"
        f'<div class="legend"><span>least</span>{bar}<span>most</span></div>'
    )
    near = "".join(
        f"<figure>{_picture(image, class_name)}<figcaption>{escape(class_name)}</figcaption></figure>"
        for image, class_name in answer.nearest
    )
    nearest = f'<h3>Nearest {escape(of)}</h3><div class="near">{near}</div>' if near else ""
    title = f'<h3 class="path">{escape(Path(checkpoint).name)}</h3>' if heading else ""
    return f'<div class="card">{title}{verdict}{shares}{where}{nearest}</div>'


def _picture(image: Image.Image, alt: str, side: int | None = SMALL) -> str:
    """A picture inside the answer, which opens whole on click; shown as large as there is room, without a side."""
    shown = image.copy()
    shown.thumbnail((1600, 1600))
    buffer = io.BytesIO()
    shown.save(buffer, "JPEG", quality=88)
    address = f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
    scale = min(1.0, side / max(shown.size)) if side else 1.0
    return link(address, address, alt, (round(shown.width * scale) or 1, round(shown.height * scale) or 1))
