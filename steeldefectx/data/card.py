"""The card of a data set: what is in it, whose images these are, and the YAML that ``load_dataset`` reads.

Its words are in ``dataset_card.md`` beside this file, a Jinja template; here are the figures and tables that fill it.
``python -m steeldefectx.data.card`` prints the card of the full data set, ``dataset_card.md``.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import datasets
from datasets.info import DatasetInfosDict
from datasets.utils.metadata import MetadataConfigs
from huggingface_hub import DatasetCard, DatasetCardData

from steeldefectx.data.dataset_statistics import Statistics, of_release
from steeldefectx.data.download import RELEASE
from steeldefectx.taxonomy import GC10, NEU, S3D, TEXT_LEVELS, X_SDD
from steeldefectx.utils.markdown import table

TEMPLATE = Path(__file__).with_name("dataset_card.md")
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
UNKNOWN_SOURCE = Source("images of whoever built this data set", "not stated here: ask its owner", "its owner")

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

TITLES = {
    "default": "SteelDefectX",
    "sample": "SteelDefectX sample (synthetic)",
    "msd-cls": "MSD-Cls",
    "cgfsds-9": "CGFSDS-9",
}
"""Config -> heading of its card."""
OTHER_TITLE = "Surface defects"
SUBJECTS = {
    "sample": "Synthetic images of steel-surface defects, rendered, with exact masks",
    "default": "Images of steel-surface defects",
}
"""Config -> what its images are."""
OTHER_SUBJECT = "Images of surface defects"
SIZE_CATEGORIES = {1_000: "n<1K", 10_000: "1K<n<10K", 100_000: "10K<n<100K", 1_000_000: "100K<n<1M"}
"""Number of rows that is above -> the Hub's word for it."""
SHOWN_SIZES = 5

CITATION = """\
@misc{steeldefectx,
  title = {SteelDefectX},
  note = {arXiv:2603.21824},
  url = {https://arxiv.org/abs/2603.21824}
}"""


def dataset_card(
    statistics: Statistics,
    info: datasets.DatasetInfo,
    *,
    config: str = "default",
    plots: Mapping[str, str] | None = None,
) -> str:
    """The README.md of a data set folder.

    Args:
        statistics: What the data set holds.
        info: Its features, and its splits where they are on disk.
        config: Config of the builder that it was made by.
        plots: File name in ``plots/`` -> what it shows.
    """
    card = DatasetCard.from_template(
        _card_data(statistics, info, config),
        template_path=str(TEMPLATE),
        config=config,
        title=TITLES.get(config, OTHER_TITLE),
        what=SUBJECTS.get(config, OTHER_SUBJECT),
        images=f"{len(statistics):,}",
        classes=len(statistics.class_names()),
        plots=plots or {},
        release=RELEASE,
        class_table=_class_table(statistics),
        sizes=_sizes(statistics),
        column_table=_column_table(statistics),
        with_attributes=f"{sum(statistics.attributes['scale'].values()):,}" if statistics.cells else None,
        source_table=_source_table(statistics),
        neu_masks=any(source == NEU and statistics.masks[name] for name, source in statistics.sources),
        gc10=any(source == GC10 for _, source in statistics.sources),
        photographs_kept=bool(statistics.photographs)
        and all(len(splits) == 1 for splits in statistics.photographs.values()),
        citation=CITATION,
    )
    return f"{card}\n"


def full_card() -> str:
    """The card of the full data set: 25 classes, as the public release holds them."""
    from steeldefectx.data.builder import SteelDefectX  # builder -> card would be a circle

    statistics = of_release()
    info = SteelDefectX(config_name="default").info.copy()
    info.splits = datasets.SplitDict()
    for name, count in statistics.splits().items():
        info.splits.add(datasets.SplitInfo(name, num_examples=count))
    return dataset_card(statistics, info)


def _card_data(statistics: Statistics, info: datasets.DatasetInfo, config: str) -> DatasetCardData:
    """The card's YAML header."""
    synthetic, rows = config == "sample", len(statistics)
    data = DatasetCardData(
        language="en",
        license="mit" if synthetic else "other",
        license_name=None if synthetic else "terms-of-each-source",
        pretty_name=TITLES.get(config, OTHER_TITLE),
        task_categories=["image-classification", "zero-shot-image-classification", "image-to-text"],
        tags=["steel", "surface-defects", "industrial-inspection", "vision-language"]
        + (["synthetic"] if synthetic else []),
        size_categories=next((word for bound, word in SIZE_CATEGORIES.items() if rows < bound), "1M<n<10M"),
    )
    shown = datasets.DatasetInfo(features=info.features, splits=info.splits)
    shown.download_size, shown.dataset_size = info.download_size, info.dataset_size
    DatasetInfosDict({"default": shown}).to_dataset_card_data(data)
    for split in data["dataset_info"]["splits"]:
        if not split["num_bytes"]:  # not known, which 0 would not say
            del split["num_bytes"]
    files = [{"split": split, "path": SHARDS.format(split=split)} for split in statistics.splits()]
    MetadataConfigs({"default": {"data_files": files}}).to_dataset_card_data(data)
    return data


def _class_table(statistics: Statistics) -> str:
    splits = list(statistics.splits())
    rows = []
    for name in statistics.class_names():
        counts = [statistics.classes[name, split] for split in splits]
        sources = [f"{source} {count:,}" for (c, source), count in sorted(statistics.sources.items()) if c == name]
        numbers = [*counts, sum(counts), statistics.masks[name]]
        rows.append([name, *(f"{number:,}" for number in numbers), ", ".join(sources)])
    totals = [*statistics.splits().values(), len(statistics), sum(statistics.masks.values())]
    rows.append(["**all**", *(f"{total:,}" for total in totals), ""])
    head = ["class", *splits, "images", "with mask", "sources"]
    return "\n".join(table(head, rows, right=range(1, len(splits) + 3)))


def _sizes(statistics: Statistics) -> str:
    sizes = [f"{width}×{height} ({count:,})" for (width, height), count in statistics.sizes.most_common(SHOWN_SIZES)]
    other = len(statistics.sizes) - len(sizes)
    return ", ".join(sizes) + (f" and {other:,} other sizes" if other else "")


def _column_table(statistics: Statistics) -> str:
    remarks = {level: f"{count:,}" for level, count in statistics.texts.items() if count < len(statistics)}
    remarks |= {level: "no" for level in TEXT_LEVELS if not statistics.texts[level]}
    rows = []
    for name, content in COLUMNS.items():
        remark = f" ({remarks[name]} images have one)" if name in remarks else ""
        rows.append([f"`{name}`", content + remark])
    return "\n".join(table(["column", "content"], rows))


def _source_table(statistics: Statistics) -> str:
    counts = dict.fromkeys(SOURCES, 0) | {source: 0 for _, source in statistics.sources}
    for (_, source), count in statistics.sources.items():
        counts[source] += count
    rows = []
    for name, count in counts.items():
        if count:
            known = SOURCES.get(name, UNKNOWN_SOURCE)
            rows.append([name, f"{count:,}", known.what, known.terms, known.cite])
    return "\n".join(table(["source", "images", "what", "terms", "cite"], rows, right=[1]))


if __name__ == "__main__":
    sys.stdout.write(full_card())
