"""The texts of a model's answers."""

import pytest

from steeldefectx.annotate.pipeline.responses import supplement_text


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ('{"shape": "It is round.", "size": "It is small"}', "It is round. It is small."),
        ('Sure!\n```json\n{"contrast": "It is dark.", "shape": "A line."}\n```', "A line. It is dark."),
        ('{"shape": "Not visible.", "depth": "not visible", "size": "Tiny!"}', "Tiny!"),
        ('{"shape": null, "size": ["small"], "depth": "", "location": 3}', None),
        ('{"form": "round"}', None),
        ('{"shape": "It is rou', None),
        ("[1, 2]", None),
        ("[" * 100_000, None),
        ("", None),
    ],
)
def test_the_supplements_answers_become_one_text(answer, text):
    assert supplement_text(answer) == text
