"""Two runs of `annotate` on one store: each image is asked about once, and who ends first says who goes on."""

import os
import random
import signal
import threading
import time
from collections import Counter

import pytest

from steeldefectx.annotate.pipeline import batch, class_descriptions, image_pipeline
from steeldefectx.annotate.pipeline import run as pipeline_run
from steeldefectx.annotate.pipeline.costs import prices_of
from steeldefectx.annotate.pipeline.dataset_images import find_images
from steeldefectx.annotate.pipeline.sender import RequestSender
from steeldefectx.errors import AnnotationError
from steeldefectx.store import annotation_store
from steeldefectx.store.annotation_store import Store
from steeldefectx.store.leases import BATCH, CLASS, IMAGE, Leases
from tests.annotate.pipeline.endpoint_runs import StandIn
from tests.annotate.pipeline.test_annotate import (
    KEY,
    SENTENCES,
    annotate,
    answers_by_image,
    arguments,
    digests,
    integrity,
    make_images,
    store_of,
)
from tests.annotate.pipeline.test_annotate import run as run_command
from tests.commands import FORKS
from tests.openai_server import OpenAIServer
from tests.store.test_annotation_store import server as postgres_server  # noqa: F401


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    """These tests are not about Sentence-BERT."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    for module in (pipeline_run, class_descriptions):
        monkeypatch.setattr(module, "SentenceModel", StandIn)


def config_for(server, **more):
    settings = {"concurrency": 4, "sentence_model": SENTENCES, "prices": prices_of("gpt-4o", None, None)}
    return pipeline_run.AnnotationConfig("gpt-4o", server.url, **(settings | more))


def at_once(*calls):
    """What each returns, each in a thread of its own."""
    results = {}

    def call(number):
        results[number] = calls[number]()

    threads = [threading.Thread(target=call, args=(number,)) for number in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return [results[number] for number in range(len(calls))]


def asked(log, step="candidates"):
    return Counter(request.image for request in log if request.step == step)


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_two_event_loops_share_the_images(tmp_path, request, database):
    images, _ = find_images("class-folders", make_images(tmp_path / "images", 30), skip_bad=False)
    target = tmp_path / "a.db" if database == "sqlite" else request.getfixturevalue("postgres_server")
    Store.open(target).close()
    with OpenAIServer(0.1, poor=0.5) as server:
        job = config_for(server)
        summaries = at_once(*[lambda: pipeline_run.annotate(images, Store.open(target), job)] * 2)
        log = list(server.log)
    assert set(asked(log).values()) == {1}
    assert len(asked(log)) == 30
    assert set(asked(log, "supplement").values()) == {1}
    assert sum(summary.annotated for summary in summaries) == 30
    assert min(summary.annotated for summary in summaries) >= 4
    store = Store.open(target)
    assert len(store.annotated()) == 30
    assert store.spent() == pytest.approx(sum(a.cost for i in images for s in ("candidates", "supplement")
                                              for a in store.answers(s, image_id=i.image_id))
                                          + sum(a.cost for a in store.answers("sight")))  # fmt: skip
    store.close()


def test_who_gets_nothing_says_who_works(tmp_path):
    images, path = make_images(tmp_path / "images", 6), tmp_path / "a.db"
    with OpenAIServer() as server:
        store = Store.open(path)
        ids = [image.image_id for image in find_images("class-folders", images, skip_bad=False)[0]]
        with Leases(store) as other:
            other.take(IMAGE, ids[1:3])
            done = run_command(images, path, server)
            assert done.exit_code == 1
            assert f"2 images are being asked about by process {os.getpid()} on " in done.stderr
            assert "4 of 6 images are described" in done.stdout
        assert run_command(images, path, server).exit_code == 0
        assert set(asked(server.log).values()) == {1}


def test_what_has_failed_with_another_run_is_not_asked_again(tmp_path):
    images, path = make_images(tmp_path / "images", 8), tmp_path / "a.db"
    with OpenAIServer(0.1) as server:
        server.always = dict.fromkeys(digests(images), "400")
        rows, _ = find_images("class-folders", images, skip_bad=False)
        Store.open(path).close()
        job = config_for(server, concurrency=2)
        at_once(*[lambda: pipeline_run.annotate(rows, Store.open(path), job)] * 2)
        assert set(asked(server.log).values()) == {1}
        server.always = {}
        assert run_command(images, path, server).exit_code == 0


def test_a_run_that_has_lost_its_images_sends_nothing_more(tmp_path, monkeypatch):
    images, path = make_images(tmp_path / "images", 12), tmp_path / "a.db"
    with OpenAIServer(0.05) as server:
        seconds, check = time.monotonic(), Leases.check

        def lost(leases):
            if len(server.log) >= 4:
                leases._lost = True
            check(leases)

        monkeypatch.setattr(Leases, "check", lost)
        done = run_command(images, path, server, "--concurrency", "2")
        assert done.exit_code == 2
        assert "another one took it for dead" in done.stderr
        assert len(server.log) <= 6
        assert sum(answers_by_image(path).values()) == len(server.log)
        assert time.monotonic() - seconds < 30


def test_a_budget_is_for_one_run_at_a_time(tmp_path):
    images, path = make_images(tmp_path / "images", 3), tmp_path / "a.db"
    with OpenAIServer() as server, Leases(Store.open(path)):
        done = run_command(images, path, server, "--max-cost", "5")
        assert (done.exit_code, server.log) == (2, [])
        assert "--max-cost counts what both spend" in done.stderr


def test_two_batch_runs_hand_in_each_image_once(tmp_path, monkeypatch):
    monkeypatch.setattr(batch, "FIRST_WAIT", 0.02)
    images, path = make_images(tmp_path / "images", 9), tmp_path / "a.db"
    rows, _ = find_images("class-folders", images, skip_bad=False)
    Store.open(path).close()
    with OpenAIServer() as server:
        server.looks_at_batch = 10
        job = config_for(server, batch=True)
        at_once(*[lambda: pipeline_run.annotate(rows, Store.open(path), job)] * 2)
        assert set(asked(server.log).values()) == {1}
        assert len(server.batches) == 1
    assert len(store_of(path).annotated()) == 9
    assert set(answers_by_image(path).values()) == {1}


def test_images_in_a_batch_that_another_run_fetches_are_left_to_it(tmp_path):
    images, path = make_images(tmp_path / "images", 4), tmp_path / "a.db"
    rows, _ = find_images("class-folders", images, skip_bad=False)
    store = Store.open(path)
    store.add_images(rows)
    requests = [{"custom_id": "0", "image_id": rows[0].image_id, "step": "candidates", "parameters": {}}]
    store.save_batch(annotation_store.Batch("file-7", "gpt-4o", "1", requests))
    with OpenAIServer() as server:
        with Leases(store) as other:  # it has the batch, and not yet the image in it
            other.take(BATCH, ["file-7"])
            done = run_command(images, path, server)
        assert (done.exit_code, len(server.log)) == (1, 3)
        assert rows[0].sha256 not in asked(server.log)
        orphan = run_command(images, path, server)
        assert (orphan.exit_code, "add --batch" in orphan.stderr) == (2, True)


def test_classes_are_taken_too(tmp_path):
    path, out = tmp_path / "a.db", tmp_path / "classes.yaml"
    store = Store.open(path)
    with OpenAIServer() as server:
        job = config_for(server)
        with Leases(store) as other:
            other.take(CLASS, ["pit"])
            failed = class_descriptions.describe_classes(["pit", "scab"], out, Store.open(path), job)
            assert list(failed) == ["pit"]
            assert f"process {os.getpid()}" in failed["pit"]
            assert not out.exists()
        before = len(server.log)
        assert class_descriptions.describe_classes(["pit", "scab"], out, Store.open(path), job) == {}
        assert 0 < len(server.log) - before <= before
        assert out.exists()


class CrashError(BaseException):
    """Nothing catches it."""


STEPS = {
    "before an answer is stored": (Store, "add_answers", False),
    "after an answer is stored": (Store, "add_answers", True),
    "in the selection": (image_pipeline, "select_candidates", False),
    "before a description is stored": (Store, "set_candidates", False),
    "after a description is stored": (Store, "set_candidates", True),
    "after images are taken": (Leases, "take", True),
    "before images are taken": (Leases, "take", False),
}


def broken(where, name, afterwards, end, count=2):
    """Make a function end everything in its second call, before it does its work or afterwards."""
    function, calls = getattr(where, name), iter(range(1000))

    def ending(*arguments, **keywords):
        last = next(calls) + 1 == count
        if last and not afterwards:
            end()
        result = function(*arguments, **keywords)
        if last:
            end()
        return result

    setattr(where, name, ending)
    return function


@pytest.mark.parametrize("step", STEPS)
def test_an_error_in_any_step_loses_nothing(tmp_path, step):
    def crash():
        raise CrashError

    images, path = make_images(tmp_path / "images", 8), tmp_path / "a.db"
    rows, _ = find_images("class-folders", images, skip_bad=False)
    with OpenAIServer(poor=0.5) as server:
        where, name, afterwards = STEPS[step]
        function = broken(where, name, afterwards, crash)
        try:
            with pytest.raises((CrashError, AnnotationError)):
                pipeline_run.annotate(rows, Store.open(path), config_for(server, concurrency=2))
        finally:
            setattr(where, name, function)
        check_resumed(server, images, path, in_flight=2)


def test_nothing_is_asked_after_an_answer_could_not_be_stored(tmp_path, monkeypatch):
    def crash(*_, **__):
        raise CrashError

    store = Store.open(tmp_path / "a.db")
    with OpenAIServer() as server:
        monkeypatch.setattr(RequestSender, "_store_answers", crash)
        job = config_for(server, concurrency=1)
        with pytest.raises(CrashError):
            class_descriptions.describe_classes(["pit", "scab", "rust"], tmp_path / "c.yaml", store, job)
        assert len(server.log) == 1


def check_resumed(server, images, path, in_flight):
    """What is stored is asked by nobody, and what was under way is all that is asked again."""
    stored, before = answers_by_image(path), len(server.log)
    done = run_command(images, path, server)
    assert done.exit_code == 0, done.output
    again = asked(server.log[before:])
    assert all(stored[image] + again[image] == 1 for image in digests(images))
    assert set(answers_by_image(path).values()) == {1}
    assert sum(asked(server.log).values()) <= len(digests(images)) + in_flight
    assert integrity(path) == "ok"


def annotate_until(words, step):
    where, name, afterwards = STEPS[step]
    broken(where, name, afterwards, lambda: os.kill(os.getpid(), signal.SIGKILL))
    annotate(words)


@pytest.mark.integration
@pytest.mark.parametrize("step", STEPS)
def test_a_kill_in_any_step_loses_nothing(tmp_path, step):
    images, path = make_images(tmp_path / "images", 8), tmp_path / "a.db"
    with OpenAIServer(poor=0.5) as server:
        process = FORKS.Process(
            target=annotate_until, args=(arguments(images, path, server, "--concurrency", "2"), step)
        )
        process.start()
        process.join(60)
        assert process.exitcode == -signal.SIGKILL
        check_resumed(server, images, path, in_flight=2)


@pytest.mark.integration
@pytest.mark.parametrize("seed", range(3))
def test_two_processes_and_kills_at_any_time(tmp_path, seed):
    """Three kills, each followed by another start: what was stored before a start is asked about by nobody."""
    rng = random.Random(seed)
    images, path = make_images(tmp_path / "images", 60), tmp_path / "a.db"
    with OpenAIServer(0.1, poor=0.3) as server:

        def start():
            process = FORKS.Process(target=annotate, args=(arguments(images, path, server, "--concurrency", "4"),))
            process.start()
            return process

        runs = [start(), start()]
        for _ in range(3):
            wanted = len(server.log) + rng.randrange(3, 14)
            while len(server.log) < wanted and any(process.is_alive() for process in runs):
                time.sleep(0.005)
            time.sleep(rng.random() / 10)
            victim = runs.pop(rng.randrange(2))
            victim.kill()
            victim.join()
            assert integrity(path) == "ok"
            stored, when = set(answers_by_image(path)), time.time()
            runs.append(start())
            time.sleep(0.2)
            assert not [r for r in server.log if r.step == "candidates" and r.when > when + 0.1 and r.image in stored]
        for process in runs:
            process.join(120)
        stored = set(answers_by_image(path))
        done = run_command(images, path, server)
        assert done.exit_code == 0, done.output
        log = list(server.log)
    assert set(answers_by_image(path).values()) == {1}  # nothing was paid for and stored twice
    assert sum(asked(log).values()) <= 60 + 3 * 4  # twice only what was under way at a kill
    assert integrity(path) == "ok"
