"""The engine and its sessions: PostgreSQL, or SQLite in WAL mode."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic
from types import ModuleType
from typing import Any, cast

from sqlalchemy import URL, Connection, Engine, QueuePool, create_engine, event, make_url
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DisconnectionError, InvalidatePoolError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import ConnectionPoolEntry

from models.deployment import Schema, schema_of
from models.fair_lock import FairLock
from models.outages import DatabaseMissing, DatabaseOutdated, DatabaseUnavailable, invalidates_connections, outage
from models.session import ProjectSession
from models.sqlite_file import SqliteFile

try:
    import pysqlite3 as sqlite  # newer than what Python brings
except ImportError:  # no wheel for this platform
    import sqlite3 as sqlite

# Before 3.51.3, resetting the write-ahead log could corrupt a database.
SAFE_WAL = (3, 51, 3)

# Both together far less than the time for which a lease of the default length outlives an outage (worker/lease.py).
BUSY_TIMEOUT_SECONDS = 5  # for another process that writes to SQLite
WRITE_LOCK_SECONDS = 2  # for other threads that do

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

# What a process may have open at once, and how many of these it keeps. The most recently used is taken first, and
# PostgreSQL closes what was not used for UNUSED_SECONDS, so that a busy hour's connections do not stay.
KEPT_CONNECTIONS = 10
MOST_CONNECTIONS = 20
UNUSED_SECONDS = 300
IDLE_SESSION_TIMEOUT_SINCE = 14_00_00  # the version of PostgreSQL

# So long somebody waits for one of them.
POOL_TIMEOUT_SECONDS = 10

_HAS_TURN = "has_turn"


class Database:
    """One process's door to the database. Cheap to make; connects when first used, and makes no file.

    Whatever keeps the database from its work is raised as `DatabaseUnavailable`; what is a mistake of ours, as
    SQLAlchemy has it. With `pinned`, the database that answers first is the only one that will do: another in its place
    counts as missing. Raises `sqlalchemy.exc.ArgumentError` for a URL that cannot be read.
    """

    def __init__(
        self, url: str, *, connections: int = MOST_CONNECTIONS, kept: int = KEPT_CONNECTIONS, pinned: bool = False
    ) -> None:
        """`connections` may be open at once, of which up to `kept` stay so."""
        parsed = make_url(url)
        kept = min(kept, connections)
        pool = {"pool_size": kept, "max_overflow": connections - kept, "pool_timeout": POOL_TIMEOUT_SECONDS}
        self.most_connections = connections
        self._identity: str | None = None
        self._outages: dict[type[DatabaseUnavailable], float] = {}
        self._file: SqliteFile | None = None
        if parsed.get_backend_name() == "sqlite":
            self.engine = _sqlite_engine(parsed, sqlite, pool)
            if parsed.database:
                self._file = SqliteFile(Path(parsed.database))
                self._file.make_private()
                self._file.watch(self.engine)
            self._reader = self.engine.execution_options(read_only=True)
            self._glancer = self.engine.execution_options(no_transaction=True)
        else:
            self.engine = create_engine(
                parsed, **pool, pool_use_lifo=True, hide_parameters=True, connect_args=_connect_args(parsed)
            )
            _close_what_is_unused(self.engine)
            _ping_what_was_idle(self.engine)
            self._reader = self.engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            self._glancer = self.engine.execution_options(isolation_level="AUTOCOMMIT", postgresql_readonly=True)
        _leave_what_is_stale(self.engine)
        if pinned:
            event.listen(self.engine, "connect", self._require_the_same)

    def create(self) -> None:
        """Make SQLite's file where there is none, and its folder. For migrations alone: whoever else finds none has
        lost it. Raises CannotStart."""
        if self._file:
            self._file.create()

    @contextmanager
    def session(self, project: str | None = None) -> Iterator[ProjectSession]:
        """A transaction that may write: committed at the end, rolled back on an exception."""
        with (
            self.translated_errors(),
            ProjectSession(self.engine, expire_on_commit=False) as session,
            session.begin(),
        ):
            session.project = project
            yield session

    @contextmanager
    def snapshot(self, project: str | None = None) -> Iterator[ProjectSession]:
        """A transaction that only reads, all of it one state of the database. On SQLite it neither waits for a
        writer nor holds one up."""
        with self.translated_errors(), ProjectSession(self._reader, expire_on_commit=False) as session:
            session.project = project
            yield session

    @contextmanager
    def autocommit_read(self, project: str | None = None) -> Iterator[ProjectSession]:
        """For reads of which each may see a later state than the one before. Saves PostgreSQL the round trips that
        begin and end a transaction, which are half of what a poll costs."""
        with self.translated_errors(), ProjectSession(self._glancer, expire_on_commit=False) as session:
            session.project = project
            yield session

    def schema(self) -> Schema:
        """What its schema is to this release. Raises DatabaseUnavailable."""
        with self.translated_errors(), self._reader.connect() as connection:
            return schema_of(connection)

    def incompatibility(self) -> str | None:
        """Why this release cannot work with what is there, and what to do, for whoever starts a program; None where it
        can. Raises DatabaseUnavailable where it does not answer."""
        try:
            return self.schema().incompatibility
        except DatabaseMissing:
            if self._file:
                return "There is no such database: where it is to be a new one, `python -m migrations` makes it."
            return (
                "The server has no such database, or no such user: create both, and then call `python -m migrations`."
            )

    def seconds_since(self, kind: type[DatabaseUnavailable]) -> float:
        """Since this process last met an outage of that kind; infinite where it never has."""
        return monotonic() - self._outages.get(kind, float("-inf"))

    @property
    def open_connections(self) -> int:
        """Of this process, in use or kept."""
        pool = cast("QueuePool", self.engine.pool)
        return pool.checkedin() + pool.checkedout()

    def dispose(self) -> None:
        """Close every connection."""
        self.engine.dispose()

    @contextmanager
    def translated_errors(self) -> Iterator[None]:
        """What is raised inside is told as what it is, as by `session`: for whoever uses `engine` itself."""
        try:
            yield
        except (SQLAlchemyError, DatabaseUnavailable) as error:
            found = outage(error)
            if found is None or (isinstance(found, DatabaseOutdated) and not self._is_unfit()):
                raise  # a mistake of ours
            self._outages[type(found)] = monotonic()
            if found is error:
                raise
            raise found from error

    def _is_unfit(self) -> bool:
        """Whether a missing table or column is missing because the schema is another release's."""
        try:
            with self._reader.connect() as connection:
                return schema_of(connection).incompatibility is not None
        except (SQLAlchemyError, DatabaseUnavailable):
            return True  # nobody knows now

    def _require_the_same(self, connection: Any, _record: object) -> None:
        """For a new connection: an address may lead elsewhere than it did, and a file may be another's backup."""
        found = _identity_of(connection, self.engine.dialect.loaded_dbapi.Error)
        if self._identity not in (None, found):
            connection.close()
            raise DatabaseMissing(f"the database was {self._identity}, and in its place is {found or 'an empty one'}")
        self._identity = found


def _identity_of(connection: Any, error: type[Exception]) -> str | None:
    """None where there is no such table."""
    cursor = connection.cursor()
    row = None
    with suppress(error):
        row = cursor.execute("SELECT id FROM deployment").fetchone()
    cursor.close()
    connection.rollback()
    return str(row[0]) if row else None


def _leave_what_is_stale(engine: Engine) -> None:
    """No connection is used again that was opened in another state of the world: before the server turned into a
    standby, the file was replaced, the disk failed."""

    @event.listens_for(engine, "handle_error")
    def judge(context: ExceptionContext) -> None:
        if not context.is_disconnect and context.sqlalchemy_exception is not None:
            context.is_disconnect = invalidates_connections(context.sqlalchemy_exception)


def _close_what_is_unused(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def limit(connection: Any, _record: object) -> None:
        if connection.info.server_version >= IDLE_SESSION_TIMEOUT_SINCE:
            connection.execute(f"SET idle_session_timeout = '{UNUSED_SECONDS}s'")
            connection.commit()


def _ping_what_was_idle(engine: Engine) -> None:
    """Before it is used again: meanwhile the server may have gone. A connection that was in use a moment ago saves the
    round trip, which a poll would feel."""

    @event.listens_for(engine, "checkin")
    def note(connection: Any, record: ConnectionPoolEntry) -> None:
        record.info["used_at"] = monotonic()
        # After a snapshot SQLAlchemy leaves it at "read write", which says more than the server's own default: it would
        # write where its owner has made all read-only, and a standby refuses the very words.
        if connection is not None and not connection.closed:
            connection.read_only = None

    @event.listens_for(engine, "checkout")
    def ping(connection: Any, record: ConnectionPoolEntry, _proxy: object) -> None:
        if monotonic() - record.info.get("used_at", monotonic()) > IDLE_SECONDS:
            try:
                engine.dialect.do_ping(connection)
            except engine.dialect.loaded_dbapi.Error as error:
                # Unused for so long that the server closed it: no reason to doubt the others.
                was_unused = monotonic() - record.info["used_at"] >= UNUSED_SECONDS
                raise (DisconnectionError if was_unused else InvalidatePoolError) from error


def _connect_args(url: URL) -> dict[str, str | int]:
    """Our limits, but for those that the address has itself; its `options` stand behind ours."""
    own = {name: value for name, value in POSTGRESQL_TIMEOUTS.items() if name not in url.query}
    return own | {"options": f"{POSTGRESQL_TIMEOUTS['options']} {url.query.get('options', '')}".rstrip()}


def _sqlite_engine(url: URL, module: ModuleType, pool: dict[str, Any]) -> Engine:
    # Writers of one process take turns here. The database has no line: whoever finds it busy sleeps, and tries again
    # after 1 ms, 2, 5 ... 100, while others that come later are served.
    turns = FairLock()
    engine = create_engine(
        url,
        module=module,
        **pool,
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
            if not turns.acquire(WRITE_LOCK_SECONDS):
                raise PoolTimeout(f"No turn to write came within {WRITE_LOCK_SECONDS} seconds.")
            connection.info[_HAS_TURN] = True
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    @event.listens_for(engine, "checkin")
    def give_turn_back(_connection: object, record: ConnectionPoolEntry) -> None:
        """However the transaction ended, its connection comes back to the pool."""
        if record.info.pop(_HAS_TURN, False):
            turns.release()

    return engine
