"""Leases: two runs on one store, on SQLite and on a real PostgreSQL server; runs that die, stop or are far away."""

import os
import signal
import sqlite3
import tempfile
import time
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from steeldefectx.errors import AnnotationError
from steeldefectx.store import leases
from steeldefectx.store.annotation_store import Store
from steeldefectx.store.leases import IMAGE, Leases, LostLeaseError
from steeldefectx.store.schema import Run, now
from tests.commands import FORKS
from tests.store.test_annotation_store import server, target  # noqa: F401

NAMES = [f"{n:03d}" for n in range(40)]


@pytest.fixture(autouse=True)
def temporary_files(tmp_path, monkeypatch):
    """Lock files are looked for where no other test leaves any."""
    folder = tmp_path / "locks"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    yield folder
    assert list(folder.glob("steeldefectx-run-*")) == []


@pytest.fixture
def store(target):  # noqa: F811
    store = Store.open(target)
    yield store
    store.close()


def test_what_one_run_has_taken_no_other_gets_until_it_is_done_or_ended(store):
    with Leases(store) as first, Leases(store) as second:
        assert first.take(IMAGE, ["a", "b"]) == {"a", "b"}
        assert second.take(IMAGE, ["b", "c"]) == {"c"}
        assert second.take("class", ["a"]) == {"a"}
        first.release(IMAGE, ["a"])
        first.take(IMAGE, [])
        assert second.take(IMAGE, ["a", "b"]) == {"a"}
        (holder,) = second.holders(IMAGE, ["a", "b", "c", "d"])
        assert (holder.process, holder.count) == (os.getpid(), 1)
        assert str(os.getpid()) in str(holder)
        assert first.holders(IMAGE, ["a", "c"])[0].count == 2
    with Leases(store) as third:
        assert third.take(IMAGE, ["a", "b", "c"]) == {"a", "b", "c"}


def test_a_list_that_no_single_query_takes(store):
    names = {str(n) for n in range(2 * leases.IDS_AT_A_TIME + 1)}
    with Leases(store) as first, Leases(store) as second:
        assert first.take(IMAGE, names) == names
        assert second.take(IMAGE, names) == set()
        assert second.holders(IMAGE, names)[0].count == len(names)


def take_one_by_one(where, folder, start, taken):
    """Takes what it can, as fast as it can."""
    tempfile.tempdir = folder
    store = Store.open(where)
    with Leases(store) as mine:
        start.wait(60)
        for name in NAMES:
            for got in mine.take(IMAGE, [name]):
                taken.put(got)
        start.wait(60)  # nobody ends before all have seen all
    store.close()


@pytest.mark.integration
def test_three_processes_share_a_list_and_none_takes_what_another_has(target, temporary_files):  # noqa: F811
    Store.open(target).close()
    start, taken = FORKS.Barrier(3), FORKS.Queue()
    processes = [
        FORKS.Process(target=take_one_by_one, args=(target, str(temporary_files), start, taken)) for _ in range(3)
    ]
    for process in processes:
        process.start()
    got = [taken.get(timeout=60) for _ in NAMES]
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    assert sorted(got) == NAMES
    assert taken.empty()


def hold(where, folder, ready):
    tempfile.tempdir = folder
    mine = Leases(Store.open(where))
    mine.take(IMAGE, NAMES)
    ready.set()
    time.sleep(60)


@pytest.mark.integration
def test_what_a_killed_run_had_is_free_at_once_and_what_a_stopped_one_has_is_not(target, store, temporary_files):  # noqa: F811
    ready = FORKS.Event()
    process = FORKS.Process(target=hold, args=(target, str(temporary_files), ready))
    process.start()
    assert ready.wait(60)
    os.kill(process.pid, signal.SIGSTOP)
    with store.writing() as session:  # the clock says that it is dead
        session.execute(update(Run).values(expires=now() - timedelta(seconds=60)))
    with Leases(store) as mine:
        assert mine.take(IMAGE, NAMES) == set()
        assert mine.holders(IMAGE, NAMES)[0].process == process.pid
        process.kill()
        process.join()
        assert mine.take(IMAGE, NAMES) == set(NAMES)


def far_away(run, expires):
    """A run whose machine is another one: its lock is not seen here."""
    Path(run._lock.lock_file).unlink()
    with run.store.writing() as session:
        session.execute(update(Run).where(Run.run_id == run.run_id).values(expires=expires))


def test_of_a_run_on_another_machine_the_clock_tells(store):
    with Leases(store) as far, Leases(store) as mine:
        far.take(IMAGE, ["a"])
        far_away(far, now() + timedelta(seconds=5))
        assert mine.take(IMAGE, ["a"]) == set()
        far_away_again = now() - timedelta(seconds=5)
        with store.writing() as session:
            session.execute(update(Run).where(Run.run_id == far.run_id).values(expires=far_away_again))
        assert mine.take(IMAGE, ["a"]) == {"a"}
        with pytest.raises(LostLeaseError, match="took it for dead"):
            far.take(IMAGE, ["b"])
        with pytest.raises(LostLeaseError):
            far.check()


def test_a_run_goes_on_saying_that_it_is_at_work(store, monkeypatch):
    monkeypatch.setattr(leases, "RENEW_SECONDS", 0.02)
    with Leases(store) as far, Leases(store) as mine:
        far.take(IMAGE, ["a"])
        far_away(far, now() - timedelta(seconds=5))
        time.sleep(0.3)
        assert mine.take(IMAGE, ["a"]) == set()


def test_after_standing_still_a_run_looks_before_it_pays(store, monkeypatch):
    """As after a suspend: the clock has moved, nothing was renewed."""
    with Leases(store) as far:
        moved = leases._seconds() + 100
        monkeypatch.setattr(leases, "_seconds", lambda: moved)
        far.check()
        with store.writing() as session:
            session.delete(session.get(Run, far.run_id))
        far.check()  # it has just renewed
        monkeypatch.setattr(leases, "_seconds", lambda: moved + 100)
        with pytest.raises(LostLeaseError):
            far.check()


@pytest.mark.parametrize("costs", [(5.0, None), (None, 5.0), (5.0, 5.0)])
def test_a_limit_of_costs_is_for_one_run_at_a_time(store, costs, temporary_files):
    with Leases(store, costs[0]), pytest.raises(AnnotationError, match=rf"process {os.getpid()} on .* --max-cost"):
        Leases(store, costs[1])
    with Leases(store, costs[1]):
        pass


def test_a_store_of_an_earlier_version_opens(tmp_path):
    """As 0002 left it, with an answer in it."""
    path = tmp_path / "old.db"
    Store.open(path).close()
    with sqlite3.connect(path) as database:
        database.executescript(
            "DROP TABLE leases; DROP TABLE runs; ALTER TABLE claims DROP COLUMN by;"
            "ALTER TABLE reviews DROP COLUMN key; ALTER TABLE adjudications DROP COLUMN key;"
            "UPDATE alembic_version SET version_num = '0002';"
            "INSERT INTO images VALUES ('a', 'Crazing', 'NEU', NULL, '/a.png', NULL, '0');"
            "INSERT INTO answers VALUES (1, 'candidates', 'a', NULL, '1', 'm', '{}', '[]', 1, 1, 0.5, '2026-01-01');"
        )
    database.close()
    store = Store.open(path, create=False)
    assert store.spent() == 0.5
    with Leases(store) as mine:
        assert mine.take(IMAGE, ["a"]) == {"a"}
