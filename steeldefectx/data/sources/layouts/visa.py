"""VisA (Zou et al. 2022): objects with normal and anomalous images, and a table of their defects.

candle/Data/Images/Anomaly/000.JPG
candle/Data/Masks/Anomaly/000.png      its levels are numbers: all above 0 is the defect
candle/image_anno.csv                  image,label,mask: the defects' names; split_csv/1cls.csv: a split
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from steeldefectx.data.sources.layouts.layout import BY_NAMES, SOUND, SOURCE, Layout, sample_id
from steeldefectx.data.sources.layouts.listed_images import ImageIndex
from steeldefectx.data.sources.layouts.soundness import DEFECT
from steeldefectx.data.sources.list_tables import read_table
from steeldefectx.data.sources.listing import PART, Problem, Sample
from steeldefectx.data.sources.tree import Tree

FOLDERS = {"normal": SOUND, "anomaly": DEFECT}
DEFECTS = "image_anno.csv"
SPLITS = ("2cls_highshot.csv", "1cls.csv", "2cls_fewshot.csv")
"""Tables of splits, the one that a classifier can learn most from first."""


def _objects(tree: Tree) -> dict[Path, str]:
    """Image in ``<object>/Data/Images/Normal`` or ``Anomaly`` -> its object's folder, from the root on."""
    found: dict[Path, str] = {}
    for folder, files in tree.folders.items():
        parts = tree.relative(folder).parts
        if [part.lower() for part in parts[-3:-1]] == ["data", "images"] and parts[-1].lower() in FOLDERS:
            found |= dict.fromkeys(files, "/".join(parts[:-3]))
    return found


def recognize(tree: Tree) -> str | None:
    """How many objects there are, and the tables."""
    objects = _objects(tree)
    if not objects:
        return None
    tables = [file.name for file in tree.texts if file.name == DEFECTS or file.name in SPLITS]
    return f"{len(set(objects.values()))} objects with Data/Images; {len(tables)} tables of defects and splits"


def read(tree: Tree) -> Iterator[Sample]:
    """A sample for each image, or for each of its defects where the table names several."""
    objects = _objects(tree)
    masks = {tree.relative(mask).with_suffix("").parts: mask for mask in tree.masks}
    tree.masks = [mask for mask in tree.masks if "Masks" not in tree.relative(mask).parts]
    index = ImageIndex(objects)
    tables = {file.name: file for file in tree.texts if file.name in SPLITS}
    chosen = next((tables[name] for name in SPLITS if name in tables), None)
    splits = _read_column(tree, chosen, "split", index) if chosen else {}
    defects: dict[Path, str] = {}
    for file in tree.texts:
        if file.name == DEFECTS:
            defects |= _read_column(tree, file, "label", index)
    several = 0
    for file in objects:
        path, sound = tree.relative(file), FOLDERS[file.parent.name.lower()] == SOUND
        named = [] if sound else [name.strip() for name in defects.get(file, "").split(",") if name.strip()]
        mask = None if sound else masks.get((*path.parts[:-3], "Masks", *path.with_suffix("").parts[-2:]))
        several += len(named) > 1
        for name in named or [SOUND if sound else DEFECT]:
            image_id = sample_id(tree, file) + (f"{PART}{name}" if len(named) > 1 else "")
            split = splits.get(file)
            yield Sample(file, name, SOURCE, image_id, file.name, mask if len(named) < 2 else None, split)
    if several:
        tree.notes.append(
            f"{several:,} images have several defects: each is a sample of each of them, without the mask, which does "
            "not tell them apart."
        )
    if chosen:
        tree.notes.append(f"The split is that of {chosen.parent.name}/{chosen.name}.")


def _read_column(tree: Tree, file: Path, heading: str, index: ImageIndex) -> dict[Path, str]:
    """Image -> its cell in a column of a table; what is not readable is added to the tree."""
    try:
        table = read_table(file)
        image, column = table[0].index("image"), table[0].index(heading)
    except (ValueError, IndexError) as error:
        tree.problems.append(Problem(file, f"no table with the columns image and {heading} ({error})"))
        return {}
    found = {}
    for row in table[1:]:
        images = index.find(row[image], file) if len(row) > max(image, column) else []
        if len(images) == 1:
            found[images[0]] = row[column]
    return found


VISA = Layout(
    "visa",
    "VisA",
    "candle/Data/Images/Anomaly/000.JPG\ncandle/Data/Masks/Anomaly/000.png\ncandle/image_anno.csv",
    recognize,
    read,
    beats=(*BY_NAMES, "list"),
)
