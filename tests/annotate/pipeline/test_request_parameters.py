"""Parameters of requests: what flags say of them, and those that an endpoint refuses."""

import logging

import pytest

from steeldefectx.annotate.pipeline import batch
from steeldefectx.annotate.pipeline import run as pipeline_run
from steeldefectx.annotate.pipeline.request_parameters import same_settings, stored_parameters
from tests.annotate.pipeline.endpoint_runs import KEY, StandIn, annotate, failures, make_images, store_of
from tests.endpoints import good, refusal
from tests.openai_server import OpenAIServer


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.setattr(pipeline_run, "SentenceModel", StandIn)


@pytest.fixture
def server():
    with OpenAIServer() as server:
        yield server


REFUSALS = {
    "openai": (
        {"max_tokens"},
        refusal(
            "Unsupported parameter: 'max_tokens' is not supported with this model. "
            "Use 'max_completion_tokens' instead.",
            param="max_tokens",
            code="unsupported_parameter",
        ),
        {"max_completion_tokens": 80, "max_tokens": None},
    ),
    "a gateway that nests it": (
        {"max_tokens"},
        {"error": {"message": '[400]: {"error": {"message": "Use max_completion_tokens, not max_tokens"}}'}},
        {"max_completion_tokens": 80, "max_tokens": None},
    ),
    "temperature": (
        {"temperature"},
        refusal("Unsupported value: 'temperature' does not support 0.9 with this model.", param="temperature"),
        {"temperature": None, "top_p": 0.9},
    ),
    "only one of two": (
        {"top_p"},
        {"error": {"message": "temperature and top_p cannot both be specified for this model."}},
        {"temperature": 0.9, "top_p": None},
    ),
    "vLLM": (
        {"chat_template_kwargs"},
        {"object": "error", "message": "[{'type': 'extra_forbidden', 'loc': ('body', 'chat_template_kwargs'), 'msg':"
         " 'Extra inputs are not permitted', 'input': {}}]", "param": None, "code": 400},
        {"chat_template_kwargs": None, "reasoning_effort": "none"},
    ),
    "openai, of an unknown one": (
        {"chat_template_kwargs"},
        refusal("Unrecognized request argument supplied: chat_template_kwargs"),
        {"chat_template_kwargs": None, "reasoning_effort": "none"},
    ),
    "Ollama": (
        {"reasoning_effort"},
        refusal('think value "none" is not supported for this model', kind="api_error"),
        {"reasoning_effort": None, "max_tokens": 80},
    ),
    "FastAPI": (
        {"top_p"},
        {"detail": [{"loc": ["body", "top_p"], "msg": "Extra inputs are not permitted", "type": "extra_forbidden"}]},
        {"top_p": None, "temperature": 0.9},
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "concurrency"), [*((name, 4) for name in REFUSALS), ("openai", 1), ("openai", 16), ("vLLM", 16)]
)
def test_a_refused_parameter_is_left_out_or_renamed_said_once_and_remembered(
    tmp_path, server, caplog, name, concurrency
):
    refused, body, kept = REFUSALS[name]
    images = concurrency + 4
    server.latency = 0.01
    server.answer = lambda request: (400, {}, body) if refused & {*request.body} else good(request)
    make_images(tmp_path / "images", images)
    with caplog.at_level(logging.WARNING):
        done = annotate(tmp_path, server.url, "--concurrency", str(concurrency), "--no-thinking")
    assert done.exit_code == 0, done.output
    assert len(server.log) <= images + concurrency  # those under way before it was known
    assert {key: server.log[-1].body.get(key) for key in kept} == kept
    said = [record.message for record in caplog.records if "does not take" in record.message]
    assert len(said) == 1
    assert all(name in said[0] for name in refused)


def test_a_model_that_always_thinks_is_asked_to_think_as_little_as_it_can(tmp_path, server):
    body = refusal(
        "Unsupported value: 'reasoning_effort' does not support 'none' with this model. Supported values are: "
        "'minimal', 'low', 'medium', and 'high'.",
        param="reasoning_effort",
    )
    server.answer = lambda request: (400, {}, body) if request.body["reasoning_effort"] == "none" else good(request)
    make_images(tmp_path / "images", 2)
    assert annotate(tmp_path, server.url, "--no-thinking", "--concurrency", "1").exit_code == 0
    assert [request.body["reasoning_effort"] for request in server.log] == ["none", "minimal", "minimal"]
    before = len(server.log)
    assert annotate(tmp_path, server.url, "--no-thinking").exit_code == 0
    assert len(server.log) == before
    (answer,) = store_of(tmp_path).answers("candidates", image_id="class-folders/scratch/000")
    assert (answer.parameters["reasoning_effort"], answer.parameters["refused"]) == ("minimal", ["reasoning_effort"])


def test_settings_are_compared_by_what_was_asked_for():
    asked = {"max_tokens": 80, "temperature": 0.9, "reasoning_effort": "none", "n": 4}
    sent = {"max_completion_tokens": 80, "reasoning_effort": "minimal", "n": 1}
    stored = stored_parameters(asked, sent)
    assert stored == sent | {"refused": ["temperature", "reasoning_effort"]}
    assert same_settings(asked, stored)
    assert not same_settings(asked | {"max_tokens": 2000}, stored)
    assert not same_settings(asked | {"chat_template_kwargs": {}}, stored)


def test_several_refused_one_after_the_other(tmp_path, server, caplog):
    def answer(request):
        for name in ("max_tokens", "temperature", "top_p"):
            if name in request.body:
                return 400, {}, refusal(f"Unsupported parameter: '{name}'", param=name)
        return good(request)

    server.answer = answer
    make_images(tmp_path / "images", 3)
    assert annotate(tmp_path, server.url, "--concurrency", "1").exit_code == 0
    assert len(server.log) == 3 + 3


def test_a_limit_of_tokens_by_no_name_is_an_error(tmp_path, server):
    body = refusal("Unsupported parameter: max_tokens, max_completion_tokens")
    server.answer = lambda request: (400, {}, body)
    make_images(tmp_path / "images", 1)
    assert annotate(tmp_path, server.url).exit_code == 1
    assert "HTTP 400: Unsupported parameter" in failures(tmp_path)[0]
    assert len(server.log) == 2


def test_the_value_of_a_limit_that_is_refused_does_not_change_its_name(tmp_path, server):
    server.answer = lambda request: (400, {}, refusal("max_tokens must be at least 1024", param="max_tokens"))
    make_images(tmp_path / "images", 1)
    annotate(tmp_path, server.url)
    assert failures(tmp_path) == {0: "HTTP 400: max_tokens must be at least 1024"}


def test_what_flags_say_of_parameters_is_sent(tmp_path, server):
    server.answer = good
    make_images(tmp_path / "images", 1)
    words = ["--temperature", "none", "--top-p", "none", "--max-tokens", "2000", "--reasoning-effort", "low"]
    done = annotate(tmp_path, server.url, *words, "--extra-body", '{"top_k": 5, "max_tokens": null, "seed": 1}')
    assert done.exit_code == 0, done.output
    body = {key: value for key, value in server.log[0].body.items() if key not in ("messages", "model")}
    assert body == {"reasoning_effort": "low", "top_k": 5, "seed": 1, "n": 4}


@pytest.mark.parametrize(
    "words",
    [
        ["--extra-body", "{top_k: 5}"],
        ["--extra-body", "[1]"],
        ["--extra-body", '{"stream": true}'],
        ["--temperature", "warm"],
        ["--top-p", "-1"],
        ["--no-thinking", "--reasoning-effort", "low"],
    ],
)
def test_flags_that_make_no_sense_are_refused_before_anything_is_sent(tmp_path, server, words):
    make_images(tmp_path / "images", 1)
    done = annotate(tmp_path, server.url, *words)
    assert (done.exit_code, server.log) == (2, [])
    assert words[-2] in done.stderr or words[0] in done.stderr


def test_a_batch_is_asked_again_without_what_was_refused(tmp_path, server, monkeypatch):
    monkeypatch.setattr(batch, "FIRST_WAIT", 0.02)
    own = server.reply

    def reply(request, fault):
        if "max_tokens" in request.body:
            return 400, {}, refusal("Use 'max_completion_tokens'.", param="max_tokens")
        return own(request, fault)

    monkeypatch.setattr(server, "reply", reply)
    make_images(tmp_path / "images", 3)
    done = annotate(tmp_path, server.url, "--batch")
    assert done.exit_code == 0, done.output
    assert len(server.batches) == 2
    kept = {"temperature": 0.9, "top_p": 0.9, "max_completion_tokens": 80, "n": 4}
    for answer in store_of(tmp_path).answers("candidates", image_id="class-folders/scratch/000"):
        assert answer.parameters == kept
