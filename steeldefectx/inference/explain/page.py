"""What ``steeldefectx explain`` writes: overlays as PNG files, and one HTML page that needs no other file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from PIL import Image
from rich.table import Table

from steeldefectx.inference.explain.explanations import Explanation, mean_scores_by_map
from steeldefectx.inference.explain.overlay import LINE, SIDE, colour_bar, draw
from steeldefectx.inference.explain.scores import THRESHOLD, Scores
from steeldefectx.utils import html

PAGE, OVERLAYS = "explain.html", "overlays"

STYLE = (
    f":root {{ --outline: rgb{LINE}; --side: {SIDE}px; }}"
    + """
h2 { margin: 0; font-size: 1.05rem; overflow-wrap: anywhere; } p { max-width: 50rem; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: 1rem 1.1rem;
  margin-top: 1rem; }
.head { display: flex; flex-wrap: wrap; gap: .1rem .9rem; align-items: baseline; margin-bottom: .7rem; }
.maps { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 15rem), 1fr)); }
figure img { width: 100%; max-width: var(--side); } figcaption b { color: var(--ink); }
.scores { display: block; margin-top: .25rem; color: var(--ink); font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .9rem .3rem 0; } tr:last-child td { border: 0; } .base td { color: var(--soft); }
.legend { display: flex; flex-wrap: wrap; gap: .4rem 1.6rem; align-items: center; margin: 1.2rem 0 0;
  font-size: .88rem; color: var(--soft); } .legend span { display: flex; gap: .5rem; align-items: center; }
.legend img { width: 12rem; height: .75rem; border-radius: .2rem; }
.legend i { width: 1.1rem; height: .75rem; border: 2px solid var(--outline); border-radius: .2rem; }
"""
)


def write_overlays(explanation: Explanation, number: int, folder: Path) -> None:
    """A PNG for each map, named by the image's number and the map, and one of the image with its mask's outline."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, picture in _pictures(explanation).items():
        picture.save(folder / f"{number:03d}-{name}.png")


def write_page(explanations: Sequence[Explanation], checkpoint: str, source: str, out: Path) -> Path:
    """Write the page, whole or not at all; its file."""
    subject = f"{len(explanations)} images of {escape(source)}, checkpoint {escape(checkpoint)}"
    body = [
        f'<h1>What the model looks at</h1><p class="soft path">{subject}</p>',
        "<p>Each map shows what in the image speaks for the text below it more than for the texts of all classes.</p>",
        _summary(explanations),
        _legend(any(explanation.scores for explanation in explanations)),
        *map(_card, explanations),
    ]
    html.write_page(html.page("SteelDefectX: what the model looks at", body, STYLE), out / PAGE)
    return out / PAGE


def score_table(scores: Mapping[str, Scores], images: int) -> Table:
    """Mean scores, for the terminal."""
    table = Table("map", title=f"Agreement with the masks of {images} images")
    for heading in ("energy in mask %", "pointing game %", "IoU %"):
        table.add_column(heading, justify="right")
    for name, means in scores.items():
        table.add_row(name, *_percent(means))
    return table


def _percent(scores: Scores) -> list[str]:
    return [f"{100 * value:.1f}" for value in (scores.energy, scores.hit, scores.iou)]


def _summary(explanations: Sequence[Explanation]) -> str:
    scores = mean_scores_by_map(explanations)
    if not scores:
        return ""
    scored = [explanation for explanation in explanations if explanation.scores]
    rows = "".join(
        f"<tr{'' if name in scored[0].maps else ' class=base'}><td>{escape(name)}<td>{'<td>'.join(_percent(means))}"
        for name, means in scores.items()
    )
    return (
        f'<div class="card"><h2>Agreement with the masks of {len(scored)} images</h2><div class="scroll"><table>'
        f"<tr><th>map<th>energy in mask %<th>pointing game %<th>IoU %</tr>{rows}</table></div>"
        '<p class="soft">Means over images. Energy: the share of the map inside the mask. Pointing game: how often its '
        f"maximum is inside. IoU: overlap of the mask with the places of at least {THRESHOLD:g} of the maximum. The "
        "last two rows are maps that know nothing of the image.</p></div>"
    )


def _legend(masks: bool) -> str:
    outline = "<span><i></i>mask of the defect</span>" if masks else ""
    return f'<div class="legend"><span>least {html.picture(colour_bar())} most relevant</span>{outline}</div>'


def _card(explanation: Explanation) -> str:
    example, pictures = explanation.example, _pictures(explanation)
    about = [] if example.class_name is None else [f"class: {example.class_name}"]
    about.append(f"predicted: {explanation.predicted}")
    image = pictures.pop("image")
    figures = [f"<figure>{html.picture(image)}<figcaption><b>image</b></figcaption></figure>"]
    for name, picture in pictures.items():
        scores = _scores(explanation.scores[name]) if explanation.scores else ""
        caption = f"<figcaption><b>{escape(name)}</b> {escape(explanation.texts[name])}{scores}</figcaption>"
        figures.append(f"<figure>{html.picture(picture)}{caption}</figure>")
    head = f'<h2>{escape(example.name)}</h2><span class="soft">{escape(" · ".join(about))}</span>'
    return f'<section class="card"><div class="head">{head}</div><div class="maps">{"".join(figures)}</div></section>'


def _scores(scores: Scores) -> str:
    pointing = "hit" if scores.hit >= 0.5 else "miss"
    return f'<span class="scores">energy {100 * scores.energy:.0f} % · {pointing} · IoU {100 * scores.iou:.0f} %</span>'


def _pictures(explanation: Explanation) -> dict[str, Image.Image]:
    """What is drawn of an image: itself as ``image``, then every map by its name."""
    example = explanation.example
    maps = {name: draw(example.image, saliency, example.mask) for name, saliency in explanation.maps.items()}
    return {"image": draw(example.image, mask=example.mask), **maps}
