"""PostgreSQL as SQLAlchemy's engine: its timeouts, and how idle connections are tested and closed."""

from time import monotonic
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.exc import DisconnectionError, InvalidatePoolError
from sqlalchemy.pool import ConnectionPoolEntry

# A server that vanished from the network must be noticed well within a lease. A process that was stopped in the middle
# of a transaction must not keep its locks from the process that takes over.
TIMEOUTS: dict[str, str | int] = {
    "connect_timeout": 5,  # seconds
    "tcp_user_timeout": 10_000,  # milliseconds
    "keepalives_idle": 5,  # seconds
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "options": "-c statement_timeout=30s -c lock_timeout=10s -c idle_in_transaction_session_timeout=5s",
}

# A connection that was idle for longer is pinged before it is used.
IDLE_SECONDS = 1.0

# PostgreSQL closes a connection that was idle for longer: the connections of a busy hour must not stay open.
UNUSED_SECONDS = 300
IDLE_SESSION_TIMEOUT_SINCE = 14_00_00  # the version of PostgreSQL


def postgresql_engine(url: URL, pool: dict[str, Any]) -> Engine:
    """An engine with the arguments `pool` for its connection pool. The pool gives out the most recently used connection
    first, so that the others fall idle and are closed."""
    engine = create_engine(url, **pool, pool_use_lifo=True, hide_parameters=True, connect_args=_connect_args(url))
    _close_unused_connections(engine)
    _ping_idle_connections(engine)
    return engine


def _connect_args(url: URL) -> dict[str, str | int]:
    """Our timeouts, except those that the address sets itself. Its `options` come after ours, and so win."""
    own = {name: value for name, value in TIMEOUTS.items() if name not in url.query}
    return own | {"options": f"{TIMEOUTS['options']} {url.query.get('options', '')}".rstrip()}


def _close_unused_connections(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def limit(connection: Any, _record: object) -> None:
        if connection.info.server_version >= IDLE_SESSION_TIMEOUT_SINCE:
            connection.execute(f"SET idle_session_timeout = '{UNUSED_SECONDS}s'")
            connection.commit()


def _ping_idle_connections(engine: Engine) -> None:
    """Ping a connection that was idle before it is used: the server may have gone. One that was used a moment ago is
    not pinged: a poll would feel the round trip."""

    @event.listens_for(engine, "checkin")
    def note_use(connection: Any, record: ConnectionPoolEntry) -> None:
        record.info["used_at"] = monotonic()
        # After a snapshot, SQLAlchemy leaves the connection at an explicit "read write". That overrides the server's
        # own default: it would write where the owner has made everything read-only, and a standby refuses it.
        if connection is not None and not connection.closed:
            connection.read_only = None

    @event.listens_for(engine, "checkout")
    def ping(connection: Any, record: ConnectionPoolEntry, _proxy: object) -> None:
        if monotonic() - record.info.get("used_at", monotonic()) > IDLE_SECONDS:
            try:
                engine.dialect.do_ping(connection)
            except engine.dialect.loaded_dbapi.Error as error:
                # If the server closed it for being unused, the other connections are not in doubt.
                was_unused = monotonic() - record.info["used_at"] >= UNUSED_SECONDS
                raise (DisconnectionError if was_unused else InvalidatePoolError) from error
