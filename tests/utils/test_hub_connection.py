"""A Hub that does not answer, and names that no Hub has, are told in seconds."""

import time

import pytest
from huggingface_hub import constants

from steeldefectx.annotate.pipeline.selection import check_sentence_model
from steeldefectx.errors import ModelError
from steeldefectx.models.checkpoint import load_checkpoint
from steeldefectx.models.names import refuse_misspelt
from steeldefectx.utils.hub_connection import hub_answers


@pytest.fixture
def silent(monkeypatch):
    """A Hub at an address where nobody is, and libraries that are not told so."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    hub_answers.cache_clear()
    yield
    hub_answers.cache_clear()


def test_a_checkpoint_of_a_hub_that_is_not_there(silent):
    started = time.monotonic()
    with pytest.raises(ModelError, match="the Hub does not answer, and it is not in the cache"):
        load_checkpoint("steelworks/steel")
    assert time.monotonic() - started < 4


def test_sentence_bert_that_cannot_be_downloaded_says_how_to_bring_it(silent, tmp_path):
    for name in ("all-MiniLM-L6-v2", "sentence-transformers/all-MiniLM-L6-v2"):
        with pytest.raises(ModelError, match=r"hf download sentence-transformers/all-MiniLM-L6-v2.*--sentence-model"):
            check_sentence_model(name)
    check_sentence_model(str(tmp_path))
    with pytest.raises(ModelError, match="no such folder, and no Hub id"):
        check_sentence_model("/nope/sentence-bert")


@pytest.mark.parametrize("name", ["embedded", "tiny", "shufflenet-v2", "steelworks/steel"])
def test_what_may_be_a_name_is_not_refused(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refuse_misspelt(name)


@pytest.mark.parametrize(
    ("name", "hint"),
    [("embeded", "Did you mean embedded"), ("runs/frist", "Did you mean runs/first"), ("./runs/first/x/y", "no such"),
     ("~/nowhere/at/all", "no such"), ("steelworks", "OWNER/NAME"), ("runs/first/results.json", "a file")],
)  # fmt: skip
def test_what_is_no_name_is_refused_before_anyone_is_asked(name, hint, tmp_path, monkeypatch):
    (tmp_path / "runs" / "first").mkdir(parents=True)
    (tmp_path / "runs" / "first" / "results.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match=hint):
        refuse_misspelt(name)
