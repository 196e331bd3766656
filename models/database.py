"""The engine and its sessions: PostgreSQL, or SQLite in WAL mode."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic
from types import ModuleType
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import InterfaceError, InternalError, InvalidatePoolError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import ConnectionPoolEntry

from environment.files import PRIVATE_FILE, PRIVATE_FOLDER, database_files, make_private
from environment.startup import CannotStart
from models.session import ProjectSession
from models.turns import Turns

try:
    import pysqlite3 as sqlite  # newer than what Python brings
except ImportError:  # no wheel for this platform
    import sqlite3 as sqlite

# Before 3.51.3, resetting the write-ahead log could corrupt a database.
SAFE_WAL = (3, 51, 3)

SQLITE_HEADER = b"SQLite format 3\0"

# Both together less than the quarter of a lease of the default length after which the next heartbeat is due.
BUSY_TIMEOUT_SECONDS = 5  # for another process that writes to SQLite
TURN_SECONDS = 2  # for other threads that do

# What a database that cannot be reached, or not now, raises: the same call may succeed later. (InternalError is what
# PostgreSQL tells a process that stood still in a transaction for too long.)
OUTAGES = (InterfaceError, InternalError, OperationalError, PoolTimeout)

# So that a server that has vanished from the network is noticed well within a lease, and a process that was stopped in
# the middle of a transaction does not keep its locks from whoever is to take over.
POSTGRESQL_TIMEOUTS: dict[str, str | int] = {
    "connect_timeout": 5,  # seconds
    "tcp_user_timeout": 10_000,  # milliseconds
    "keepalives_idle": 5,  # seconds
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "options": "-c statement_timeout=30s -c lock_timeout=10s -c idle_in_transaction_session_timeout=5s",
}

# A connection that was not used for so long is tried before it is used.
IDLE_SECONDS = 1.0

_HAS_TURN = "has_turn"


class Database:
    """One process's door to the database. Cheap to make; connects when first used.

    Raises `sqlalchemy.exc.ArgumentError` for a URL that cannot be read, CannotStart for a folder that cannot be made.
    """

    def __init__(self, url: str, *, pool_size: int = 20) -> None:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite":
            if parsed.database:
                _prepare_file(Path(parsed.database))
            self.engine = _sqlite_engine(parsed, sqlite, pool_size)
            self._reader = self.engine.execution_options(read_only=True)
            self._glancer = self.engine.execution_options(no_transaction=True)
        else:
            self.engine = create_engine(
                parsed, pool_size=pool_size, max_overflow=20, hide_parameters=True, connect_args=_connect_args(parsed)
            )
            _ping_what_was_idle(self.engine)
            self._reader = self.engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            self._glancer = self.engine.execution_options(isolation_level="AUTOCOMMIT", postgresql_readonly=True)

    @contextmanager
    def session(self, project: str | None = None) -> Iterator[ProjectSession]:
        """A transaction that may write: committed at the end, rolled back on an exception."""
        with ProjectSession(self.engine, expire_on_commit=False) as session, session.begin():
            session.project = project
            yield session

    @contextmanager
    def snapshot(self, project: str | None = None) -> Iterator[ProjectSession]:
        """A transaction that only reads, all of it one state of the database. On SQLite it neither waits for a
        writer nor holds one up."""
        with ProjectSession(self._reader, expire_on_commit=False) as session:
            session.project = project
            yield session

    @contextmanager
    def glance(self, project: str | None = None) -> Iterator[ProjectSession]:
        """For reads of which each may see a later state than the one before. Saves PostgreSQL the round trips that
        begin and end a transaction, which are half of what a poll costs."""
        with ProjectSession(self._glancer, expire_on_commit=False) as session:
            session.project = project
            yield session

    def make_file(self) -> None:
        """On SQLite, an empty file that only this user can read, where there is none: SQLite by itself would let
        everybody read it. The files that it keeps beside it get the rights of the first. Raises CannotStart."""
        if self.engine.dialect.name == "sqlite" and (path := self.engine.url.database):
            try:
                os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE))
            except OSError as error:
                raise CannotStart(f"The file of the database cannot be made: {error.strerror}.") from error

    def dispose(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def _ping_what_was_idle(engine: Engine) -> None:
    """Before it is used again: meanwhile the server may have gone. A connection that was in use a moment ago saves the
    round trip, which a poll would feel."""

    @event.listens_for(engine, "checkin")
    def note(_connection: object, record: ConnectionPoolEntry) -> None:
        record.info["used_at"] = monotonic()

    @event.listens_for(engine, "checkout")
    def ping(connection: Any, record: ConnectionPoolEntry, _proxy: object) -> None:
        if monotonic() - record.info.get("used_at", monotonic()) > IDLE_SECONDS:
            try:
                engine.dialect.do_ping(connection)
            except engine.dialect.loaded_dbapi.Error as error:
                raise InvalidatePoolError from error


def _connect_args(url: URL) -> dict[str, str | int]:
    """Our limits, but for those that the address has itself; its `options` stand behind ours."""
    own = {name: value for name, value in POSTGRESQL_TIMEOUTS.items() if name not in url.query}
    return own | {"options": f"{POSTGRESQL_TIMEOUTS['options']} {url.query.get('options', '')}".rstrip()}


def _prepare_file(path: Path) -> None:
    """Make its folder, and let nobody else read what there is of it: webhooks' secrets are in it."""
    try:
        path.parent.mkdir(PRIVATE_FOLDER, parents=True, exist_ok=True)
    except OSError as error:
        raise CannotStart(f"The folder of the database cannot be made: {error.strerror}.") from error
    with suppress(OSError), path.open("rb") as file:
        if file.read(len(SQLITE_HEADER)) in (SQLITE_HEADER, b""):  # any other file's rights are not ours to change
            for each in database_files(path):
                make_private(each)


def _sqlite_engine(url: URL, module: ModuleType, pool_size: int) -> Engine:
    # Writers of one process take turns here. The database has no line: whoever finds it busy sleeps, and tries again
    # after 1 ms, 2, 5 ... 100, while others that come later are served.
    turns = Turns()
    engine = create_engine(
        url,
        module=module,
        pool_size=pool_size,
        max_overflow=20,
        hide_parameters=True,
        connect_args={"timeout": BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # the driver starts no transactions: `begin` below does
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA journal_mode={'WAL' if module.sqlite_version_info >= SAFE_WAL else 'DELETE'}")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A deferred transaction that turns from reading to writing fails with "database is locked" at once,
        # whatever the timeout; an immediate one waits for its turn.
        options = connection.get_execution_options()
        if options.get("no_transaction", False):
            return
        if options.get("read_only", False):
            connection.exec_driver_sql("BEGIN")
            return
        if _HAS_TURN not in connection.info:  # which it keeps through several transactions
            if not turns.take(TURN_SECONDS):
                raise PoolTimeout(f"No turn to write came within {TURN_SECONDS} seconds.")
            connection.info[_HAS_TURN] = True
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    @event.listens_for(engine, "checkin")
    def give_turn_back(_connection: object, record: ConnectionPoolEntry) -> None:
        """However the transaction ended, its connection comes back to the pool."""
        if record.info.pop(_HAS_TURN, False):
            turns.give_back()

    return engine
