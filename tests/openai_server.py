"""An OpenAI-compatible endpoint on loopback: chat completions with images as data URIs, and the Batch API.

``with OpenAIServer() as server:`` serves on a free port; ``server.url`` is the base URL, ``server.log`` has every
request that came. Texts are made here, by a rule: what an image's file is decides what is said of it. ``faults`` break
things: image's SHA-256 -> what happens to its next requests, one after the other; ``always`` to all of them.

``python -m tests.openai_server --latency 0.2`` serves until its standard input ends; it prints its URL.
"""

from __future__ import annotations

import argparse
import base64
import email
import hashlib
import io
import json
import random
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
from PIL import Image

SHAPES = ("long, thin line", "round spot", "ragged patch", "curved streak", "cluster of small pits", "wavy band")
PLACES = ("upper left corner", "centre", "lower right part", "left edge", "top", "bottom right corner")
SIZES = ("small", "about a third of the image wide", "tiny", "large", "medium-sized", "as wide as the whole image")
DEPTHS = ("shallow", "deep", "only superficial", "slightly raised")
TONES = ("darker than the steel around it", "brighter than its surroundings", "of low contrast", "almost black")
REFUSAL = "I'm sorry, but I can't assist with that request."


@dataclass
class Request:
    """What came."""

    image: str | None
    """SHA-256 of the image's file."""
    step: str
    n: int
    authorization: str | None
    body: dict[str, Any] = field(repr=False)
    path: str = "/v1/chat/completions"
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    """Names in lower case."""
    answered: bool = False
    """A reply with choices went out."""
    when: float = field(default_factory=time.time, repr=False)


Reply = tuple[int, dict[str, str], Any]
"""Status, headers, and the body: JSON, bytes, or a function that is given the handler and writes it all itself."""


class OpenAIServer(ThreadingHTTPServer):
    """The server; a context manager."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, latency: float = 0.0, *, several: str = "yes", poor: float = 0.0):
        """
        Args:
            latency: Seconds before each reply.
            several: What ``n`` does: ``yes``, ``ignored`` or ``refused`` (400).
            poor: Share of the images whose descriptions leave dimensions out.
        """
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/v1"
        self.latency, self.several, self.poor = latency, several, poor
        self.log: list[Request] = []
        self.sight: list[Request] = []
        """Requests that ask what is in a picture; all others are in the log."""
        self.faults: dict[str, list[str]] = {}
        self.always: dict[str, str] = {}
        self.fail_all: str | None = None
        self.answer: Callable[[Request], Reply | None] | None = None
        """Replies in the place of this server's own, whatever the path; None leaves a request to it."""
        self.at_once = self.most_at_once = 0
        self.files: dict[str, bytes] = {}
        self.batches: dict[str, dict[str, Any]] = {}
        self.looks_at_batch = 1
        """How often a batch is looked at before it is done."""
        self.released = threading.Event()
        self.lock = threading.Lock()

    def __enter__(self) -> OpenAIServer:
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self.shutdown()
        self.server_close()

    def handle_error(self, *_: object) -> None:
        """A client that goes away is no news."""

    def fault_of(self, request: Request) -> str | None:
        image = request.image or ""
        with self.lock:
            waiting = self.faults.get(image)
            return waiting.pop(0) if waiting else self.always.get(image, self.fail_all)

    def reply(self, request: Request, fault: str | None) -> tuple[int, dict[str, str], Any]:
        """Status, headers and body."""
        if fault == "429":
            return 429, {"retry-after": "0.2"}, error("Rate limit reached", "rate_limit_exceeded")
        if fault == "500":
            return 500, {"retry-after-ms": "50"}, error("The server had an error")
        if fault == "401":
            return 401, {}, error(f"Incorrect API key provided: {request.authorization}")
        if fault == "400":
            return 400, {}, error("The image is too small")
        if fault == "not-json":
            return 200, {}, b'{"id": "chatcmpl-1", "choices": [{"mess'
        if request.n > 1 and self.several == "refused":
            return 400, {}, error("n must be 1 for this model")
        request.answered = True
        n = request.n if self.several == "yes" else 1
        choices = [self.choice(request, fault, number) for number in range(n)]
        words = sum(len((c["message"]["content"] or "").split()) for c in choices)
        usage = {"prompt_tokens": 400, "completion_tokens": 2 * words, "total_tokens": 400 + 2 * words}
        head = {"id": "chatcmpl-1", "object": "chat.completion", "created": int(time.time()), "model": "fake-vlm"}
        return 200, {}, head | {"choices": choices, "usage": usage}

    def choice(self, request: Request, fault: str | None, number: int) -> dict[str, Any]:
        text: str | None = self.text(request, number)
        finish, refusal = "stop", None
        if fault == "refuse":
            text, refusal = None, "I cannot describe this image."
        elif fault == "refuse-in-words":
            text = REFUSAL
        elif fault == "empty":
            text = "  "
        elif fault == "filter":
            text, finish = "", "content_filter"
        elif fault == "no-object" and request.step == "supplement":
            text = "Shape: round. I would rather not write JSON {"
        elif fault == "cut" and number == 0:
            text, finish = str(text)[: len(str(text)) // 2], "length"
        message = {"role": "assistant", "content": text, "refusal": refusal}
        return {"index": number, "message": message, "finish_reason": finish, "logprobs": None}

    def text(self, request: Request, number: int) -> str:
        """What is said: another text for each choice and request, the same in each run."""
        with self.lock:
            before = sum(r.image == request.image and r.step == request.step and r.answered for r in self.log) - 1
        salt = before * 10 + number
        rng = random.Random(f"{request.image} {request.step} {request.body['messages'][-1]['content']!s:.60} {salt}")
        shape, place, size, depth, tone = (rng.choice(w) for w in (SHAPES, PLACES, SIZES, DEPTHS, TONES))
        if request.step == "sight":
            return self.what_is_seen(request)
        if request.step == "class-looks":
            return f"A {shape}, {tone}, {size}."
        if request.step == "class-cause":
            causes = ("worn work rolls", "scale left by descaling", "friction in the coiler", "uneven strip cooling")
            return rng.choice(causes)
        if request.step == "supplement":
            answers = {
                "shape": f"It is a {shape}.",
                "size": f"It is {size}.",
                "depth": "not visible",
                "location": f"It lies in the {place} of the image",
                "contrast": f"It is {tone}.",
            }
            return f"```json\n{json.dumps(answers)}\n```"
        if int(str(request.image)[:8], 16) / 0xFFFFFFFF < self.poor:
            return f"A {shape} can be seen on the steel, {rng.choice(('as is common', 'once more', 'as before'))}."
        return f"A {size} {shape} lies in the {place} of the image. It is {depth} and {tone}."

    def what_is_seen(self, request: Request) -> str:
        """This server looks at pictures: rows of stripes are all the same."""
        url = request.body["messages"][1]["content"][1]["image_url"]["url"]
        pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(url.split(",")[1]))))
        return "It is fine stripes." if (pixels == pixels[0]).all() else "It is a large disc."


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: OpenAIServer

    def log_message(self, *_: object) -> None:
        pass

    def send(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"content-type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_POST(self) -> None:
        data = self.rfile.read(int(self.headers["content-length"]))
        path = self.path.split("?")[0]
        if path == "/v1/chat/completions" or (self.server.answer and path.endswith("/chat/completions")):
            self.chat(json.loads(data))
        elif self.path == "/v1/files":
            self.upload(data)
        elif self.path == "/v1/batches":
            self.start_batch(json.loads(data))
        else:
            self.send(404, error("no such path"))

    def do_GET(self) -> None:
        server, parts = self.server, self.path.split("?")[0].strip("/").split("/")
        if parts[1:] == ["batches"]:
            self.send(200, {"object": "list", "data": list(server.batches.values()), "has_more": False})
        elif parts[1] == "batches":
            batch = server.batches[parts[2]]
            batch["looks"] += 1
            if batch["looks"] > server.looks_at_batch and batch["status"] == "in_progress":
                run_batch(server, batch)
            self.send(200, batch)
        elif parts[1] == "files" and parts[3:] == ["content"]:
            self.send(200, server.files[parts[2]], {"content-type": "application/octet-stream"})
        else:
            self.send(404, error("no such path"))

    def chat(self, body: dict[str, Any]) -> None:
        server = self.server
        request = request_of(body, self.headers.get("authorization"))
        request.path, request.headers = self.path, {name.lower(): value for name, value in self.headers.items()}
        with server.lock:
            (server.sight if request.step == "sight" else server.log).append(request)
            server.at_once += 1
            server.most_at_once = max(server.most_at_once, server.at_once)
        fault = server.fault_of(request)
        if fault == "hang":
            server.released.wait(30)
        given = server.answer(request) if server.answer else None
        status, headers, reply = given or server.reply(request, fault)
        time.sleep(server.latency)
        with server.lock:
            server.at_once -= 1
        if callable(reply):
            reply(self)
        else:
            self.send(status, reply, headers)

    def upload(self, data: bytes) -> None:
        head = f"content-type: {self.headers['content-type']}\r\n\r\n".encode()
        for part in email.message_from_bytes(head + data).get_payload():
            if part.get_filename():
                name = f"file-{len(self.server.files)}"
                self.server.files[name] = part.get_payload(decode=True)
                about = {"id": name, "object": "file", "bytes": 1, "created_at": 1, "filename": "x", "purpose": "batch"}
                self.send(200, about | {"status": "processed"})

    def start_batch(self, body: dict[str, Any]) -> None:
        name = f"batch-{len(self.server.batches)}"
        batch = {"id": name, "object": "batch", "created_at": 1, "status": "in_progress", "looks": 0, **body}
        self.server.batches[name] = batch
        self.send(200, batch)


def request_of(body: dict[str, Any], authorization: str | None) -> Request:
    _, content = (message["content"] for message in body["messages"])
    if isinstance(content, str):
        step = "class-looks" if "look like" in content else "class-cause"
        return Request(None, step, body.get("n", 1), authorization, body)
    kind, data = content[1]["image_url"]["url"].split(",", 1)
    assert kind in ("data:image/png;base64", "data:image/jpeg;base64"), kind
    digest = hashlib.sha256(base64.b64decode(data, validate=True)).hexdigest()
    question = content[0]["text"]
    step = "supplement" if "JSON" in question else "sight" if "chequerboard" in question else "candidates"
    return Request(digest, step, body.get("n", 1), authorization, body)


def run_batch(server: OpenAIServer, batch: dict[str, Any]) -> None:
    """Answer the lines of a batch's file."""
    good, bad = [], []
    for line in server.files[batch["input_file_id"]].decode().splitlines():
        asked = json.loads(line)
        request = request_of(asked["body"], None)
        server.log.append(request)
        fault = server.fault_of(request)
        if fault == "lost":
            continue
        status, _, body = server.reply(request, fault)
        response = {"status_code": status, "request_id": "1", "body": body if isinstance(body, dict) else {}}
        done = {"id": "1", "custom_id": asked["custom_id"], "response": response, "error": None}
        (good if status == 200 else bad).append(json.dumps(done))
    batch["status"] = "completed"
    for key, lines in (("output_file_id", good), ("error_file_id", bad)):
        if lines:
            batch[key] = f"file-{len(server.files)}"
            server.files[batch[key]] = "\n".join(lines).encode()


def error(message: str, code: str | None = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": "error", "param": None, "code": code}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--latency", type=float, default=0.0)
    parser.add_argument("--several", default="yes")
    parser.add_argument("--poor", type=float, default=0.0)
    options = parser.parse_args()
    with OpenAIServer(options.latency, several=options.several, poor=options.poor) as server:
        print(server.url, flush=True)
        sys.stdin.read()
        counted = {"requests": len(server.log), "most_at_once": server.most_at_once}
        print(json.dumps(counted | {"first": min((r.when for r in server.log), default=None)}), flush=True)


if __name__ == "__main__":
    main()
