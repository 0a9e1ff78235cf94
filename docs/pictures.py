"""Draw the pictures of the documentation, all of synthetic images or of committed results.

    python docs/pictures.py              all of them, into docs/pictures/
    python docs/pictures.py sample desk  some

``desk`` and ``desk-phone`` are screenshots of the review desk and need Chromium with Playwright; the others need the
package alone.
"""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

OUT = Path(__file__).parent / "pictures"
RESULTS = Path(__file__).resolve().parents[1] / "benchmarks" / "results"
SHOWN = ("Bright scratch", "Punching", "Crazing", "Water spot")
COMMAND = Path(sys.executable).with_name("steeldefectx")


def main() -> None:
    """Draw the pictures that are named, or all."""
    OUT.mkdir(exist_ok=True)
    for name in sys.argv[1:] or PICTURES:
        PICTURES[name](OUT / f"{name}.png")
        print(f"{OUT / name}.png: {(OUT / f'{name}.png').stat().st_size / 1000:.0f} kB")


def sample(file: Path) -> None:
    """A synthetic image of each class."""
    import matplotlib.pyplot as plt

    from steeldefectx import load_dataset

    rows = load_dataset("sample", images=50, split="train")
    names = rows.features["label"].names
    first: dict[int, int] = {}
    for position, label in enumerate(rows["label"]):
        first.setdefault(label, position)
    figure, axes = plt.subplots(4, 7, figsize=(9.4, 6.8))
    for axis in axes.flat:
        axis.axis("off")
    for axis, label in zip(axes.flat, sorted(first), strict=False):
        axis.imshow(rows[first[label]]["image"], cmap="gray", vmin=0, vmax=255)
        axis.set_title(wrapped(names[label]), fontsize=7.5)
    save(figure, file, dpi=95, colours=48)


def wrapped(name: str) -> str:
    """A class name on two lines where it is long."""
    words = name.split()
    half = (len(words) + 1) // 2
    return name if len(name) < 17 else " ".join(words[:half]) + "\n" + " ".join(words[half:])


def first_look(file: Path) -> None:
    """Synthetic images with the predicted class, and where ``steeldefectx explain`` sees their descriptions."""
    import matplotlib.pyplot as plt
    from PIL import Image

    from steeldefectx import SteelDefectClassifier, load_dataset

    rows = load_dataset("sample", split="test")
    names, labels = rows.features["label"].names, rows["label"]
    classifier = SteelDefectClassifier.from_pretrained("embedded")
    with tempfile.TemporaryDirectory() as folder:
        steeldefectx("explain", "sample", "--checkpoint", "embedded", "--texts", "T3", "--limit", "25", "--out", folder)
        figure, axes = plt.subplots(2, len(SHOWN), figsize=(9.6, 5.9))
        for column, name in zip(axes.T, SHOWN, strict=True):
            label = names.index(name)  # the command takes the classes in turn, the first image of each
            row = rows[labels.index(label)]
            found = next(classifier.predict(row["image"], top_k=1))
            overlay = Image.open(Path(folder) / "overlays" / f"{label:03d}-T3.png")
            for axis, picture in zip(column, (row["image"].convert("RGB"), overlay), strict=True):
                axis.imshow(picture)
                axis.axis("off")
            column[0].set_title(f"{found.labels[0]}, {found.probabilities[0]:.2f}", fontsize=10)
            text = textwrap.fill(row["T3"], 38)
            column[1].text(0.5, -0.04, text, transform=column[1].transAxes, ha="center", va="top", fontsize=7)
    save(figure, file, dpi=100, colours=200)


def desk(file: Path) -> None:
    """The review desk with drafted descriptions of synthetic images, the riskiest first."""
    photograph_desk(file, 1320, 760)


def desk_phone(file: Path) -> None:
    """The same on a phone."""
    photograph_desk(file, 390, 844)


def photograph_desk(file: Path, width: int, height: int) -> None:
    """Import the drafts, open the desk and take a picture of its first image."""
    from playwright.sync_api import sync_playwright

    from steeldefectx import load_dataset

    with tempfile.TemporaryDirectory() as name, socket.socket() as free:
        folder = Path(name)
        rows = load_dataset("sample")
        lines = [{"image_id": row["image_id"], "T2": row["T2"]} for row in rows["train"].select(range(60))]
        (folder / "drafts.jsonl").write_text("\n".join(map(json.dumps, lines)))
        store = str(folder / "annotations.db")
        steeldefectx("import-annotations", folder / "drafts.jsonl", "--store", store, "--config", "sample")
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        serving = subprocess.Popen([COMMAND, "review", "--store", store, "--port", str(port)])
        try:
            with sync_playwright() as browsers:
                browser = browsers.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
                page = browser.new_page(viewport={"width": width, "height": height})
                for _ in range(120):
                    with contextlib.suppress(Exception):  # until it serves
                        page.goto(f"http://127.0.0.1:{port}/")
                        break
                    time.sleep(0.5)
                page.fill("[name=name]", "anna")
                page.click("button")
                page.wait_for_selector(".candidate")
                page.wait_for_timeout(1500)
                page.screenshot(path=file)
                browser.close()
        finally:
            serving.terminate()
            serving.wait()
    quantize(file)


def steeldefectx(*words: object) -> None:
    """Run a command."""
    subprocess.run([COMMAND, *map(str, words)], check=True)


def few_shot(file: Path) -> None:
    """Accuracy over shots on real images, from the committed result lines."""
    import matplotlib.pyplot as plt

    lines = [json.loads(line) for line in (RESULTS / "real-images.jsonl").read_text().splitlines()]
    found: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for line in lines:
        if line["status"] == "done" and line["task"] == "task3" and line["shots"]:
            found[line["method"]][line["shots"]].append(100 * line["accuracy"])
    figure, axis = plt.subplots(figsize=(8, 4.4))
    colours = plt.get_cmap("tab20").colors
    order = sorted(found, key=lambda method: -np.mean(found[method][max(found[method])]))
    for number, method in enumerate(order):
        shots = sorted(found[method])
        means = [np.mean(found[method][n]) for n in shots]
        axis.plot(shots, means, marker="o", markersize=3.5, color=colours[2 * number % 20 + number // 10], label=method)
    axis.set_xscale("log", base=2)
    axis.set_xticks([1, 2, 4, 8, 16], ["1", "2", "4", "8", "16"])
    axis.set_xlabel("images of each class")
    axis.set_ylabel("Acc %, mean over seeds")
    axis.grid(alpha=0.3)
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    save(figure, file)


def forms(file: Path) -> None:
    """Forms (columns) on surfaces (rows), drawn from attributes."""
    import matplotlib.pyplot as plt

    from steeldefectx.language.appearance import Appearance
    from steeldefectx.render.composed.scene import Plan, picture

    shown = ("line", "branching crack", "net", "groove", "pit", "ring", "blister", "comet", "stain", "island", "flake",
             "ripples", "pores", "missing edge")  # fmt: skip
    surfaces = ("hot-rolled", "galvanized", "ground", "turned", "cast", "extruded", "painted", "weld", "tube", "woven")
    figure, axes = plt.subplots(len(surfaces), len(shown), figsize=(11.2, 8.3))
    for row, surface in enumerate(surfaces):
        for column, form in enumerate(shown):
            axis = axes[row, column]
            tone, relief = (("dark", "sunk"), ("bright", "raised"), ("dark", "flat"))[(row + column) % 3]
            size, strength = ("large", "medium")[column % 2], ("medium", "strong")[row % 2]
            look = Appearance(form, tone, relief, size=size, strength=strength, direction="falling")
            axis.imshow(picture(Plan(96, 100 * row + column, surface, look)).image, cmap="gray", vmin=0, vmax=255)
            axis.set(xticks=[], yticks=[])
            if row == 0:
                axis.set_title(wrapped(form) if len(form) > 10 else form, fontsize=7)
            if column == 0:
                axis.set_ylabel(surface, fontsize=7)
    save(figure, file, dpi=75, colours=36)


def lexicon(file: Path) -> None:
    """Entries of the lexicon, each with a text of its scene."""
    import matplotlib.pyplot as plt

    from steeldefectx.language.lexicon.reading import CLASSES, lexicon
    from steeldefectx.language.scene_texts import describe
    from steeldefectx.render.composed.compose import compose

    names = [name for name, entry in lexicon().items() if entry.process != CLASSES]
    names = [names[int(at)] for at in np.linspace(0, len(names) - 1, 24)]
    figure, axes = plt.subplots(4, 6, figsize=(11, 9.4))
    for number, (axis, name) in enumerate(zip(axes.flat, names, strict=True)):
        for seed in range(100):
            rng = np.random.default_rng([number, seed])
            scene = compose(rng, name=name)
            if scene.facts.get("contrast", "low") != "low":  # well seen
                break
        axis.imshow(scene.image, cmap="gray", vmin=0, vmax=255)
        axis.set_title(name, fontsize=8)
        axis.axis("off")
        text = textwrap.fill(describe(scene.facts, rng, ("looks", "short", "description")[number % 3]).text, 34)
        axis.text(
            0.5, -0.03, "\n".join(text.splitlines()[:6]), transform=axis.transAxes, ha="center", va="top", fontsize=6
        )
    save(figure, file, dpi=75, colours=36)


def redrawn(file: Path) -> None:
    """Scenes, and the same ones with one attribute changed, with a text that is true and the swapped one."""
    import matplotlib.pyplot as plt

    from steeldefectx.language.scene_texts import describe, swapped
    from steeldefectx.render.composed.compose import compose, redraw

    shown = ("tone", "number", "location", "direction", "scale", "relief", "surface", "kind")
    figure, axes = plt.subplots(2, len(shown), figsize=(13, 4.9))
    for column, attribute in zip(axes.T, shown, strict=True):
        for seed in range(1000):
            rng = np.random.default_rng([7, shown.index(attribute), seed])
            scene = compose(rng)
            text = describe(scene.facts, rng, "short")
            false = swapped(text, attribute, rng)
            other = redraw(scene, attribute, rng) if false and scene.facts.get("contrast") == "high" else None
            if false and other:
                break
        for axis, drawn, words in zip(column, (scene, other), (text, false), strict=True):
            axis.imshow(drawn.image, cmap="gray", vmin=0, vmax=255)
            axis.axis("off")
            axis.text(
                0.5, -0.03, textwrap.fill(words.text, 26), transform=axis.transAxes, ha="center", va="top", fontsize=6.5
            )
        column[0].set_title(attribute, fontsize=8)
    save(figure, file, dpi=75, colours=36)


def save(figure: Figure, file: Path, dpi: int = 110, colours: int = 128) -> None:
    """Write a figure with few colours, which is small: the noise of steel does not compress."""
    import matplotlib.pyplot as plt

    figure.tight_layout()
    figure.savefig(file, dpi=dpi, facecolor="white")
    plt.close(figure)
    quantize(file, colours)


def quantize(file: Path, colours: int = 128) -> None:
    """Write a PNG again with few colours."""
    from PIL import Image

    with Image.open(file) as picture:
        few = picture.convert("RGB").quantize(colours, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
        if len(set(np.asarray(picture.convert("RGB")).std(axis=2).ravel() > 0)) == 1:  # grey throughout
            few = picture.convert("L").quantize(colours, Image.Quantize.MEDIANCUT)
    few.save(file, optimize=True)


PICTURES = {
    "sample": sample, "first-look": first_look, "few-shot": few_shot, "desk": desk, "desk-phone": desk_phone,
    "forms": forms, "lexicon": lexicon, "redrawn": redrawn,
}  # fmt: skip

if __name__ == "__main__":
    main()
