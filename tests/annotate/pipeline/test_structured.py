"""`annotate --structured`: a sentence for each dimension, held to a JSON schema where the server knows one."""

import json

import pytest

from steeldefectx.annotate.pipeline import run as pipeline_run
from steeldefectx.language.coverage import DIMENSIONS
from tests.annotate.pipeline.endpoint_runs import StandIn
from tests.annotate.pipeline.test_annotate import KEY, make_images, run, store_of
from tests.openai_server import OpenAIServer, error

SENTENCES = {
    "shape": "It is a long thin line.",
    "size": "It is about a third of the image wide",
    "depth": "not visible",
    "location": "It lies at the left edge.",
    "contrast": "It is darker than the steel.",
}
TEXT = (
    "It is a long thin line. It is about a third of the image wide. It lies at the left edge. "
    "It is darker than the steel."
)


class Server(OpenAIServer):
    """Holds itself to the schema, or does not know it; writes JSON, prose, or half an object."""

    def __init__(self, writes="json", knows_formats=True):
        super().__init__()
        self.writes, self.knows_formats = writes, knows_formats

    def reply(self, request, fault):
        form = request.body.get("response_format")
        if form is not None and not self.knows_formats:
            return 400, {}, error("Unsupported parameter: 'response_format' is not supported with this model.")
        return super().reply(request, fault)

    def choice(self, request, fault, number):
        choice = super().choice(request, fault, number)
        if request.step == "supplement":  # the question is the same
            message = choice["message"]
            message["content"] = {
                "json": json.dumps(SENTENCES),
                "fenced": f"Here you are:\n```json\n{json.dumps(SENTENCES)}\n```",
                "prose": TEXT,
                "half": json.dumps(SENTENCES)[:-20],
            }[self.writes]
            choice["finish_reason"] = "length" if self.writes == "half" else "stop"
        return choice


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.setattr(pipeline_run, "SentenceModel", StandIn)


def chosen(path):
    store = store_of(path)
    (image,) = store.images()
    (candidate,) = (c for c in store.candidates(image.image_id) if c.chosen)
    return candidate


@pytest.mark.parametrize("writes", ["json", "fenced", "prose"])
def test_the_sentences_joined_are_the_description(tmp_path, writes):
    with Server(writes) as server:
        done = run(make_images(tmp_path / "images", 1), tmp_path / "a.db", server, "--structured")
        assert done.exit_code == 0, done.output
        (request,) = server.log
    body = request.body
    schema = body["response_format"]["json_schema"]["schema"]
    assert body["response_format"]["json_schema"]["strict"] is True
    assert (set(schema["properties"]), schema["additionalProperties"]) == (set(DIMENSIONS), False)
    assert schema["required"] == list(DIMENSIONS)
    assert (body["n"], body["max_tokens"]) == (4, 300)
    candidate = chosen(tmp_path / "a.db")
    assert candidate.text == TEXT
    assert sum(candidate.coverage) == 4


def test_of_half_an_object_the_whole_sentences_count(tmp_path):
    with Server("half") as server:
        run(make_images(tmp_path / "images", 1), tmp_path / "a.db", server, "--structured")
    candidate = chosen(tmp_path / "a.db")
    assert candidate.text == TEXT.partition(" It is darker")[0]
    assert candidate.truncated


def test_where_the_format_is_refused_it_is_said_and_asked_in_words(tmp_path, caplog):
    with Server("fenced", knows_formats=False) as server:
        images = make_images(tmp_path / "images", 3)
        done = run(images, tmp_path / "a.db", server, "--structured", "--concurrency", "1")
        assert done.exit_code == 0, done.output
        assert sum("response_format" in request.body for request in server.log) <= 2  # those under way
        before = len(server.log)
        assert run(images, tmp_path / "a.db", server, "--structured").exit_code == 0
        assert len(server.log) == before
    assert "does not take response_format; it is asked without from now on" in caplog.text
    store = store_of(tmp_path / "a.db")
    assert {store.candidates(image.image_id)[0].text for image in store.images()} == {TEXT}


def test_free_text_stays_what_is_asked_for_otherwise(tmp_path):
    with Server() as server:
        run(make_images(tmp_path / "images", 1), tmp_path / "a.db", server)
    assert "response_format" not in server.log[0].body
    assert server.log[0].step == "candidates"
