"""What an answer says: one run on a real endpoint, in which each image gets another kind of answer."""

import json
import sqlite3

import pytest
from typer.testing import CliRunner

from steeldefectx.annotate.pipeline import class_descriptions
from steeldefectx.annotate.pipeline import run as pipeline_run
from steeldefectx.cli.app import app
from tests.annotate.pipeline.endpoint_runs import KEY, StandIn, annotate, descriptions, failures, make_images, store_of
from tests.endpoints import DESCRIPTIONS, GOOD, USELESS, chat
from tests.openai_server import OpenAIServer

NAMES = [*DESCRIPTIONS, *USELESS]


@pytest.fixture(scope="module")
def answered(tmp_path_factory):
    """The folder of a run, its server, and what it printed."""
    folder = tmp_path_factory.mktemp("answers")
    digests = make_images(folder / "images", len(NAMES))
    bodies = [body for body, _ in (DESCRIPTIONS | USELESS).values()]
    body_of = dict(zip(digests, bodies, strict=True))
    with pytest.MonkeyPatch.context() as patch, OpenAIServer() as server:
        patch.setenv("OPENAI_API_KEY", KEY)
        patch.setattr(pipeline_run, "SentenceModel", StandIn)
        server.answer = lambda request: (200, {}, several(body_of[request.image], request))
        yield folder, server, annotate(folder, server.url)


def several(body, request):
    """The same choice as often as is asked for; of a supplement none is of use."""
    if request.step == "supplement":
        return chat("{}")
    return body | {"choices": body["choices"] * request.body.get("n", 1)}


@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_the_description_in_an_answer_is_stored(answered, name):
    folder, _, done = answered
    number = NAMES.index(name)
    assert descriptions(folder).get(number) == DESCRIPTIONS[name][1], (failures(folder).get(number), done.output)


@pytest.mark.parametrize("name", USELESS)
def test_a_useless_answer_is_listed_with_its_reason(answered, name):
    folder, _, done = answered
    number = NAMES.index(name)
    reason = failures(folder).get(number)
    assert reason is not None, descriptions(folder).get(number)
    assert reason.startswith(USELESS[name][1])
    assert f"scratch/{number:03d}: {reason}" in done.stderr


def test_answers_stay_as_they_came_and_their_cost_is_estimated_where_it_is_not_said(answered):
    folder, _, done = answered
    assert done.exit_code == 1
    number = NAMES.index("think")
    (answer,) = store_of(folder).answers("candidates", image_id=f"class-folders/scratch/{number:03d}")
    assert answer.choices[0]["text"] == DESCRIPTIONS["think"][0]["choices"][0]["message"]["content"]
    for name in ("usage with nulls", "usage in words", "usage is a list"):
        (answer,) = store_of(folder).answers("candidates", image_id=f"class-folders/scratch/{NAMES.index(name):03d}")
        assert answer.tokens_in > 100
        assert answer.tokens_out == (1000 if name == "usage in words" else 4 * 80)


def test_what_is_known_to_be_useless_is_asked_again_only_when_told_to(answered):
    folder, server, _ = answered
    before = len(server.log)
    again = annotate(folder, server.url)
    assert (again.exit_code, len(server.log)) == (1, before)
    assert {failure.attempts for failure in store_of(folder).failures()} == {1}
    changed = annotate(folder, server.url, "--no-thinking")
    assert changed.exit_code == 2, "none of them gets better"
    assert "in a row are of no use" in changed.stderr
    asked = {request.image for request in server.log[before:]}
    assert 5 <= len(asked) <= 5 + 16
    assert len(asked) == len(server.log) - before, "each of them once"


def test_a_store_that_an_older_version_poisoned_works_again(tmp_path, monkeypatch):
    """Half an emoji in a stored answer was a traceback at each start."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setattr(pipeline_run, "SentenceModel", StandIn)
    make_images(tmp_path / "images", 1)
    with OpenAIServer() as server:
        assert annotate(tmp_path, server.url).exit_code == 0
        with sqlite3.connect(tmp_path / "a.db") as database:
            database.execute("DELETE FROM candidates")
            text = r"A small, shallow, dark line lies in the centre. \ud83d"
            choice = f'{{"text": "{text}", "finish_reason": "stop", "refusal": null}}'
            database.execute("UPDATE answers SET choices = ?", (f"[{', '.join([choice] * 4)}]",))
        before = len(server.log)
        again = annotate(tmp_path, server.url)
        assert again.exit_code == 0, again.output
        assert {request.step for request in server.log[before:]} <= {"supplement"}
    assert descriptions(tmp_path)[0].startswith("A small, shallow, dark line lies in the centre. \ufffd")


@pytest.fixture
def alone(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setattr(pipeline_run, "SentenceModel", StandIn)
    monkeypatch.setattr(class_descriptions, "SentenceModel", StandIn)
    with OpenAIServer() as server:
        yield server


TALK = "A large, long scratch, as you can see, lies in the centre; it is shallow and bright."


def test_talk_that_is_not_cut_is_ranked_last_and_flagged_for_review(tmp_path, alone):
    make_images(tmp_path / "images", 1)
    alone.answer = lambda request: (200, {}, chat(TALK, "A dark pit.", "Two wavy bands!", "Rust."))
    assert annotate(tmp_path, alone.url, "--extra-body", '{"stop": null}').exit_code == 0
    store = store_of(tmp_path)
    (image,) = store.images()
    candidates = store.candidates(image.image_id)
    kept = [candidate.text for candidate in candidates if candidate.kept]
    assert TALK in kept
    assert kept[-1] == TALK, "although it states all five"
    (flagged,) = (candidate for candidate in candidates if candidate.text == TALK)
    (claim,) = store.claims(flagged.id)
    assert (claim.kind, claim.claimed, TALK[claim.start : claim.end]) == ("wording", "you", "you")
    assert flagged.risk >= 0.5


def test_a_store_in_which_thoughts_were_chosen_is_mended_from_its_answers(tmp_path, alone):
    make_images(tmp_path / "images", 3)
    alone.answer = lambda request: (200, {}, several(DESCRIPTIONS["think"][0], request))
    assert annotate(tmp_path, alone.url).exit_code == 0
    raw = DESCRIPTIONS["think"][0]["choices"][0]["message"]["content"]
    store = store_of(tmp_path)
    with sqlite3.connect(tmp_path / "a.db") as database:  # as version 0.1 has left it
        database.execute("UPDATE candidates SET text = ?", (" ".join(raw.split()),))
        cut = chat(f"<think>{raw[9:60]}")["choices"][0]["message"]["content"]
        choices = f"[{', '.join([json.dumps({'text': cut, 'finish_reason': 'length', 'refusal': None})] * 4)}]"
        database.execute("UPDATE answers SET choices = ? WHERE image_id LIKE '%001'", (choices,))
    store.save_draft("class-folders/scratch/002", "Ann", "What Ann types.")
    before = len(alone.log)
    again = annotate(tmp_path, alone.url)
    assert len(alone.log) == before, "nothing is asked, or paid for, twice"
    assert again.exit_code == 1
    assert descriptions(tmp_path)[0] == GOOD
    assert failures(tmp_path)[1].startswith("the model thinks; its thought took all 80 tokens")
    assert "<think>" in descriptions(tmp_path)[2], "what is under review is not taken away"


def test_class_descriptions_have_no_thoughts(tmp_path, alone):
    def answer(request):
        phrase = "uneven cooling" if request.step == "class-cause" else "a fine, dark network"
        texts = [f"<think>\nThe user wants causes.\n</think>\n{phrase}", f"{phrase}, <|im_end|>", "I'm sorry, no."]
        return 200, {}, chat(*(texts * 3)[: request.body.get("n", 1)])

    alone.answer = answer
    words = [
        "describe-classes",
        "--out",
        str(tmp_path / "t1.yaml"),
        "--store",
        str(tmp_path / "t1.db"),
        "--model",
        "vlm",
    ]
    (tmp_path / "images" / "Crazing").mkdir(parents=True)
    make_images(tmp_path / "images", 1)
    words += ["--model", "vlm", "--base-url", alone.url, "--data-dir", str(tmp_path / "images")]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    text = (tmp_path / "t1.yaml").read_text()
    assert "a fine, dark network" in text
    assert "uneven cooling" in text
    assert not any(word in text for word in ("think", "user", "im_end", "sorry"))
