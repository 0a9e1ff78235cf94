"""What ``steeldefectx explain`` writes: overlays as PNG files, and a page that shows them, wrong predictions first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from PIL import Image
from rich.table import Table

from steeldefectx.inference.explain.explanations import CENTRE, RANDOM, Explanation, mean_scores_by_map
from steeldefectx.inference.explain.overlay import LINE, colour_bar, draw
from steeldefectx.inference.explain.scores import THRESHOLD, Scores
from steeldefectx.utils import html
from steeldefectx.utils.page_pictures import inline, link

PAGE, OVERLAYS = "explain.html", "overlays"

STYLE = (
    f":root {{ --outline: rgb{LINE}; }}"
    + """
.cards { grid-template-columns: repeat(auto-fill, minmax(min(100%, 36rem), 1fr)); }
.cards > * { contain-intrinsic-size: auto 24rem; }
.maps { display: grid; gap: .8rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 9.5rem), 1fr));
  margin-top: .6rem; }
.maps figcaption { font-size: .8rem; } .maps .picture, .maps img { width: 100%; }
.wrong { border-left: .35rem solid var(--bad); }
.legend { display: flex; flex-wrap: wrap; gap: .4rem 1.6rem; align-items: center; margin: 1.2rem 0 0;
  font-size: .88rem; } .legend span { display: flex; gap: .5rem; align-items: center; }
.legend img { width: 12rem; height: .75rem; border-radius: .2rem; }
.legend i { width: 1.1rem; height: .75rem; border: 2px solid var(--outline); border-radius: .2rem; }
"""
)


@dataclass(frozen=True)
class Entry:
    """What the page shows of an image; its maps are files already."""

    name: str
    class_name: str | None
    """Where the data say it."""
    predicted: str
    probability: float
    texts: dict[str, str]
    scores: dict[str, Scores]
    files: dict[str, tuple[str, int, int]]
    """``image`` and the maps -> address, width, height."""

    @property
    def wrong(self) -> bool:
        """Whether it is known to be of another class than predicted."""
        return self.class_name is not None and self.class_name != self.predicted


def write_overlays(explanation: Explanation, number: int, folder: Path) -> Entry:
    """A PNG for each map, named by the image's number and the map, and one of the image with its mask's outline."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {}
    for name, picture in _pictures(explanation).items():
        file = f"{number:03d}-{name}.png"
        picture.save(folder / file)
        files[name] = (f"{folder.name}/{file}", *picture.size)
    of = explanation.example
    return Entry(
        of.name, of.class_name, explanation.predicted, explanation.probability, explanation.texts, explanation.scores,
        files,
    )  # fmt: skip


def summary(entries: Sequence[Entry]) -> str:
    """As "24 images, 3 of them predicted wrong"."""
    images = f"{len(entries):,} image{'s' * (len(entries) != 1)}"
    known = sum(entry.class_name is not None for entry in entries)
    return f"{images}, {sum(entry.wrong for entry in entries):,} of them predicted wrong" if known else images


def write_page(entries: Sequence[Entry], checkpoint: str, source: str, out: Path, notes: Sequence[str] = ()) -> Path:
    """Write the page, whole or not at all; its file.

    Args:
        entries: Images.
        checkpoint: What explained them.
        source: What they are of.
        out: Folder of the page and the overlays.
        notes: Which classes lack which text.
    """
    ordered = sorted(entries, key=lambda entry: -entry.probability if entry.wrong else entry.probability)
    body = [
        '<h1>What the model looks at</h1><p class="soft path">'
        f"{escape(summary(entries))}. {escape(source)}, checkpoint {escape(checkpoint)}</p>",
        "<p>Each map shows what in the image speaks for the text below it more than for the texts of all classes.</p>",
        *(f"<p><b>Without a map.</b> {escape(note)}</p>" for note in notes),
        _legend(any(entry.scores for entry in entries)),
        _agreement([entry.scores for entry in entries if entry.scores]),
        "<h2>Images</h2>",
        html.cards(
            map(_card, ordered),
            "images",
            {"result": "Result", "class": "Class", "predicted": "Predicted"},
            [("place", "wrong first", False), ("sure", "least sure first", False), ("sure", "surest first", True)],
            f"Their maps are in {OVERLAYS}/.",
        ),
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


def _agreement(scores: Sequence[dict[str, Scores]]) -> str:
    if not scores:
        return ""
    rows = [[escape(name), *_percent(means)] for name, means in mean_scores_by_map(scores).items()]
    label = f"Agreement with the masks of {len(scores)} images"
    return (
        f"<h2>{label}</h2>{html.table(['map', 'energy in mask %', 'pointing game %', 'IoU %'], rows, label)}"
        '<p class="soft">Means over images. Energy: the share of the map inside the mask. Pointing game: how often its '
        f"maximum is inside. IoU: overlap of the mask with the places of at least {THRESHOLD:g} of the maximum. "
        f"{RANDOM.capitalize()} and {CENTRE} know nothing of the image.</p>"
    )


def _legend(masks: bool) -> str:
    outline = "<span><i></i>mask of the defect</span>" if masks else ""
    bar = inline(colour_bar(), "colours from dark violet over red to light yellow")
    return f'<div class="legend"><span>least {bar} most relevant</span>{outline}</div>'


def _card(entry: Entry) -> str:
    image, *maps = entry.files
    figures = [f"<figure>{_link(entry, image)}<figcaption><b>image</b></figcaption></figure>"]
    for name in maps:
        scores = _scores(entry.scores[name]) if entry.scores else ""
        caption = f"<figcaption><b>{escape(name)}</b> {escape(entry.texts[name])}{scores}</figcaption>"
        figures.append(f"<figure>{_link(entry, name)}{caption}</figure>")
    sure = f"{escape(entry.predicted)} {100 * entry.probability:.0f} %"
    about, result = f"predicted: {sure}", None
    if entry.class_name is not None:
        result = "wrong" if entry.wrong else "right"
        told = f'<span class="bad">wrong: {sure}</span>' if entry.wrong else f'<span class="good">right</span>: {sure}'
        about = f"class: {escape(entry.class_name)} · predicted {told}"
    place = -entry.probability if entry.wrong else entry.probability
    keys = {
        "result": result,
        "class": entry.class_name,
        "predicted": entry.predicted,
        "sure": f"{entry.probability:.4f}",
        "place": f"{place:.4f}",
    }
    body = f'<h3>{escape(entry.name)}</h3><p>{about}</p><div class="maps">{"".join(figures)}</div>'
    card = html.card(body, keys)
    return card.replace('class="card"', 'class="card wrong"', 1) if entry.wrong else card


def _link(entry: Entry, name: str) -> str:
    address, width, height = entry.files[name]
    what = entry.name if name == "image" else f"{entry.name}: where the model sees {name}"
    return link(address, address, what, (width, height))


def _scores(scores: Scores) -> str:
    pointing = "hit" if scores.hit >= 0.5 else "miss"
    return f"<br>energy {100 * scores.energy:.0f} % · {pointing} · IoU {100 * scores.iou:.0f} %"


def _pictures(explanation: Explanation) -> dict[str, Image.Image]:
    """What is drawn of an image: itself as ``image``, then every map by its name."""
    example = explanation.example
    maps = {name: draw(example.image, saliency, example.mask) for name, saliency in explanation.maps.items()}
    return {"image": draw(example.image, mask=example.mask), **maps}
