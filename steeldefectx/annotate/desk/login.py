"""Who works at the review desk: name and password pairs, and the cookie that stands for a login."""

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

VARIABLE = "STEELDEFECTX_REVIEW_AUTH"
"""Environment variable with the pairs, where no file is named."""
COOKIE = "steeldefectx_annotator"
COOKIE_SECONDS = 14 * 24 * 3600
NAME_LENGTH = 40
"""Characters an annotator's name may have."""
REFUSED_SECONDS = 1.0
"""What a wrong password costs, so that trying many is no way in."""
PASSWORD = '<label>Password<input name="password" type="password" autocomplete="current-password" required></label>'


class Logins:
    """Checks names and passwords, and makes and reads cookies.

    A cookie is the name with a keyed hash of it, so that it outlives a restart of the desk, and ends when the
    password is changed. Without pairs there is no password, and any name will do.
    """

    def __init__(self, pairs: dict[str, str]):
        self.passwords = bool(pairs)
        # A slow hash, so that a stolen cookie does not give the password away by trying.
        self._keys = {
            name: hashlib.scrypt(password.encode(), salt=name.encode(), n=2**14, r=8, p=1)
            for name, password in pairs.items()
        }

    def cookie(self, name: str, password: str) -> str | None:
        """The cookie of a login; None if it is refused."""
        name = " ".join(name.split())
        if not 0 < len(name) <= NAME_LENGTH or not name.isprintable():
            return None
        if not self.passwords:
            return self._signed(name, b"")
        key = hashlib.scrypt(password.encode(), salt=name.encode(), n=2**14, r=8, p=1)
        known = self._keys.get(name, b"")
        return self._signed(name, key) if hmac.compare_digest(key, known) else None

    def name(self, cookie: str | None) -> str | None:
        """Whose cookie it is; None if nobody's."""
        try:
            name = bytes.fromhex((cookie or "").partition(".")[0]).decode()
        except ValueError:
            return None
        key = self._keys.get(name) if self.passwords else b""
        if not name or key is None or not hmac.compare_digest(self._signed(name, key), cookie or ""):
            return None
        return name

    def annotator(self, request: Request) -> str | None:
        """Who sends a request; None if nobody is logged in."""
        return self.name(request.cookies.get(COOKIE))

    def require(self, request: Request) -> str:
        """Who sends a request; the answer is 401 if nobody is logged in."""
        name = self.annotator(request)
        if name is None:
            raise HTTPException(401, "Log in first.")
        return name

    def _signed(self, name: str, key: bytes) -> str:
        return f"{name.encode().hex()}.{hmac.new(key, name.encode(), 'sha256').hexdigest()}"


def read_pairs(file: Path | None) -> dict[str, str]:
    """The name:password pairs of a file or, without one, of the environment; none if there are none.

    Args:
        file: Pairs separated by spaces or line breaks.

    Raises:
        ConfigError: The file cannot be read, or something in it is no pair. No password is in the message.
    """
    origin = str(file) if file else VARIABLE
    try:
        text = file.read_text(encoding="utf-8") if file else os.environ.get(VARIABLE, "")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{origin}: cannot be read: {getattr(error, 'strerror', None) or 'no UTF-8 text'}.") from None
    pairs = dict[str, str]()
    for number, word in enumerate(text.split(), 1):
        name, _, password = word.partition(":")
        if not name or not password or name in pairs or len(name) > NAME_LENGTH:
            raise ConfigError(
                f"{origin}: entry {number} is no pair name:password of its own. Separate pairs by line breaks; "
                "a password has no spaces in it."
            )
        pairs[name] = password
    if file and not pairs:
        raise ConfigError(f"{origin}: has no name:password pairs.")
    return pairs


def add_login(app: FastAPI, logins: Logins) -> None:
    """Logging in and out; whoever is not logged in gets the form in place of the page."""
    form = Template((files("steeldefectx.annotate.desk") / "page" / "login.html").read_text(encoding="utf-8"))

    def login_page(refused: str = "") -> HTMLResponse:
        told = "" if logins.passwords else "What you review is kept under your name: use the same one each time."
        password = PASSWORD if logins.passwords else ""
        page = form.substitute(explained=told, password=password, refused=refused)
        return HTMLResponse(page, 401 if refused else 200)

    @app.middleware("http")
    async def form_first(request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
        if request.url.path == "/" and logins.annotator(request) is None:
            return login_page()
        return await go_on(request)

    @app.post("/login")
    async def login(
        request: Request, name: Annotated[str, Form()] = "", password: Annotated[str, Form()] = ""
    ) -> Response:
        cookie = logins.cookie(name, password)
        if cookie is None:
            await asyncio.sleep(REFUSED_SECONDS)
            return login_page("This name and password do not go together." if logins.passwords else "Give a name.")
        answer = RedirectResponse("/", 303)
        secure = request.url.scheme == "https"
        answer.set_cookie(COOKIE, cookie, COOKIE_SECONDS, httponly=True, samesite="strict", secure=secure)
        return answer

    @app.post("/logout")
    def logout() -> Response:
        answer = RedirectResponse("/", 303)
        answer.delete_cookie(COOKIE)
        return answer
