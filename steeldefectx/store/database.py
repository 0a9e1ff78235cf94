"""Opening the annotation store's database: SQLite or PostgreSQL, brought to the newest schema."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from steeldefectx.errors import AnnotationError

BUSY_SECONDS = 60
"""How long a process waits for another one's transaction on the same SQLite file."""
MIGRATION_LOCK = 7_778_025
"""Key of PostgreSQL's advisory lock under which one process migrates."""


def connect(target: str | os.PathLike[str], *, create: bool = True) -> Engine:
    """Open a store's database, and make its tables or bring them up to date.

    Args:
        target: A SQLite file, or the URL of a PostgreSQL database (``postgresql://host/name``).
        create: Make a SQLite file that is not there.

    Raises:
        AnnotationError: There is none, it cannot be opened, or a newer version of this package wrote it.
    """
    url = _url(target)
    is_file = url.get_backend_name() == "sqlite"
    name = url.database if is_file else url.set(query={}).render_as_string(hide_password=True)
    if is_file and not create and not Path(str(url.database)).is_file():
        raise AnnotationError(f"{name}: no such annotation store. `steeldefectx annotate` makes one.")
    try:
        # A database of no particular encoding (SQL_ASCII) would give bytes for texts.
        engine = create_engine(url, connect_args={} if is_file else {"client_encoding": "utf8"})
        if is_file:
            event.listen(engine, "connect", _prepare_sqlite)
            event.listen(engine, "begin", _begin_sqlite)
        with engine.execution_options(write=True).connect() as connection, connection.begin():
            _migrate(connection, str(name))
    except DBAPIError as error:
        # The driver's message alone: SQLAlchemy's own has the statement and its parameters.
        raise AnnotationError(f"{name}: cannot be opened as an annotation store ({error.orig}).") from None
    return engine


def _url(target: str | os.PathLike[str]) -> URL:
    name = os.fspath(target)
    if "://" not in name:
        return URL.create("sqlite", database=str(Path(name).expanduser().absolute()))
    try:
        url = make_url(name)
        url = url.set(drivername="postgresql+psycopg") if url.drivername in ("postgres", "postgresql") else url
        url.get_dialect()
    except (ArgumentError, NoSuchModuleError, ValueError):
        raise AnnotationError("The store's URL is none that can be used: postgresql://host/name, or a file.") from None
    if url.get_backend_name() not in ("sqlite", "postgresql"):
        raise AnnotationError(f"No store can be kept in {url.get_backend_name()}: name a file, or postgresql://...")
    return url


def _prepare_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    """Many readers beside one writer, and on the disk when a transaction has ended."""
    connection.isolation_level = None  # transactions begin where _begin_sqlite says, not where the driver guesses
    connection.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def _begin_sqlite(connection: Connection) -> None:
    """A writer waits for the lock at once: SQLite refuses one that has read before another wrote."""
    writes = connection.get_execution_options().get("write")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _migrate(connection: Connection, name: str) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
    config.attributes["connection"] = connection
    revisions = ScriptDirectory.from_config(config)
    if MigrationContext.configure(connection).get_current_revision() == revisions.get_current_head():
        return
    try:
        command.upgrade(config, "head")
    except CommandError:
        raise AnnotationError(f"{name} was written by a newer steeldefectx: update this one.") from None
