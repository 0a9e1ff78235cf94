"""A description taken out of an answer: what is wrapped comes out as it was, and what is none stays as it is."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steeldefectx.annotate.pipeline.answer_text import clean_answer, leftovers, parse_choice
from steeldefectx.annotate.pipeline.prompts import STEPS, prompt_texts
from steeldefectx.annotate.pipeline.responses import supplement_text
from steeldefectx.annotate.pipeline.useless_answers import useless_reason
from steeldefectx.language.descriptions import write_texts
from steeldefectx.render.sample import sample_row
from steeldefectx.taxonomy import CLASS_NAMES, t0_sentence, t1_sentence

PROMPTS = " ".join(map(prompt_texts, STEPS))


@pytest.fixture(scope="module")
def descriptions():
    """The project's own texts: of rendered images, of classes, and as many as are written at random."""
    rows = [sample_row(index, 60, 32, 0) for index in range(60)]
    texts = {row[level] for row in rows for level in ("T1", "T2", "T3", "template") if row.get(level)}
    rng = np.random.default_rng(0)
    for row in rows:
        for _ in range(5):
            written = write_texts(row["label"], row["attributes"], "deep", rng)
            texts |= {written.t2, written.t3}
    texts |= {sentence(name) for name in CLASS_NAMES for sentence in (t0_sentence, t1_sentence) if sentence(name)}
    return sorted(texts)


def test_descriptions_pass_unchanged_and_none_is_called_useless_or_doubtful(descriptions):
    assert len(descriptions) > 200
    assert [text for text in descriptions if clean_answer(text).text != text] == []
    assert [text for text in descriptions if clean_answer(text).doubtful or leftovers(text)] == []
    assert [text for text in descriptions if useless_reason(text, PROMPTS)] == []


WRAPPERS = [
    "Sure! Here is a description of the defect:\n\n{}\n\nLet me know if you need anything else!",
    "Certainly! Here's the description you asked for:\n{} Feel free to ask for more.",
    "<think>\nWhat is it?\n</think>\n\n{}",
    "It may be a scratch.\n</think>{}",
    "```text\n{}\n```",
    "**Description:** {}",
    "### Description\n{}<|im_end|>",
    "{}<|eot_id|><|start_header_id|>user<|end_header_id|>More!",
    "Answer: {} I hope this helps!",
    "Of course. {} Please let me know if you want another one.",
    "- {}",
    '"{}"',
    '{{"description": "{}"}}',
]


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_what_is_wrapped_comes_out_as_it_was(descriptions, wrapper):
    whole = [text for text in descriptions if text.endswith(".")][:100]
    assert len(whole) == 100
    cleaned = [clean_answer(wrapper.format(text)) for text in whole]
    assert [done.text for done in cleaned] == whole
    assert not any(done.doubtful for done in cleaned)


VOCABULARY = "a dark bright line spot scratch runs across the left edge of steel deep shallow thin"
WORDS = st.sampled_from(VOCABULARY.split(" "))
SENTENCES = st.lists(WORDS, min_size=4, max_size=12).map(lambda words: f"{' '.join(words).capitalize()}.")


@settings(max_examples=200, deadline=None)
@given(st.lists(SENTENCES, min_size=1, max_size=4).map(" ".join))
def test_sentences_of_a_description_are_never_cut(text):
    assert clean_answer(text).text == text


SIGNS = '<think></think>[THINK]◁▷|channel>final message\n*#-`{}[]":. aé\ud83d\x00'


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from(SIGNS), max_size=80))
def test_nothing_that_comes_is_an_error_and_what_is_cleaned_is_clean(text):
    from steeldefectx.utils.surrogates import replace_surrogates

    once = clean_answer(replace_surrogates(text)).text
    once.encode()
    assert "\n" not in once
    assert "</think>" not in once
    supplement_text(text)


@settings(max_examples=200, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["message", "content", "text", "type", "finish_reason", "error"]), inner)
        ),
        max_leaves=12,
    )
)
def test_choices_of_any_shape_are_read(value):
    parsed = parse_choice(value if isinstance(value, dict) else {"message": value})
    assert isinstance(parsed["text"], str | None)
    assert isinstance(parsed["finish_reason"], str | None)


@pytest.mark.parametrize(
    "text",
    [
        "I think you can see a scratch in the centre.",
        "A scratch, see https://example.com for more.",
        "| shape | line |\n| size | large |",
        "A scratch **in the centre.",
        "The scratch lies {place}.",
    ],
)
def test_talk_that_no_rule_cuts_makes_a_text_doubtful(text):
    done = clean_answer(text)
    assert done.doubtful
    assert leftovers(done.text)


def test_what_looks_like_talk_and_is_a_description_stays():
    for text in (
        "The picture shows a long scratch.",
        "Here a long, thin scratch crosses the surface: it is bright.",
        "Sure signs of wear are visible.",
        "A crack of 2 mm - shallow, dark - lies in the lower left.",
        "Okay areas surround a dark pit.",
        "Unfortunate scratches cross the steel.",
        "The answer of the steel to pressure is a dent.",
        "1 large pit and 2 small ones lie in the centre.",
        "A scratch* with bright_edges_ lies in the centre.",
    ):
        assert clean_answer(text).text == text
        assert useless_reason(text, PROMPTS) is None


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ('{"shape": "It is round.", "size": "It is sm', "It is round."),
        ('<think>{"shape": "No."}</think>{"Shape": "A line.", "Size": "It is large."}', "A line. It is large."),
        ('{"answers": {"shape": "A line."}}', "A line."),
        ('[{"shape": "A line."}]', "A line."),
        (
            "**Shape:** A line.\n- size: It is large.\n3. Depth: not visible\nLocation: In the centre.",
            "A line. It is large. In the centre.",
        ),
        ("shape: A line.\nsize: It is large.\ncontrast: It is dark.", "A line. It is large. It is dark."),
        (
            "It is a long line, which is large, dark and shallow.",
            "It is a long line, which is large, dark and shallow.",
        ),
        ("I would rather not answer in JSON, if you do not mind that at all.", None),
        ("It is a line.", None),
    ],
)
def test_a_supplement_is_read_in_whatever_form_it_comes(answer, text):
    assert supplement_text(answer) == text
