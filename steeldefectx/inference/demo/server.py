"""The demo's server: on this machine alone, it takes images and gives HTML."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Sequence
from typing import Annotated

import uvicorn
from fastapi import FastAPI, File, Form, HTTPException, UploadFile
from fastapi.responses import HTMLResponse, Response
from starlette.middleware.trustedhost import TrustedHostMiddleware

from steeldefectx.data.images import open_image
from steeldefectx.errors import ConfigError, DataError
from steeldefectx.inference.demo.page import answered, demo_page, unreadable
from steeldefectx.inference.demo.panel import Panel
from steeldefectx.render.sample import sample_row
from steeldefectx.utils.grey_levels import to_display

HOST = "127.0.0.1"
MOST_BYTES = 100_000_000
"""Of a file."""
EXAMPLES = (0, 4, 13, 14)
"""Rows of the synthetic data that are offered as examples."""
EXAMPLE_SEED = 11
"""Not that of the data set: no model was trained on them."""


def demo_app(panels: Sequence[Panel]) -> FastAPI:
    """The demo as a web application."""
    app = FastAPI(title="SteelDefectX demo", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"])  # no other name leads here
    examples = [sample_row(index, 25, 256, EXAMPLE_SEED) for index in EXAMPLES]
    page = demo_page([panel.checkpoint for panel in panels], [str(row["label"]) for row in examples])
    one_at_a_time = threading.Lock()

    @app.get("/", response_class=HTMLResponse)
    def show() -> str:
        """The page."""
        return page

    @app.get("/favicon.ico", status_code=204)
    def no_icon() -> Response:
        """Browsers ask for one."""
        return Response(status_code=204)

    @app.get("/example/{number}")
    def example(number: int) -> Response:
        """An example's file."""
        if number not in range(len(examples)):
            raise HTTPException(404)
        return Response(examples[number]["image"]["bytes"], media_type="image/png")

    @app.post("/look", response_class=HTMLResponse)
    def look(
        images: Annotated[list[UploadFile], File()],
        text: Annotated[str, Form(max_length=1000)] = "",
        unsure: Annotated[float, Form(ge=0, le=1)] = 0.5,
    ) -> str:
        """What the checkpoints say of some images."""
        with one_at_a_time:
            return "".join(_answer(upload, panels, text, unsure) for upload in images)

    return app


def _answer(upload: UploadFile, panels: Sequence[Panel], text: str, unsure: float) -> str:
    name = upload.filename or "image"
    if (upload.size or 0) > MOST_BYTES:
        return unreadable(name, f"more than {MOST_BYTES / 1e6:.0f} MB: cut the place out that matters.")
    try:
        image = open_image(upload.file)
        answers = [(panel.checkpoint, panel.of, panel.show(image, text)) for panel in panels]
    except DataError as error:
        return unreadable(name, str(error).removeprefix("the image: "))
    return answered(name, to_display(image), answers, unsure)


def serve(checkpoints: Sequence[str], port: int, *, block: bool = True) -> str:
    """Serve the page on this machine alone, until interrupted.

    Args:
        checkpoints: One, or two to compare.
        port: Where to listen; 0 takes a free one.
        block: Whether to wait for the interruption.

    Returns:
        The page's address.

    Raises:
        ConfigError: No checkpoint, more than two, or a port that is taken.
        ModelError: No checkpoint that can be loaded.
    """
    if not 1 <= len(checkpoints) <= 2:
        raise ConfigError("Give one --checkpoint, or two to compare.")
    app = demo_app([Panel(checkpoint) for checkpoint in checkpoints])
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
    except OSError as error:
        raise ConfigError(f"Port {port} of {HOST} cannot be listened on; give another --port.") from error
    address = f"http://{HOST}:{listening.getsockname()[1]}/"
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    serving = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    serving.start()
    while serving.is_alive() and not server.started:
        time.sleep(0.02)
    print(f"The demo is at {address} (Ctrl+C ends it).", flush=True)
    if block:
        serving.join()
    return address
