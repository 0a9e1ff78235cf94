"""The card of a data set: what is in it, whose images these are, and the YAML that ``load_dataset`` reads.

``python -m steeldefectx.data.card`` prints the card of the full data set, ``dataset_card.md``.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass

import datasets
from datasets.info import DatasetInfosDict
from datasets.utils.metadata import MetadataConfigs
from huggingface_hub import DatasetCardData

from steeldefectx.data import statistics
from steeldefectx.data.download import RELEASE
from steeldefectx.data.statistics import Statistics
from steeldefectx.taxonomy import GC10, NEU, S3D, X_SDD
from steeldefectx.utils.markdown import table

SHARDS = "data/{split}-*.parquet"


@dataclass(frozen=True)
class Source:
    """Where images come from, and under what terms."""

    what: str
    terms: str
    cite: str


SOURCES = {
    NEU: Source(
        "hot-rolled strip, 200×200 grey, six classes of 300 images",
        "no licence stated; its authors ask to be cited",
        "K. Song and Y. Yan, A noise robust method based on completed local binary patterns for hot-rolled steel "
        "strip surface defects, Applied Surface Science 285, 2013",
    ),
    GC10: Source(
        "steel sheet in production, 2048×1000 grey, ten classes",
        '"welcome to use, please cite"',
        "X. Lv et al., Deep metallic surface defect detection: the new benchmark and detection network, Sensors 20(6), "
        "2020",
    ),
    X_SDD: Source(
        "hot-rolled strip, 128×128, seven classes",
        "Apache-2.0",
        "X. Feng et al., X-SDD: a new benchmark for hot rolled steel strip surface defects detection, Symmetry 13(4), "
        "2021",
    ),
    S3D: Source("strip, five classes", "no licence stated", "as named in the SteelDefectX paper"),
    "release": Source(
        "images of classes that the public release merges from two of the sources above",
        "recorded as CC-BY-4.0, which does not change the terms of the sources' images",
        "SteelDefectX, arXiv 2603.21824",
    ),
    "synthetic": Source("synthetic, rendered by the package steeldefectx", "MIT", "the package steeldefectx"),
}
"""Source -> what is known of it."""
NEU_MASKS = (
    "Masks of NEU's inclusion, patches and scratches are those of SD-saliency-900 (G. Song, K. Song and Y. Yan, "
    "Saliency detection for strip steel surface defects using multiple constraints and improved texture "
    "features, Optics and Lasers in Engineering 128, 2020), unless they came with the public release."
)
OWN = Source("images of whoever built this data set", "not stated here: ask its owner", "its owner")

COLUMNS = {
    "image": "the image, the bytes of its file unchanged",
    "mask": "the defect's pixels, white on black; none where nobody has drawn one",
    "label": "the class, as a number",
    "source": "the data set that the image is from",
    "image_id": "a name that stays the same wherever the files lie",
    "T0": "class-name template",
    "T1": "class description: name, looks, cause",
    "T2": "description of this very image, as drafted",
    "T3": "the same, corrected by people",
    "attributes": "shape, direction, distribution, number, position, scale, polarity and saliency of the defect",
    "template": "a sentence made of the attributes",
}
"""Column -> its content."""

CITATION = """\
@misc{steeldefectx,
  title = {SteelDefectX},
  note = {arXiv:2603.21824},
  url = {https://arxiv.org/abs/2603.21824}
}"""


def dataset_card(
    found: Statistics, info: datasets.DatasetInfo, *, config: str = "default", plots: Mapping[str, str] | None = None
) -> str:
    """The README.md of a data set folder.

    Args:
        found: What the data set holds.
        info: Its features, and its splits where they are on disk.
        config: Config of the builder that it was made by.
        plots: File name in ``plots/`` -> what it shows.
    """
    return (
        "\n".join(
            [
                "---",
                _yaml(found, info, config).strip(),
                "---",
                "",
                *_head(found, config),
                *_picture("examples.png", plots),
                *_use(config),
                *_contents(found, plots),
                *_columns(found),
                *_attributes(found, plots),
                *_sources(found),
                *_limits(found, config),
                "## Citation",
                "",
                "Cite the sources above, and for the texts and the unified classes:",
                "",
                "```bibtex",
                CITATION,
                "```",
            ]
        )
        + "\n"
    )


def full_card() -> str:
    """The card of the full data set: 25 classes, as the public release holds them."""
    from steeldefectx.data.builder import SteelDefectX  # builder -> card would be a circle

    found = statistics.of_release()
    info = SteelDefectX(config_name="default").info.copy()
    info.splits = datasets.SplitDict()
    for name, count in found.splits().items():
        info.splits.add(datasets.SplitInfo(name, num_examples=count))
    return dataset_card(found, info)


def _yaml(found: Statistics, info: datasets.DatasetInfo, config: str) -> str:
    data = DatasetCardData(
        language="en",
        license="mit" if config == "sample" else "other",
        license_name=None if config == "sample" else "terms-of-each-source",
        pretty_name=_title(config),
        task_categories=["image-classification", "zero-shot-image-classification", "image-to-text"],
        tags=["steel", "surface-defects", "industrial-inspection", "vision-language"]
        + (["synthetic"] if config == "sample" else []),
        size_categories=_size_category(len(found)),
    )
    shown = datasets.DatasetInfo(features=info.features, splits=info.splits)
    shown.download_size, shown.dataset_size = info.download_size, info.dataset_size
    DatasetInfosDict({"default": shown}).to_dataset_card_data(data)
    for split in data["dataset_info"]["splits"]:
        if not split["num_bytes"]:  # not known, which 0 would not say
            del split["num_bytes"]
    files = [{"split": split, "path": SHARDS.format(split=split)} for split in found.splits()]
    MetadataConfigs({"default": {"data_files": files}}).to_dataset_card_data(data)
    return data.to_yaml()


def _size_category(count: int) -> str:
    """The Hub's word for a number of rows."""
    bounds = [(1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M")]
    return next((word for bound, word in bounds if count < bound), "1M<n<10M")


def _title(config: str) -> str:
    return {"default": "SteelDefectX", "sample": "SteelDefectX sample (synthetic)", "msd-cls": "MSD-Cls",
            "cgfsds-9": "CGFSDS-9"}.get(config, "Surface defects")  # fmt: skip


def _head(found: Statistics, config: str) -> list[str]:
    what = {
        "sample": "Synthetic images of steel-surface defects, rendered, with exact masks",
        "default": "Images of steel-surface defects",
    }.get(config, "Images of surface defects")
    count = f"{len(found):,} images of {len(found.class_names())} classes"
    return [f"# {_title(config)}", "", f"{what}, with texts from class name to description: {count}.", ""]


def _use(config: str) -> list[str]:
    release = f"[{RELEASE}](https://huggingface.co/datasets/{RELEASE})"
    made = {
        "default": f", from the public release ({release}) or from copies of the data sets below",
        "sample": ", without any photograph",
    }
    return [
        "```python",
        "from datasets import load_dataset",
        "",
        'rows = load_dataset("FOLDER OR REPO", split="train")  # streaming=True reads without downloading all',
        'print(rows.features["label"].int2str(rows[0]["label"]), rows[0]["T1"])',
        "```",
        "",
        "Nothing else needs to be installed. Written by `steeldefectx build`" + made.get(config, "") + ".",
        "",
    ]


def _contents(found: Statistics, plots: Mapping[str, str] | None) -> list[str]:
    splits = list(found.splits())
    rows = []
    for name in found.class_names():
        counts = [found.classes[name, split] for split in splits]
        sources = [f"{source} {n:,}" for (c, source), n in sorted(found.sources.items()) if c == name]
        rows.append([name, *map(_number, counts), _number(sum(counts)), _number(found.masks[name]), ", ".join(sources)])
    total = [_number(n) for n in found.splits().values()]
    rows.append(["**all**", *total, _number(len(found)), _number(sum(found.masks.values())), ""])
    sizes = ", ".join(f"{w}×{h} ({_number(n)})" for (w, h), n in found.sizes.most_common(5))
    more = f" and {len(found.sizes) - 5:,} other sizes" if len(found.sizes) > 5 else ""
    return [
        "## Classes",
        "",
        *_picture("classes.png", plots),
        *table(["class", *splits, "images", "with mask", "sources"], rows, right=range(1, len(splits) + 3)),
        "",
        f"Image sizes in pixels: {sizes}{more}.",
        "",
        *_picture("sizes.png", plots),
    ]


def _columns(found: Statistics) -> list[str]:
    having = {level: _number(count) for level, count in found.texts.items() if count < len(found)}
    having |= {level: "no" for level in ("T0", "T1", "T2", "T3") if not found.texts[level]}
    rows = [[f"`{name}`", text + (f" ({having[name]} images have one)" if name in having else "")]
            for name, text in COLUMNS.items()]  # fmt: skip
    return ["## Columns", "", *table(["column", "content"], rows), ""]


def _attributes(found: Statistics, plots: Mapping[str, str] | None) -> list[str]:
    if not found.cells:
        return []
    number = f"{sum(found.attributes['scale'].values()):,}"
    return [
        "## Attributes",
        "",
        f"{number} images have a mask, or come with attributes. Scale, polarity, saliency, number and position are "
        "counted from the mask; shape, direction and distribution follow from its geometry.",
        "",
        *_picture("attributes.png", plots),
    ]


def _sources(found: Statistics) -> list[str]:
    counts = dict.fromkeys(SOURCES, 0) | {source: 0 for _, source in found.sources}
    for (_, source), n in found.sources.items():
        counts[source] += n
    rows = []
    for name, n in counts.items():
        if n:
            known = SOURCES.get(name, OWN)
            rows.append([name, _number(n), known.what, known.terms, known.cite])
    masks = any(source == NEU and found.masks[name] for name, source in found.sources)
    return [
        "## Sources and their terms",
        "",
        "Each image stays under the terms of the data set that it is from.",
        "",
        *table(["source", "images", "what", "terms", "cite"], rows, right=[1]),
        "",
        *([NEU_MASKS, ""] if masks else []),
    ]


def _limits(found: Statistics, config: str) -> list[str]:
    lines = [
        "The split is 7:3 class by class, the larger part rounded up. There is no validation split: hold one out "
        "of `train` to choose anything.",
        "A few images of the sources nearly equal each other, also across the split; `steeldefectx audit` lists them.",
        "Every training text of T0 and T1 contains the class name.",
    ]
    if any(source == GC10 for _, source in found.sources):
        lines.append(
            "A GC10-DET image with defects of several classes is a sample of each of them: such samples show the same "
            "sheet, and may fall on both sides of the split."
        )
    if config == "sample":
        lines[1] = "Rendered images are not photographs: accuracy on them says nothing about a plant's images."
    elif config != "default":
        lines[1] = lines[1].replace("of the sources nearly", "may nearly")
    return ["## What to know", "", *(f"- {line}" for line in lines), ""]


def _picture(name: str, plots: Mapping[str, str] | None) -> list[str]:
    return [f"![{plots[name]}](plots/{name})", ""] if plots and name in plots else []


def _number(count: int) -> str:
    return f"{count:,}"


if __name__ == "__main__":
    sys.stdout.write(full_card())
