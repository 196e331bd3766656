"""The engine and its sessions: PostgreSQL, or SQLite in WAL mode."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any, cast

from sqlalchemy import Engine, QueuePool, event, make_url
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import SQLAlchemyError

from models.deployment import Schema, schema_of
from models.outages import (
    DatabaseMissing,
    DatabaseOutdated,
    DatabaseUnavailable,
    invalidates_connections,
    lacks_table,
    outage,
)
from models.postgresql_engine import postgresql_engine
from models.session import ProjectSession
from models.sqlite_engine import sqlite_engine
from models.sqlite_file import SqliteFile

try:
    import pysqlite3 as sqlite  # newer than what Python brings
except ImportError:  # no wheel for this platform
    import sqlite3 as sqlite

# How many connections a process may have open at once, and how many of them it keeps open.
MOST_CONNECTIONS = 20
KEPT_CONNECTIONS = 10

# How long a thread waits for a connection when all are in use.
POOL_TIMEOUT_SECONDS = 10


class Database:
    """One process's access to the database. Making one connects to nothing and creates no file.

    An outage is raised as `DatabaseUnavailable`; a mistake in our own SQL keeps SQLAlchemy's exception. With `pinned`,
    only the database that answers first is accepted: another one in its place counts as missing. Raises
    `sqlalchemy.exc.ArgumentError` for a URL that cannot be read.
    """

    def __init__(
        self, url: str, *, connections: int = MOST_CONNECTIONS, kept: int = KEPT_CONNECTIONS, pinned: bool = False
    ) -> None:
        """Up to `connections` are open at once, and up to `kept` of them stay open."""
        parsed = make_url(url)
        kept = min(kept, connections)
        pool = {"pool_size": kept, "max_overflow": connections - kept, "pool_timeout": POOL_TIMEOUT_SECONDS}
        self.most_connections = connections
        self._identity: str | None = None
        self._outages: dict[type[DatabaseUnavailable], float] = {}
        self._file: SqliteFile | None = None
        if parsed.get_backend_name() == "sqlite":
            self.engine = sqlite_engine(parsed, sqlite, pool)
            if parsed.database:
                self._file = SqliteFile(Path(parsed.database))
                self._file.make_private()
                self._file.watch(self.engine)
            self._reader = self.engine.execution_options(read_only=True)
            self._autocommit_reader = self.engine.execution_options(no_transaction=True)
        else:
            self.engine = postgresql_engine(parsed, pool)
            self._reader = self.engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            self._autocommit_reader = self.engine.execution_options(
                isolation_level="AUTOCOMMIT", postgresql_readonly=True
            )
        _drop_stale_connections(self.engine)
        if pinned:
            event.listen(self.engine, "connect", self._require_same_database)

    def create(self) -> None:
        """Create SQLite's file and its folder where they are missing. For migrations alone: any other program that
        finds no file must report it as lost. Raises CannotStart."""
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
        """A transaction that only reads, and sees one state of the database throughout. On SQLite it neither waits for
        a writer nor blocks one."""
        with self.translated_errors(), ProjectSession(self._reader, expire_on_commit=False) as session:
            session.project = project
            yield session

    @contextmanager
    def autocommit_read(self, project: str | None = None) -> Iterator[ProjectSession]:
        """Reads without a transaction: each statement may see a later state than the one before. It saves PostgreSQL
        the round trips that begin and end a transaction, which are half of the cost of a poll."""
        with self.translated_errors(), ProjectSession(self._autocommit_reader, expire_on_commit=False) as session:
            session.project = project
            yield session

    def schema(self) -> Schema:
        """The database's schema, compared with this release's. Raises DatabaseUnavailable."""
        with self.translated_errors(), self._reader.connect() as connection:
            return schema_of(connection)

    def incompatibility(self) -> str | None:
        """Why this release cannot work with this database, and what to do about it; None where it can. For a program
        that starts. Raises DatabaseUnavailable where the database does not answer."""
        try:
            return self.schema().incompatibility
        except DatabaseMissing:
            if self._file:
                return "There is no such database: where it is to be a new one, `python -m migrations` makes it."
            return (
                "The server has no such database, or no such user: create both, and then call `python -m migrations`."
            )

    def seconds_since(self, kind: type[DatabaseUnavailable]) -> float:
        """Seconds since this process last met an outage of that kind; infinite if it never has."""
        return monotonic() - self._outages.get(kind, float("-inf"))

    @property
    def open_connections(self) -> int:
        """How many connections this process has open, in use or idle."""
        pool = cast("QueuePool", self.engine.pool)
        return pool.checkedin() + pool.checkedout()

    def dispose(self) -> None:
        """Close every connection."""
        self.engine.dispose()

    @contextmanager
    def translated_errors(self) -> Iterator[None]:
        """Raise outages inside as `DatabaseUnavailable`, as `session` does. For callers that use `engine` itself."""
        try:
            yield
        except (SQLAlchemyError, DatabaseUnavailable) as error:
            found = outage(error)
            if found is None or (isinstance(found, DatabaseOutdated) and not self._is_incompatible()):
                raise  # a mistake of ours
            self._outages[type(found)] = monotonic()
            if found is error:
                raise
            raise found from error

    def _is_incompatible(self) -> bool:
        """Whether a missing table or column is missing because the schema is another release's."""
        try:
            with self._reader.connect() as connection:
                return schema_of(connection).incompatibility is not None
        except (SQLAlchemyError, DatabaseUnavailable):
            return True  # it cannot be told now; an outage is the safer answer

    def _require_same_database(self, connection: Any, _record: object) -> None:
        """Refuse a new connection to another database: an address may now lead elsewhere, and a file may have been
        replaced by another's backup."""
        found = _identity_of(connection, self.engine.dialect.loaded_dbapi.Error)
        if self._identity not in (None, found):
            connection.close()
            raise DatabaseMissing(f"the database was {self._identity}, and in its place is {found or 'an empty one'}")
        self._identity = found


def _identity_of(connection: Any, error: type[Exception]) -> str | None:
    """The id in the table `deployment`; None where there is no such table. Any other error does not mean that this is
    another database, and is raised."""
    cursor = connection.cursor()
    try:
        row = cursor.execute("SELECT id FROM deployment").fetchone()
    except error as failure:
        if not lacks_table(failure):
            raise
        row = None
    finally:
        cursor.close()
    connection.rollback()
    return str(row[0]) if row else None


def _drop_stale_connections(engine: Engine) -> None:
    """Close the pool's connections after an error that makes all of them useless: the server became a standby, the file
    was replaced, the disk failed."""

    @event.listens_for(engine, "handle_error")
    def judge(context: ExceptionContext) -> None:
        if not context.is_disconnect and context.sqlalchemy_exception is not None:
            context.is_disconnect = invalidates_connections(context.sqlalchemy_exception)
