"""Two runs on one store: what a run works on is its own until it has ended, or is dead.

A run is dead when its process is gone, where that can be seen: it holds a lock on a file in the machine's folder for
temporary files, which the system opens when a process ends in whatever way. No clock has a say in that. Of a run on
another machine (or in another container) the lock is not seen; it is dead when it has not put off its end for
:data:`LEASE_SECONDS`, by the database's clock: PostgreSQL's own, or, for a SQLite file, this machine's.
"""

from __future__ import annotations

import os
import socket
import tempfile
import threading
import time
import uuid
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from filelock import FileLock, Timeout
from sqlalchemy import delete, func, select, text, update
from sqlalchemy.orm import Session

from steeldefectx.errors import AnnotationError
from steeldefectx.store.annotation_store import IDS_AT_A_TIME, Store
from steeldefectx.store.schema import Lease, Run, now

LEASE_SECONDS, RENEW_SECONDS = 120.0, 20.0
"""A run says every 20 s that it will be at work for 120 s more."""
IMAGE, CLASS, BATCH = "image", "class", "batch"
"""Kinds of things that are taken."""


class LostLeaseError(AnnotationError):
    """Other runs have taken this one for dead, and may be at work on what it had taken."""


@dataclass(frozen=True)
class Holder:
    """A run that works on some of the things that were asked about."""

    host: str
    process: int
    started: datetime
    count: int
    """Of these things."""

    def __str__(self) -> str:
        return f"process {self.process} on {self.host} since {self.started.astimezone():%H:%M}"


class Leases:
    """What this run works on; a context manager, at whose end all of it is free.

    Args:
        store: The store.
        max_cost: Dollars that all answers in the store may cost together; None for no limit.

    Raises:
        AnnotationError: Another run is at work, and one of the two has a limit: each would spend all of it.
    """

    def __init__(self, store: Store, max_cost: float | None = None):
        self.store = store
        self.run_id = uuid.uuid4().hex
        self._finished: list[tuple[str, str]] = []
        self._lost = False
        self._closed = threading.Event()
        self._lock = FileLock(_lock_file(self.run_id))
        self._lock.acquire()
        try:
            with self._others_waiting() as session:
                for other in session.scalars(select(Run)):
                    if max_cost is not None or other.max_cost is not None:
                        raise AnnotationError(
                            f"{_holder(other, 0)} is at work on this store too, and --max-cost counts what both spend: "
                            "wait until it has ended, or run both without --max-cost."
                        )
                clock = _clock(session)
                expires = clock + timedelta(seconds=LEASE_SECONDS)
                session.add(Run(self.run_id, socket.gethostname(), os.getpid(), max_cost, clock, expires))
        except BaseException:
            self._free_lock()
            raise
        self._renewed = _seconds()
        self._renewing = threading.Thread(target=self._keep_renewing, name="leases", daemon=True)
        self._renewing.start()

    def __enter__(self) -> Leases:
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        self._renewing.join()
        try:
            with self.store.writing() as session:
                session.execute(delete(Run).where(Run.run_id == self.run_id))
        finally:
            self._free_lock()

    def take(self, kind: str, names: Collection[str]) -> set[str]:
        """Take things that nobody works on.

        Args:
            kind: Of the things.
            names: Theirs.

        Returns:
            Names of those that are this run's now.

        Raises:
            LostLeaseError: See :meth:`check`.
        """
        insert = self.store.insert(Lease).on_conflict_do_nothing().returning(Lease.name)
        taken: set[str] = set()
        with self._others_waiting() as session:
            if session.get(Run, self.run_id) is None:
                self._lost = True
                self.check()
            self._release_finished(session)
            for some in _parts(names):
                rows = [{"kind": kind, "name": name, "run_id": self.run_id} for name in some]
                taken |= set(session.scalars(insert.values(rows)))
        return taken

    def release(self, kind: str, names: Collection[str]) -> None:
        """Say that this run is done with things; others learn of it when it takes more."""
        self._finished += [(kind, name) for name in names]

    def holders(self, kind: str, names: Collection[str]) -> list[Holder]:
        """Which other runs work on some of these things, those that work longest first."""
        counts: dict[str, int] = {}
        with self._others_waiting() as session:
            for some in _parts(names):
                where = (Lease.kind == kind, Lease.name.in_(some), Lease.run_id != self.run_id)
                query = select(Lease.run_id, func.count()).where(*where).group_by(Lease.run_id)
                for run_id, count in session.execute(query):
                    counts[run_id] = counts.get(run_id, 0) + count
            runs = session.scalars(select(Run).where(Run.run_id.in_(list(counts))).order_by(Run.started))
            return [_holder(run, counts[run.run_id]) for run in runs]

    def check(self) -> None:
        """Make sure that what was taken is this run's still: before anything is paid for.

        Raises:
            LostLeaseError: It is not; the machine was suspended, say.
            AnnotationError: The store cannot be reached.
        """
        if not self._lost and _seconds() - self._renewed > LEASE_SECONDS / 2:
            self._renew()
        if self._lost:
            raise LostLeaseError(
                "This run stood still so long that another one took it for dead, and may ask about the same images."
            )

    @contextmanager
    def _others_waiting(self) -> Iterator[Session]:
        """A transaction that other runs wait for, and in which dead ones are forgotten with all that they had taken."""
        with self.store.writing() as session:
            if session.get_bind().dialect.name == "postgresql":  # on SQLite every writer waits
                session.execute(text("LOCK TABLE runs IN EXCLUSIVE MODE"))
            clock = _clock(session)
            for run in session.scalars(select(Run)).all():
                if _is_dead(run, clock):
                    session.execute(delete(Run).where(Run.run_id == run.run_id))
            yield session

    def _keep_renewing(self) -> None:
        while not self._closed.wait(RENEW_SECONDS):
            try:
                self._renew()
            except AnnotationError:  # the store is away for a while: check() says so when it matters
                continue

    def _renew(self) -> None:
        with self.store.writing() as session:
            expires = _clock(session) + timedelta(seconds=LEASE_SECONDS)
            mine = update(Run).where(Run.run_id == self.run_id).values(expires=expires).returning(Run.run_id)
            if session.scalar(mine) is None:
                self._lost = True
        self._renewed = _seconds()

    def _release_finished(self, session: Session) -> None:
        finished, self._finished = self._finished, []
        for kind in {kind for kind, _ in finished}:
            for names in _parts([name for other, name in finished if other == kind]):
                where = (Lease.kind == kind, Lease.name.in_(names), Lease.run_id == self.run_id)
                session.execute(delete(Lease).where(*where))

    def _free_lock(self) -> None:
        self._lock.release()
        Path(self._lock.lock_file).unlink(missing_ok=True)


def _lock_file(run_id: str) -> Path:
    return Path(tempfile.gettempdir(), f"steeldefectx-run-{uuid.UUID(run_id).hex}.lock")


def _holder(run: Run, count: int) -> Holder:
    return Holder(run.host, run.process, run.started, count)


def _is_dead(run: Run, clock: datetime) -> bool:
    path = _lock_file(run.run_id)
    if not path.exists():
        return run.expires < clock
    try:
        with FileLock(path, timeout=0):
            pass
    except Timeout:
        return False
    except PermissionError:  # another user's
        return run.expires < clock
    path.unlink(missing_ok=True)
    return True


def _clock(session: Session) -> datetime:
    """The database's time. It is read when the transaction holds its locks, which it may have waited for."""
    if session.get_bind().dialect.name == "postgresql":
        return session.scalar(select(func.clock_timestamp())) or now()
    return now()


def _seconds() -> float:
    """Seconds that pass while the machine is suspended, too."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


def _parts(names: Collection[str]) -> list[Sequence[str]]:
    ordered = list(names)
    return [ordered[start : start + IDS_AT_A_TIME] for start in range(0, len(ordered), IDS_AT_A_TIME)]
