"""Logging in at the review desk: name and password pairs, and the cookie that stands for a login."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
from collections.abc import Awaitable, Callable
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Annotated

from fastapi import FastAPI, Form, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from steeldefectx.errors import ConfigError

AUTH_VARIABLE = "STEELDEFECTX_REVIEW_AUTH"
"""Environment variable with the pairs, where no file is named."""
COOKIE = "steeldefectx_annotator"
COOKIE_SECONDS = 14 * 24 * 3600
MAX_NAME_LENGTH = 40
"""Characters of an annotator's name."""
REFUSAL_SECONDS = 1.0
"""Delay after a wrong password, against trying many."""
PASSWORD_FIELD = (
    '<label>Password<input name="password" type="password" autocomplete="current-password" required></label>'
)


class Authenticator:
    """Checks names and passwords, and issues and reads login cookies.

    A cookie is the name with a keyed hash of it, so that it outlives a restart of the desk, and ends when the
    annotator's password is changed. Without passwords any name will do.

    Args:
        passwords: Annotator -> password.
    """

    def __init__(self, passwords: dict[str, str]):
        self.has_passwords = bool(passwords)
        self._keys = {name: _key(name, password) for name, password in passwords.items()}

    def issue_cookie(self, name: str, password: str) -> str | None:
        """The cookie of a login; None if it is refused."""
        name = " ".join(name.split())
        if not 0 < len(name) <= MAX_NAME_LENGTH or not name.isprintable():
            return None
        if not self.has_passwords:
            return _sign(name, b"")
        key = _key(name, password)
        return _sign(name, key) if hmac.compare_digest(key, self._keys.get(name, b"")) else None

    def annotator_of(self, cookie: str | None) -> str | None:
        """The annotator whose cookie it is; None if it is nobody's."""
        try:
            name = bytes.fromhex((cookie or "").partition(".")[0]).decode()
        except ValueError:
            return None
        key = self._keys.get(name) if self.has_passwords else b""
        if not name or key is None or not hmac.compare_digest(_sign(name, key), cookie or ""):
            return None
        return name

    def current_annotator(self, request: Request) -> str | None:
        """Who sends a request; None if nobody is logged in."""
        return self.annotator_of(request.cookies.get(COOKIE))

    def require(self, request: Request) -> str:
        """Who sends a request.

        Raises:
            HTTPException: 401, nobody is logged in.
        """
        name = self.current_annotator(request)
        if name is None:
            raise HTTPException(401, "Log in first.")
        return name


def _key(name: str, password: str) -> bytes:
    """A slow hash, so that a stolen cookie does not give the password away by trying."""
    return hashlib.scrypt(password.encode(), salt=name.encode(), n=2**14, r=8, p=1)


def _sign(name: str, key: bytes) -> str:
    return f"{name.encode().hex()}.{hmac.new(key, name.encode(), 'sha256').hexdigest()}"


def read_pairs(file: Path | None) -> dict[str, str]:
    """The name:password pairs of a file or, without one, of the environment; none if there are none.

    Args:
        file: Pairs separated by spaces or line breaks.

    Raises:
        ConfigError: The file cannot be read, or something in it is no pair. No password is in the message.
    """
    origin = str(file) if file else AUTH_VARIABLE
    try:
        text = file.read_text(encoding="utf-8") if file else os.environ.get(AUTH_VARIABLE, "")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{origin}: cannot be read: {getattr(error, 'strerror', None) or 'no UTF-8 text'}.") from None
    pairs = dict[str, str]()
    for number, word in enumerate(text.split(), 1):
        name, _, password = word.partition(":")
        if not name or not password or name in pairs or len(name) > MAX_NAME_LENGTH:
            raise ConfigError(
                f"{origin}: entry {number} is no pair name:password of its own. Separate pairs by line breaks; "
                "a password has no spaces in it."
            )
        pairs[name] = password
    if file and not pairs:
        raise ConfigError(f"{origin}: has no name:password pairs.")
    return pairs


def add_login(app: FastAPI, authenticator: Authenticator) -> None:
    """Add routes for logging in and out and for asking whether one is; who is not gets the form in the page's place."""
    form = Template((files("steeldefectx.annotate.desk") / "page" / "login.html").read_text(encoding="utf-8"))

    def login_page(error: str = "") -> HTMLResponse:
        hint = "What you review is kept under your name: use the same one each time."
        fields = {"hint": hint, "password": ""}
        if authenticator.has_passwords:
            fields = {"hint": "", "password": PASSWORD_FIELD}
        return HTMLResponse(form.substitute(fields, error=error), 401 if error else 200)

    @app.middleware("http")
    async def require_login(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        if request.url.path == "/" and authenticator.current_annotator(request) is None:
            return login_page()
        return await call_next(request)

    @app.post("/login")
    async def login(
        request: Request, name: Annotated[str, Form()] = "", password: Annotated[str, Form()] = ""
    ) -> Response:
        cookie = authenticator.issue_cookie(name, password)
        if cookie is None:
            await asyncio.sleep(REFUSAL_SECONDS)
            wrong = "This name and password do not go together."
            return login_page(wrong if authenticator.has_passwords else "Give a name.")
        response = RedirectResponse("/", 303)
        secure = request.url.scheme == "https"
        response.set_cookie(COOKIE, cookie, COOKIE_SECONDS, httponly=True, samesite="strict", secure=secure)
        return response

    @app.get("/logged-in")
    def logged_in(request: Request) -> Response:
        authenticator.require(request)
        return Response(status_code=204)

    @app.post("/logout")
    def logout() -> Response:
        response = RedirectResponse("/", 303)
        response.delete_cookie(COOKIE)
        return response
