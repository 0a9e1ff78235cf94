"""What endpoints send in the place of an answer, each from a real server on loopback."""

import gzip
import json
import socket
import time

import pytest

from steeldefectx.annotate.pipeline import client, endpoint_errors
from steeldefectx.annotate.pipeline import run as pipeline_run
from steeldefectx.annotate.pipeline.endpoint_errors import retry_after, wait_before
from steeldefectx.cli.app import app
from tests.annotate.pipeline.endpoint_runs import (
    KEY,
    StandIn,
    annotate,
    descriptions,
    failures,
    make_images,
)
from tests.endpoints import GOOD, STREAM, chat, gateway, good, refusal, web_page
from tests.openai_server import OpenAIServer


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.setattr(pipeline_run, "SentenceModel", StandIn)
    monkeypatch.setattr(endpoint_errors, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(endpoint_errors, "LONGEST_WAIT", 0.02)


@pytest.fixture
def server():
    with OpenAIServer() as server:
        yield server


# Errors within a reply of status 200


def once(*replies):
    """Replies, one after the other, then good ones."""
    waiting = list(replies)
    return lambda request: waiting.pop(0) if waiting else good(request)


PASSING = {
    "a gateway's rate limit": gateway("Provider returned error", 429, metadata={"raw": "Too many requests"}),
    "a code in words": gateway("Slow down", "rate_limit_exceeded"),
    "a code as text": gateway("Upstream model overloaded", "502"),
    "an error of the choice": {"choices": [{"finish_reason": "error", "message": {"content": ""},
                                            "error": {"code": 502, "message": "Upstream died"}}]},
    "a choice that broke off": {"choices": [{"finish_reason": "error", "message": {"content": None}}]},
}  # fmt: skip


@pytest.mark.parametrize("name", PASSING)
def test_a_passing_error_within_a_reply_is_tried_again(tmp_path, server, name):
    server.answer = once((200, {}, PASSING[name]), (200, {}, PASSING[name]))
    make_images(tmp_path / "images", 1)
    done = annotate(tmp_path, server.url)
    assert done.exit_code == 0, done.output
    assert len(server.log) == 3
    assert descriptions(tmp_path) == {0: GOOD}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (gateway("Image too large", None), "HTTP 400: Image too large"),
        ({"error": "the model crashed"}, "HTTP 400: the model crashed"),
        ({"choices": []}, "the endpoint's reply has no choices"),
        ({"choices": None}, "the endpoint's reply is not that of chat completions"),
        ({"message": {"content": GOOD}, "done": True}, "the endpoint's reply is not that of chat completions"),
        ([], "the endpoint's reply is not that of chat completions"),
        (b"", "the endpoint's reply is not JSON"),
        (b"[" * 100_000, "the endpoint's reply is not JSON"),
    ],
)
def test_what_is_no_answer_is_listed_in_the_endpoints_words_and_not_tried_again(tmp_path, server, body, reason):
    server.answer = lambda request: (200, {}, body)
    make_images(tmp_path / "images", 1)
    assert annotate(tmp_path, server.url).exit_code == 1
    assert failures(tmp_path) == {0: reason}
    assert len(server.log) == 1


def test_a_rate_limit_within_replies_that_does_not_end_is_listed_with_its_cause(tmp_path, server, monkeypatch):
    monkeypatch.setattr(client, "MAX_RETRIES", 1)
    server.answer = lambda request: (200, {}, PASSING["a gateway's rate limit"])
    make_images(tmp_path / "images", 1)
    annotate(tmp_path, server.url)
    assert failures(tmp_path) == {0: "HTTP 429: Provider returned error: Too many requests"}
    assert len(server.log) == 2


def test_choices_beside_one_that_failed_are_kept_and_none_is_paid_twice(tmp_path, server):
    def answer(request):
        body = chat(*[GOOD] * request.body.get("n", 1))
        body["choices"][0] = PASSING["an error of the choice"]["choices"][0]
        return 200, {}, body

    server.answer = answer
    make_images(tmp_path / "images", 1)
    assert annotate(tmp_path, server.url).exit_code == 0
    assert len(server.log) == 1


# What ends the run at once

ENDING = {
    "a web page": (200, web_page("Open WebUI"), ["a web page (Open WebUI)"]),
    "a stream": (200, STREAM, ["a stream of events", "without streaming"]),
    "an empty account": (
        429,
        refusal("You exceeded your current quota.", code="insufficient_quota", kind="insufficient_quota"),
        ["exceeded your current quota", "Nothing is left"],
    ),
    "no credits": (402, {"error": {"code": 402, "message": "Insufficient credits"}}, ["Insufficient credits"]),
    "no credits, within a reply": (200, gateway("Insufficient credits", 402), ["Insufficient credits"]),
    "another key": (401, refusal("Incorrect API key provided"), ["Is OPENAI_API_KEY the key of this endpoint?"]),
    "no model": (404, {"error": "model 'vlm' not found, try pulling it first"}, ["try pulling it first"]),
    "a proxy's password": (407, web_page("Proxy Authentication Required"), ["HTTPS_PROXY=http://NAME:PASSWORD@"]),
    "a method": (405, {"detail": "Method Not Allowed"}, ["Method Not Allowed"]),
}


@pytest.mark.parametrize("name", ENDING)
def test_what_no_request_will_change_ends_the_run_with_advice(tmp_path, server, name):
    status, body, words = ENDING[name]
    server.answer = lambda request: (status, {"content-type": "text/html"} if isinstance(body, bytes) else {}, body)
    make_images(tmp_path / "images", 12)
    done = annotate(tmp_path, server.url, "--concurrency", "4")
    assert done.exit_code == 2
    assert all(word in done.stderr for word in words), done.stderr
    assert "/v1 missing" not in done.stderr
    assert len(server.log) <= 4, "nothing is tried again"
    assert "Traceback" not in done.output


@pytest.mark.parametrize(("status", "body"), [(404, b"404 page not found"), (200, web_page("Open WebUI"))])
def test_a_base_url_without_v1_is_said_to_lack_it(tmp_path, server, status, body):
    server.answer = lambda request: (status, {}, body)
    make_images(tmp_path / "images", 3)
    done = annotate(tmp_path, server.url.removesuffix("/v1"))
    assert done.exit_code == 2
    assert "Is /v1 missing in --base-url, as in http://HOST/v1?" in done.stderr


def test_a_web_page_between_answers_fails_one_image_only(tmp_path, server):
    server.answer = once(good(type("R", (), {"body": {"n": 4}})), (200, {}, web_page("Sign in")))
    make_images(tmp_path / "images", 4)
    done = annotate(tmp_path, server.url, "--concurrency", "1")
    assert done.exit_code == 1
    assert list(failures(tmp_path).values()) == ["the endpoint's reply is a web page (Sign in), not JSON."]


def test_a_model_that_only_thinks_is_stopped_after_a_handful_and_not_paid_again(tmp_path, server):
    server.answer = lambda request: (200, {}, chat(*[None] * 4, finish="length", reasoning_content="Hmm"))
    make_images(tmp_path / "images", 40)
    done = annotate(tmp_path, server.url, "--concurrency", "2")
    assert done.exit_code == 2
    assert "in a row are of no use, the last one: the model thinks; its thought took all 80 tokens" in done.stderr
    assert "--no-thinking" in done.stderr
    asked = {request.image for request in server.log}
    assert len(server.log) == len(asked) <= 5 + 2
    annotate(tmp_path, server.url, "--concurrency", "2")
    assert len({request.image for request in server.log}) == len(server.log), "no image is paid for twice"
    server.answer = lambda request: good(request) if request.body.get("reasoning_effort") == "none" else None
    mended = annotate(tmp_path, server.url, "--no-thinking")
    assert mended.exit_code == 0, mended.output
    assert "40 of 40 images" in mended.stdout


# Bodies and connections


def raw(head, body=b"", *, reset=False):
    """A reply that is written byte by byte, after which the connection ends."""

    def write(handler):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\n" + body)
        handler.wfile.flush()
        if reset:
            linger = b"\x01\0\0\0\0\0\0\0"
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        handler.close_connection = True
        handler.connection.shutdown(socket.SHUT_RDWR) if not reset else handler.connection.close()

    return 200, {}, write


DATA = json.dumps(chat(*[GOOD] * 4), ensure_ascii=False).encode()
ODD = "A large, long scratch – 3 µm deep – lies in the centre, brighter than the steel."


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"content-type": "text/plain"}, ODD.encode()),
        ({"content-type": "application/json; charset=latin-1"}, ODD.encode()),
        ({"content-type": "application/json; charset=nonsense"}, ODD.encode()),
        ({"content-type": "application/json"}, b"\xef\xbb\xbf" + ODD.encode()),
        ({"content-type": "application/json"}, ODD.encode("utf-16")),
        ({"content-type": "application/octet-stream"}, ODD.replace("–", "-").encode("latin-1")),
    ],
)
def test_whatever_headers_say_of_a_body_it_is_read(tmp_path, server, headers, body):
    encoding = "utf-16" if body.startswith(b"\xff\xfe") else "latin-1"
    whole = json.dumps(chat(*["@"] * 4))
    text = body.decode("utf-16") if encoding == "utf-16" else body.removeprefix(b"\xef\xbb\xbf").decode("latin-1")
    content = whole.replace("@", text).encode(encoding)
    if body.startswith(b"\xef\xbb\xbf"):
        content = b"\xef\xbb\xbf" + content
    server.answer = lambda request: (200, headers, content)
    make_images(tmp_path / "images", 1)
    done = annotate(tmp_path, server.url)
    assert done.exit_code == 0, done.output
    assert descriptions(tmp_path)[0] in (ODD, ODD.replace("–", "-"))


BROKEN = {
    "cut off": (
        raw(b"content-length: 99999", DATA[:100]),
        "no connection: peer closed",
    ),
    "reset": (raw(b"content-length: 99999", DATA[:50], reset=True), "no connection"),
    "not gzip": (
        (200, {"content-encoding": "gzip"}, b"\x1f\x8b" + DATA),
        "no connection: Error -3 while decompressing data",
    ),
    "half of gzip": ((200, {"content-encoding": "gzip"}, gzip.compress(DATA)[:60]), "not JSON"),
    "a proxy's time-out": (
        (504, {"content-type": "text/html"}, web_page("504 Gateway Time-out")),
        "HTTP 504: 504 Gateway Time-out. A proxy has given up waiting for the endpoint: ask for less at a time",
    ),
    "loading": ((503, {}, {"error": {"code": 503, "message": "Loading model"}}), "HTTP 503: Loading model"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_connection_that_fails_is_tried_again_and_then_listed(tmp_path, server, monkeypatch, name):
    monkeypatch.setattr(client, "MAX_RETRIES", 2)
    reply, reason = BROKEN[name]
    server.answer = lambda request: reply
    make_images(tmp_path / "images", 1)
    assert annotate(tmp_path, server.url).exit_code == 1
    assert failures(tmp_path)[0].startswith(reason) or reason in failures(tmp_path)[0]
    assert len(server.log) == (1 if name == "half of gzip" else 3)
    server.answer = once(reply)
    again = annotate(tmp_path, server.url)
    assert again.exit_code == (1 if name == "half of gzip" else 0), again.output


# What is waited for

NOON = "Wed, 21 Oct 2026 12:00:00 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "Wed, 21 Oct 2026 12:00:30 GMT", "date": NOON}, 30.0),
        ({"retry-after": "Wed, 21 Oct 2026 11:00:00 GMT", "date": NOON}, None),
        ({"retry-after": "31536000"}, 31_536_000.0),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "0"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Wed, 99 Oct 99999 12:00:00 GMT", "date": NOON}, None),
    ],
)
def test_retry_after_is_read_in_each_of_its_forms(headers, seconds):
    assert retry_after(headers) == seconds
    assert 0 < wait_before(1, retry_after(headers)) <= 120
    assert 0 < wait_before(1000, None) <= endpoint_errors.LONGEST_WAIT


def test_a_date_is_waited_for_by_the_endpoints_clock_though_it_is_years_off(tmp_path, server):
    headers = {"retry-after": "Fri, 01 Jan 1999 00:00:01 GMT"}
    server.answer = once((429, headers, refusal("Slow")))
    make_images(tmp_path / "images", 1)

    def dated(handler):
        body = json.dumps(refusal("Slow")).encode()
        lines = ["HTTP/1.1 429 Slow", "date: Fri, 01 Jan 1999 00:00:00 GMT", f"retry-after: {headers['retry-after']}"]
        lines += [f"content-length: {len(body)}", "", ""]
        handler.wfile.write("\r\n".join(lines).encode() + body)

    server.answer = once((0, {}, dated))
    start = time.monotonic()
    assert annotate(tmp_path, server.url).exit_code == 0
    assert 1 <= time.monotonic() - start < 5


def test_a_year_is_not_waited(tmp_path, server):
    server.answer = lambda request: (429, {"retry-after": "31536000"}, refusal("Come back later"))
    make_images(tmp_path / "images", 1)
    assert annotate(tmp_path, server.url).exit_code == 1
    reason = "HTTP 429: Come back later (it asks to wait for 31,536,000 s, which is too long)"
    assert failures(tmp_path) == {0: reason}
    assert len(server.log) == 1


def test_the_commands_help_names_the_flags():
    from typer.testing import CliRunner

    text = CliRunner().invoke(app, ["annotate", "--help"], env={"COLUMNS": "200"}).output
    for flag in ("--max-tokens", "--no-thinking", "--reasoning-effort", "--temperature", "--top-p", "--extra-body"):
        assert flag in text
