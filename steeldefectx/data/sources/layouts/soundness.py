"""Words that data sets have for a surface without a defect, and for one with a defect that they do not name."""

from __future__ import annotations

import re

from steeldefectx.data.sources.layouts.layout import SOUND

DEFECT = "defect"
"""The class of an image with a defect that its data set does not name."""
_SOUND = frozenset([
    "good", "ok", "okay", "normal", "free", "sound", "clean", "healthy", "nodefect", "nodefects", "defectfree",
    "defectsfree", "withoutdefect", "nondefective", "nondefect", "undamaged", "goods", "pass", "passed", "regular",
    "正常", "合格", "良品", "无缺陷",
])  # fmt: skip
_DEFECT = frozenset([
    "anomaly", "anomalies", "anomalous", "abnormal", "bad", "ko", "ng", "nok", "notok", "defect", "defects",
    "defective", "fail", "failed", "reject",
])  # fmt: skip


def is_sound(name: str) -> bool:
    """Whether the name of a class or folder says that nothing is wrong: ``good``, ``no_defect``, ``MT_Free``."""
    return _plain(name) in _SOUND


def soundness(name: str) -> str:
    """A folder's name as a class: ``sound`` or ``defect`` where it says no more, else the name."""
    if is_sound(name):
        return SOUND
    return DEFECT if _plain(name) in _DEFECT else name


def _plain(name: str) -> str:
    return re.sub(r"[\W_]", "", name.casefold().removeprefix("mt_"))
