"""SQLite in WAL mode as SQLAlchemy's engine: how it is configured, and how writers of one process wait for each other.

A transaction is one of three kinds, by execution options of its connection: `no_transaction` begins none, `read_only`
begins a deferred one, and any other begins an immediate one, which may write.
"""

from types import ModuleType
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import ConnectionPoolEntry

from models.fair_lock import FairLock

# Before 3.51.3, resetting the write-ahead log could corrupt a database.
SAFE_WAL = (3, 51, 3)

# How long a writer waits. Together they must be far shorter than the time for which a lease of the default length
# outlives an outage (worker/lease.py): waiting for the database must not cost an attempt its job.
BUSY_TIMEOUT_SECONDS = 5  # for another process that writes
WRITE_LOCK_SECONDS = 2  # for other threads of this process that write

_HOLDS_WRITE_LOCK = "holds_write_lock"


def sqlite_engine(url: URL, module: ModuleType, pool: dict[str, Any]) -> Engine:
    """An engine on the driver `module`, with the arguments `pool` for its connection pool."""
    engine = create_engine(
        url,
        module=module,
        **pool,
        hide_parameters=True,
        connect_args={"timeout": BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
    )
    _configure_connections(engine, module)
    _begin_transactions(engine)
    return engine


def _configure_connections(engine: Engine, module: ModuleType) -> None:
    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # the driver must begin no transaction by itself: _begin_transactions does
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA journal_mode={'WAL' if module.sqlite_version_info >= SAFE_WAL else 'DELETE'}")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()


def _begin_transactions(engine: Engine) -> None:
    """Begin each transaction as its kind, and let one thread at a time write.

    Threads that write wait for a fair lock of ours. SQLite has no queue of its own: a writer that finds the database
    busy sleeps for 1 ms, 2, 5 ... 100 between tries, and may be overtaken by later ones each time.
    """
    write_lock = FairLock()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        if options.get("no_transaction", False):
            return
        if options.get("read_only", False):
            connection.exec_driver_sql("BEGIN")
            return
        if _HOLDS_WRITE_LOCK not in connection.info:  # a connection keeps the lock through several transactions
            if not write_lock.acquire(WRITE_LOCK_SECONDS):
                raise PoolTimeout(f"No turn to write came within {WRITE_LOCK_SECONDS} seconds.")
            connection.info[_HOLDS_WRITE_LOCK] = True
        # A deferred transaction that goes from reading to writing fails with "database is locked" at once, whatever
        # the timeout. An immediate one waits.
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    @event.listens_for(engine, "checkin")
    def release_write_lock(_connection: object, record: ConnectionPoolEntry) -> None:
        # However a transaction ends, its connection comes back to the pool.
        if record.info.pop(_HOLDS_WRITE_LOCK, False):
            write_lock.release()
