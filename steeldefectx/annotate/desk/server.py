"""The review desk's page and its server: one Gradio page, and the images it shows.

Gradio carries the page and its calls; what they do is in :mod:`.api`.
Nothing is asked of any other machine: fonts are the system's, and there is no telemetry.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from pathlib import Path

import gradio
import uvicorn
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import Response

from steeldefectx.annotate.desk.api import server_functions
from steeldefectx.annotate.desk.browser_images import grey_depth, image_png, overlay_png, thumbnail_png
from steeldefectx.annotate.desk.login import Authenticator, add_login
from steeldefectx.errors import ConfigError, DataError, SteelDefectXError
from steeldefectx.store.annotation_store import Store
from steeldefectx.store.schema import AnnotatedImage

LOOPBACK = ("127.0.0.1", "localhost", "::1")
PAGE = files("steeldefectx.annotate.desk") / "page"
STYLES = ["desk.css", "narrow.css"]
SCRIPTS = [
    "dom.js",
    "kept_texts.js",
    "calls.js",
    "image_viewer.js",
    "item.js",
    "versions.js",
    "drafts.js",
    "panels.js",
    "done.js",
    "navigation.js",
    "keyboard.js",
]
"""Parts of one script, in this order: each may use at once what those before it define."""


def review_app(store: Store, pairs: dict[str, str] | None = None) -> FastAPI:
    """The review desk as a web application.

    Args:
        store: The annotation store.
        pairs: Annotator -> password; without any, everyone gives a name and no password.
    """
    authenticator = Authenticator(pairs or {})
    app = FastAPI(title="SteelDefectX review", docs_url=None, redoc_url=None, openapi_url=None)
    add_login(app, authenticator)
    _add_image_routes(app, store, authenticator)
    mounted: FastAPI = gradio.mount_gradio_app(
        app,
        _page(store, authenticator),
        path="/",
        auth_dependency=authenticator.current_annotator,
        theme=gradio.themes.Base(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]),
        css=".gradio-container { padding: 0 !important; }",
        footer_links=[],
        ssr_mode=False,
    )
    return mounted


def check_address(host: str, port: int, pairs: dict[str, str]) -> None:
    """Refuse what cannot or should not be served.

    Raises:
        ConfigError: Other machines could write without a password, or the port is taken.
    """
    if host not in LOOPBACK and not pairs:
        raise ConfigError(f"On {host} anyone in the network could write: give names and passwords, see --auth.")
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ConfigError(f"{host}:{port}: {error.strerror}. Another desk may run there: try --port.") from error


def serve(store: Store, host: str, port: int, pairs: dict[str, str]) -> None:
    """Run the review desk until it is interrupted; see :func:`check_address`."""
    uvicorn.run(review_app(store, pairs), host=host, port=port, log_level="warning")


def _page(store: Store, authenticator: Authenticator) -> gradio.Blocks:
    """The page: HTML, style and script of its own, in one Gradio component that calls Python."""
    styles, scripts = (
        "\n".join((PAGE / name).read_text(encoding="utf-8") for name in names) for names in (STYLES, SCRIPTS)
    )
    with gradio.Blocks(title="SteelDefectX review", analytics_enabled=False, fill_width=True) as page:
        gradio.HTML(
            html_template=(PAGE / "desk.html").read_text(encoding="utf-8"),
            css_template=styles,
            js_on_load=scripts,
            apply_default_css=False,
            server_functions=server_functions(store, authenticator),
        )
    return page


def _add_image_routes(app: FastAPI, store: Store, authenticator: Authenticator) -> None:
    """Images and masks by the store's ids: no path comes from outside."""
    depth = cache(lambda: grey_depth(store.images()))

    def overlay(image: AnnotatedImage) -> bytes:
        if image.mask is None:
            raise DataError(f"{image.image_id} has no mask.")
        return overlay_png(Path(image.mask), Path(image.path))

    pictures: dict[str, Callable[[AnnotatedImage], bytes]] = {
        "image": lambda image: image_png(Path(image.path), depth()),
        "thumbnail": lambda image: thumbnail_png(Path(image.path), depth()),
        "mask": overlay,
    }

    @app.get("/picture/{kind}/{image_id:path}")
    def picture(kind: str, image_id: str, request: Request) -> Response:
        authenticator.require(request)
        try:
            if kind not in pictures:
                raise DataError(f"There are no pictures of the kind {kind!r}.")
            png = pictures[kind](store.image(image_id))
        except SteelDefectXError as error:
            raise HTTPException(404, "No such picture.") from error
        return Response(png, media_type="image/png", headers={"Cache-Control": "private, max-age=600"})
