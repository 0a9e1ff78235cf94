"""Logging in at the review desk."""

import json

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from steeldefectx.annotate.desk.login import Authenticator, add_login, read_pairs
from steeldefectx.errors import ConfigError


def test_a_login_is_a_name_with_its_password():
    authenticator = Authenticator({"anna": "deep groove", "ben": "cold roll"})
    cookie = authenticator.issue_cookie("anna", "deep groove")
    assert authenticator.annotator_of(cookie) == "anna"
    assert authenticator.issue_cookie("anna", "cold roll") is None
    assert authenticator.issue_cookie("carl", "deep groove") is None
    assert "deep" not in cookie
    forged = b"ben".hex() + "." + cookie.partition(".")[2]
    for wrong in (forged, cookie[:-1], "", None, ".", "zz.00", Authenticator({}).issue_cookie("anna", "")):
        assert authenticator.annotator_of(wrong) is None
    assert Authenticator({"anna": "deep groove"}).annotator_of(cookie) == "anna"  # a restart logs nobody out
    assert Authenticator({"anna": "another"}).annotator_of(cookie) is None


def test_without_passwords_a_name_is_enough():
    authenticator = Authenticator({})
    assert authenticator.annotator_of(authenticator.issue_cookie("  Anna  Lee ", "")) == "Anna Lee"
    assert authenticator.issue_cookie(" ", "") is None
    assert authenticator.issue_cookie("x" * 41, "") is None
    assert authenticator.issue_cookie("a\nb\x00", "") is None


def test_pairs_from_a_file_or_the_environment(tmp_path, monkeypatch):
    file = tmp_path / "auth"
    file.write_text("anna:one:two\n\nben:three\n")
    assert read_pairs(file) == {"anna": "one:two", "ben": "three"}
    monkeypatch.setenv("STEELDEFECTX_REVIEW_AUTH", "carl:four dora:five")
    assert read_pairs(None) == {"carl": "four", "dora": "five"}
    monkeypatch.delenv("STEELDEFECTX_REVIEW_AUTH")
    assert read_pairs(None) == {}


@pytest.mark.parametrize("text", ["anna", "anna:", ":secret", "anna:secret anna:secret", ""])
def test_what_is_no_pair_is_told_without_the_password(tmp_path, text):
    file = tmp_path / "auth"
    file.write_text(text)
    with pytest.raises(ConfigError, match="auth") as told:
        read_pairs(file)
    assert "secret" not in str(told.value)
    with pytest.raises(ConfigError, match="nowhere"):
        read_pairs(tmp_path / "nowhere")


def test_the_login_page_with_passwords():
    app = FastAPI()
    add_login(app, Authenticator({"anna": "deep groove"}))
    client = TestClient(app, follow_redirects=False)
    assert 'type="password"' in client.get("/").text
    refused = client.post("/login", data={"name": "anna", "password": "cold roll"})
    assert refused.status_code == 401
    assert "do not go together" in refused.text
    let_in = client.post("/login", data={"name": "anna", "password": "deep groove"})
    assert let_in.status_code == 303
    cookie = let_in.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "groove" not in json.dumps(dict(let_in.headers))
