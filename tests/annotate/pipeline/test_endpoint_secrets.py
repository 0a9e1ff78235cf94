"""The key: what surrounds it, and that nothing shows it, whatever an endpoint sends back; and addresses."""

import base64
import json
import logging
import traceback
import urllib.parse

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steeldefectx.annotate.pipeline import client, endpoint_errors
from steeldefectx.annotate.pipeline import run as pipeline_run
from steeldefectx.annotate.pipeline.redaction import Redactor, clean_key
from steeldefectx.errors import ConfigError
from tests.annotate.pipeline.endpoint_runs import KEY, StandIn, annotate, failures, forms, make_images, shown_parts
from tests.endpoints import chat, good, refusal, web_page
from tests.openai_server import OpenAIServer


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.setattr(pipeline_run, "SentenceModel", StandIn)
    monkeypatch.setattr(endpoint_errors, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(endpoint_errors, "LONGEST_WAIT", 0.02)
    monkeypatch.setattr(client, "MAX_RETRIES", 1)


@pytest.fixture
def server():
    with OpenAIServer() as server:
        yield server


def everything(folder, done, logged=""):
    """All that a run has left to be read: what it printed, its traceback, what it logged, all bytes of all files."""
    files = [file.read_bytes().decode("latin-1") for file in folder.rglob("*") if file.is_file()]
    error = "".join(traceback.format_exception(done.exception)) if done.exception else ""
    return "\n".join([done.stdout, done.stderr, error, logged, *files])


@pytest.mark.parametrize(
    "found",
    ["{}\n", "{}\r\n", " {}\t", "\ufeff{}", '"{}"', "'{}'\n", "\u201c{}\u201d", "\u200b{}\u200b", "\r{}\r\n\n"],
)
def test_what_surrounds_a_key_is_not_part_of_it(tmp_path, server, monkeypatch, found):
    monkeypatch.setenv("OPENAI_API_KEY", found.format(KEY))
    server.answer = good
    make_images(tmp_path / "images", 1)
    done = annotate(tmp_path, server.url)
    assert done.exit_code == 0, done.output
    assert server.log[0].authorization == f"Bearer {KEY}"


@pytest.mark.parametrize(
    ("found", "advice"),
    [
        (f"{KEY[:9]}\n{KEY[9:]}", "white space in the middle"),
        (f"Bearer {KEY}", "Set it to the key alone"),
        (KEY.replace("-", "–"), "characters that no key has (number 3, 8, 20 of 30)"),
        (f"{KEY}é", "Copy the key again"),
        (f"{KEY[:9]}\x07{KEY[9:]}", "characters that no key has"),
    ],
)
@pytest.mark.parametrize("debug", [[], ["--debug"]])
def test_what_cannot_be_a_key_ends_at_once_and_is_not_shown(tmp_path, server, monkeypatch, found, advice, debug):
    monkeypatch.setenv("OPENAI_API_KEY", found)
    make_images(tmp_path / "images", 1)
    done = annotate(tmp_path, server.url, *debug)
    left = everything(tmp_path, done)
    assert advice in left
    assert done.exit_code == (1 if debug else 2)
    assert server.log == []
    assert not shown_parts(left, found, KEY)


def test_an_empty_key_is_none(monkeypatch):
    assert clean_key(' "" \r\n', "KEY") is None
    assert clean_key(None, "KEY") is None
    with pytest.raises(ConfigError, match="KEY has white space"):
        clean_key("a b", "KEY")


def echoes(secret):
    """A secret in each form, and parts of it, in sentences."""
    token = base64.b64encode(f"user:{secret}".encode()).decode()
    yield from (f"key {form} is wrong" for form in forms(secret))
    yield from (f"Basic {token}", repr(f"Bearer {secret}\n"), json.dumps({"Authorization": f"Bearer {secret}"}))
    yield f"{secret[:12]}************{secret[-9:]}"
    yield f"https://host/?key={urllib.parse.quote(secret)}"
    yield " ".join(secret[start : start + 8] for start in range(0, len(secret) - 7, 3))


REPLIES = {
    "refused": lambda text: (401, {}, refusal(text)),
    "invalid": lambda text: (400, {}, refusal(text)),
    "a page": lambda text: (500, {"content-type": "text/html"}, web_page(text)),
    "text": lambda text: (418, {"content-type": "text/plain"}, text.encode()),
    "no JSON": lambda text: (200, {"content-type": "text/html"}, web_page(text)),
    "within a reply": lambda text: (200, {}, {"choices": None, "error": {"message": text, "code": 500}}),
    "an odd shape": lambda text: (422, {}, {"detail": [{"loc": ["headers", text], "input": text}]}),
}


@pytest.mark.parametrize(
    ("name", "header"), [*((name, "Authorization") for name in REPLIES), ("refused", "api-key"), ("invalid", "api-key")]
)
def test_a_key_that_is_sent_back_shows_nowhere(tmp_path, server, monkeypatch, caplog, name, header):
    monkeypatch.setenv("NO_COLOR", "1")
    texts = list(echoes(KEY))
    waiting = list(texts)
    server.answer = lambda request: REPLIES[name](waiting.pop(0) if waiting else texts[0])
    url = server.url
    if header == "api-key":
        monkeypatch.setenv("HTTP_PROXY", server.url.removesuffix("/v1"))
        url = "http://plant.openai.azure.com/openai/v1"
    make_images(tmp_path / "images", len(texts))
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("OPENAI_LOG", "debug")
    debug = ["--debug"] if name in ("refused", "no JSON") else []
    done = annotate(tmp_path, url, "--concurrency", "2", *debug)
    assert done.exit_code != 0
    assert server.log[0].headers["authorization" if header == "Authorization" else "api-key"].endswith(KEY)
    left = everything(tmp_path, done, caplog.text)
    assert "***" in left
    assert not shown_parts(left, KEY)


def test_an_answer_that_tells_the_key_is_kept_without_it(tmp_path, server, caplog):
    server.answer = lambda request: (200, {}, chat(f"I'm sorry, {KEY} is not allowed."))
    make_images(tmp_path / "images", 1)
    done = annotate(tmp_path, server.url)
    assert failures(tmp_path) == {0: "refused: I'm sorry, *** is not allowed."}
    assert not shown_parts(everything(tmp_path, done, caplog.text), KEY)


def test_passwords_in_addresses_and_proxies_show_nowhere(tmp_path, server, monkeypatch, caplog):
    """Some endpoints have the key in their address."""
    secrets = ["hunter22-and-more", "Zq83-kkPw-77af-QQ", "squid-P4ssw0rd"]
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("HTTP_PROXY", server.url.replace("http://", f"http://proxy:{secrets[2]}@").removesuffix("/v1"))
    server.answer = lambda request: (400, {}, refusal(f"{request.path} {request.headers} {secrets}"))
    make_images(tmp_path / "images", 1)
    done = annotate(tmp_path, f"http://user:{secrets[0]}@plant.test/v1?key={secrets[1]}")
    assert done.exit_code == 1
    assert server.log[0].path.endswith(f"plant.test/v1/chat/completions?key={secrets[1]}")
    assert "HTTP 400" in failures(tmp_path)[0]
    assert not shown_parts(everything(tmp_path, done, caplog.text), *secrets)


SIGNS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=12, max_size=60)


@settings(max_examples=30, deadline=None)
@given(SIGNS, st.text(max_size=30), st.text(max_size=30))
def test_no_eight_signs_of_any_key_are_left_in_any_text(key, before, after):
    redactor = Redactor(key, f"http://u:{urllib.parse.quote(key[::-1], safe='')}@h/v1")
    for text in echoes(key):
        around = f"{before} {text} {after}"
        left = redactor.redact(around)
        hidden = shown_parts(left, key)
        assert all(part in f"{before} {after}" or set(part) == {"*"} for part in hidden)


def test_texts_without_a_key_stay_as_they_are():
    redactor = Redactor(KEY, "https://plant.openai.azure.com/openai/deployments/d?api-version=2024-10-21")
    text = "The parameter api-version=2024-10-21 is not supported, key sk-proj of project 7"
    assert redactor.redact(text) == text
    assert redactor.redact("Bearer " + KEY) == "Bearer ***"
    assert Redactor("short", None).redact("a short one") == "a *** one"
    assert len(redactor.redact("word " * 10_000)) == 300
    assert redactor.redact("sent data:image/png;base64,AAAA/BBBB==") == "sent (image)"


# Addresses


@pytest.fixture
def proxied(server, monkeypatch):
    """A server that any http:// address leads to, as a proxy of the plant."""
    monkeypatch.setenv("HTTP_PROXY", server.url.removesuffix("/v1"))
    server.answer = good
    return server


@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("http://x.openai.azure.com/openai/v1", "/openai/v1/chat/completions"),
        ("http://x.openai.azure.com/openai/v1/", "/openai/v1/chat/completions"),
        ("http://x.services.ai.azure.com/openai/v1?a=b", "/openai/v1/chat/completions?a=b"),
        (
            "http://x.openai.azure.com/openai/deployments/eye?api-version=2024-10-21",
            "/openai/deployments/eye/chat/completions?api-version=2024-10-21",
        ),
        (
            "http://x.openai.azure.com/openai/deployments/eye/chat/completions?api-version=2024-10-21",
            "/openai/deployments/eye/chat/completions?api-version=2024-10-21",
        ),
    ],
)  # fmt: skip
def test_azure_gets_the_key_in_its_own_header_at_its_own_path(tmp_path, proxied, address, path):
    make_images(tmp_path / "images", 1)
    done = annotate(tmp_path, address)
    assert done.exit_code == 0, done.output
    request = proxied.log[0]
    assert request.headers["api-key"] == KEY
    assert request.headers["host"].endswith("azure.com")
    assert request.path.split("azure.com")[1] == path
    assert ("authorization" in request.headers) == ("/v1" in address)


def test_a_wrong_azure_address_is_explained(tmp_path, proxied):
    proxied.answer = lambda request: (404, {}, {"error": {"code": "404", "message": "Resource not found"}})
    make_images(tmp_path / "images", 1)
    done = annotate(tmp_path, "http://x.openai.azure.com/")
    assert done.exit_code == 2
    assert "Resource not found. At Azure --base-url is https://NAME.openai.azure.com/openai/v1" in done.stderr


def test_no_proxy_is_respected(tmp_path, server, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server.answer = good
    make_images(tmp_path / "images", 1)
    assert annotate(tmp_path, server.url).exit_code == 0
    assert server.log[0].path == "/v1/chat/completions"


@pytest.mark.parametrize(
    "address", ["localhost:8000", "ftp://host/v1", "http://", "http://[::1", "http://host:port/v1", "https:/host"]
)
def test_what_is_no_address_is_refused(tmp_path, address):
    make_images(tmp_path / "images", 1)
    done = annotate(tmp_path, address)
    assert (done.exit_code, "--base-url is an http:// or https:// address" in done.stderr) == (2, True), done.output
