"""Which outage a database's error tells of, if it is an outage and no mistake of ours.

DatabaseUnavailable
├── DatabaseBusy
├── DatabaseChanged
├── DatabaseConnectionsExhausted
├── DatabaseDamaged
├── DatabaseFull
├── DatabaseMissing
├── DatabaseOutdated
├── DatabaseReadOnly
└── DatabaseRefused

SQLite's result codes are on https://sqlite.org/rescode.html, PostgreSQL's SQLSTATEs in its appendix A. The first
line of a docstring is what people are told.
"""

from typing import ClassVar

import structlog
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout


class DatabaseUnavailable(Exception):
    """The database does not answer."""

    reason: ClassVar[str] = "unreachable"
    is_transient: ClassVar[bool] = True  # it passes by itself, and soon: a retry helps
    invalidates_pool: ClassVar[bool] = True  # connections that were opened before the outage do not work after it

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail or self.title())
        self.detail = detail

    @classmethod
    def title(cls) -> str:
        """For people. It has no path and no address in it."""
        return (cls.__doc__ or "").partition("\n")[0]

    @property
    def one_line(self) -> str:
        """The title and the database's own words, for a program that cannot start."""
        return " ".join(f"{self.title()} {self.detail}".split())


def log_outage(
    log: structlog.typing.FilteringBoundLogger,
    error: DatabaseUnavailable,
    event: str = "database unavailable",
    /,
    **about: str | int,
) -> None:
    """Write one line: what happened, the kind of outage, and the database's own words."""
    log.warning(event, **about, reason=error.reason, error=str(error))


class DatabaseBusy(DatabaseUnavailable):
    """The database is busy with others."""

    reason = "busy"
    invalidates_pool = False


class DatabaseChanged(DatabaseUnavailable):
    """The database has just been changed under the request."""

    reason = "changed"


class DatabaseConnectionsExhausted(DatabaseUnavailable):
    """The database takes no more connections."""

    reason = "too_many_connections"
    invalidates_pool = False


class DatabaseDamaged(DatabaseUnavailable):
    """The database's disk fails, or its content is damaged."""

    reason = "damaged"
    is_transient = False


class DatabaseFull(DatabaseUnavailable):
    """The database's disk is full."""

    reason = "disk_full"
    is_transient = False
    invalidates_pool = False


class DatabaseMissing(DatabaseUnavailable):
    """The database is gone, or another is in its place."""

    reason = "missing"
    is_transient = False


class DatabaseOutdated(DatabaseUnavailable):
    """The database's schema is not one that this release works with."""

    reason = "schema"
    is_transient = False
    invalidates_pool = False


class DatabaseReadOnly(DatabaseUnavailable):
    """The database can be read, but not be written."""

    reason = "read_only"


class DatabaseRefused(DatabaseUnavailable):
    """The database does not let the service in, or not do what it must."""

    reason = "refused"
    is_transient = False


OF_SQLITE: dict[int, type[DatabaseUnavailable]] = {  # by primary result code
    3: DatabaseRefused,  # PERM
    5: DatabaseBusy,  # BUSY
    6: DatabaseBusy,  # LOCKED
    7: DatabaseBusy,  # NOMEM
    8: DatabaseReadOnly,  # READONLY
    10: DatabaseDamaged,  # IOERR
    11: DatabaseDamaged,  # CORRUPT
    13: DatabaseFull,  # FULL
    14: DatabaseRefused,  # CANTOPEN: of a file that is there
    15: DatabaseBusy,  # PROTOCOL: locks of the write-ahead log
    17: DatabaseChanged,  # SCHEMA
    22: DatabaseFull,  # NOLFS: the file cannot grow any further
    23: DatabaseRefused,  # AUTH
    26: DatabaseDamaged,  # NOTADB
}
READONLY_DBMOVED = 1032  # an extended code: the file is no longer where it was opened
NO_SUCH = ("no such table", "no such column", "has no column named")

OF_POSTGRESQL: dict[str, type[DatabaseUnavailable]] = {  # by SQLSTATE or, where that is not here, by its class
    "08": DatabaseUnavailable,
    "25006": DatabaseReadOnly,
    "25P03": DatabaseUnavailable,  # it stood still in a transaction for too long
    "25P04": DatabaseUnavailable,  # likewise
    "28": DatabaseRefused,
    "3D000": DatabaseMissing,
    "3F000": DatabaseOutdated,
    "40": DatabaseBusy,  # deadlocks, and transactions that cannot be put in order
    "42501": DatabaseRefused,
    "42703": DatabaseOutdated,
    "42P01": DatabaseOutdated,
    "53": DatabaseBusy,
    "53100": DatabaseFull,
    "53300": DatabaseConnectionsExhausted,
    "55006": DatabaseBusy,
    "55P03": DatabaseBusy,
    "57": DatabaseUnavailable,
    "57014": DatabaseBusy,  # a statement's time is up
    "57P04": DatabaseMissing,
    "58": DatabaseDamaged,
    "XX": DatabaseDamaged,
}
STALE_PLAN = "cached plan must not change result type"  # SQLSTATE 0A000, as much else

# A connection that PostgreSQL refuses has no SQLSTATE: libpq keeps its words alone.
REFUSALS: dict[str, type[DatabaseUnavailable]] = {
    "too many clients already": DatabaseConnectionsExhausted,
    "remaining connection slots are reserved": DatabaseConnectionsExhausted,
    "too many connections for": DatabaseConnectionsExhausted,
    "authentication failed": DatabaseRefused,
    "no pg_hba.conf entry": DatabaseRefused,
    "permission denied for database": DatabaseRefused,
    "is not permitted to log in": DatabaseRefused,
    "does not exist": DatabaseMissing,  # the database, or its role
    "could not write init file": DatabaseFull,
    "No space left on device": DatabaseFull,
}


def kind_of(error: BaseException) -> type[DatabaseUnavailable] | None:
    """The kind of outage that `error` tells of; None where it is a mistake of ours, or of a caller's.

    `DatabaseOutdated` is a guess. A table may be missing because the schema is old, or because the statement is wrong:
    only the schema's revision tells which.
    """
    if isinstance(error, DatabaseUnavailable):
        return type(error)
    if isinstance(error, PoolTimeout):
        return DatabaseBusy
    if not isinstance(error, DBAPIError):
        return None
    code = getattr(error.orig, "sqlite_errorcode", None)
    if code is not None:
        return _of_sqlite(code, str(error.orig))
    state = getattr(error.orig, "sqlstate", None)
    if state is not None:
        return _of_postgresql(state, str(error.orig))
    if isinstance(error, InterfaceError | OperationalError):
        text = str(error.orig)
        return next((kind for words, kind in REFUSALS.items() if words in text), DatabaseUnavailable)
    return None


def outage(error: BaseException) -> DatabaseUnavailable | None:
    """`error` as an exception of that kind, with the database's words and without the statement; None likewise."""
    kind = kind_of(error)
    if kind is None or isinstance(error, DatabaseUnavailable):
        return error if isinstance(error, DatabaseUnavailable) else None
    return kind(str(error).partition("\n")[0])


def _of_sqlite(code: int, text: str) -> type[DatabaseUnavailable] | None:
    if code == READONLY_DBMOVED:
        return DatabaseMissing
    if code == 1:  # ERROR: whatever has no code of its own
        return DatabaseOutdated if any(words in text for words in NO_SUCH) else None
    return OF_SQLITE.get(code & 0xFF)


def _of_postgresql(state: str, text: str) -> type[DatabaseUnavailable] | None:
    if STALE_PLAN in text:
        return DatabaseChanged
    return OF_POSTGRESQL.get(state) or OF_POSTGRESQL.get(state[:2])


def lacks_table(error: Exception) -> bool:
    """Whether a driver's own error says that there is no such table, and nothing else."""
    code, state = getattr(error, "sqlite_errorcode", None), getattr(error, "sqlstate", None)
    return state == "42P01" or (code == 1 and "no such table" in str(error))


def invalidates_connections(error: BaseException) -> bool:
    """Whether connections that were opened before `error` do not work after it."""
    kind = kind_of(error)
    return kind is not None and kind.invalidates_pool
