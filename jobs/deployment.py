"""What belongs together: one database, and one storage that bears the mark which the database remembers."""

import errno
from collections.abc import Mapping
from contextlib import suppress
from time import sleep
from uuid import uuid4

import structlog
from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from environment.startup import CannotStart
from jobs.verified_storage import STORAGE_ID_FILE, VerifiedStorage, read_storage_id
from models import (
    Checkpoint,
    Database,
    DatabaseDamaged,
    DatabaseRefused,
    DatabaseUnavailable,
    Deployment,
    Job,
    log_outage,
)
from models.columns import DatabaseNow

# So often a database that does not answer is asked again, before a program starts.
RETRY_SECONDS = 2.0

log = structlog.get_logger()


def require_usable(database: Database, *, wait: bool) -> None:
    """Raises CannotStart where this release cannot work with what is there, or is not let in. Where it does not answer:
    with `wait`, until it does, and can be written; without, DatabaseUnavailable."""
    while True:
        try:
            incompatibility = database.incompatibility()
            if wait and not incompatibility:
                with database.session() as session:
                    write(session)
        except (DatabaseDamaged, DatabaseRefused) as error:  # which does not pass by itself
            raise CannotStart(error.one_line) from error
        except DatabaseUnavailable as error:
            if not wait:
                raise
            log_outage(log, error)
            sleep(RETRY_SECONDS)
        else:
            if incompatibility:
                raise CannotStart(incompatibility)
            return


def warn_of_too_many(database: Database) -> None:
    """In the log, where the server has not as many connections left as this process may come to need."""
    with suppress(DatabaseUnavailable), database.snapshot() as session:
        found = server_connections(session)
        if found and found["open"] + database.most_connections > found["most"]:
            log.warning("database is short of connections", this_process=database.most_connections, **found)


def bind_storage(database: Database, storage: VerifiedStorage) -> None:
    """Have `storage` require the mark that the database remembers. The first to come writes it and has it remembered.

    Raises OSError where the storage bears another, and where none is remembered although jobs have files that the
    storage has not; DatabaseUnavailable.
    """
    with database.snapshot() as session:
        remembered = known_storage_id(session)
        has_files = session.scalar(select(Checkpoint.name).limit(1)) or session.scalar(
            select(Job.id).where(Job.weights.is_not(None)).limit(1)
        )
    if remembered is None:
        there = read_storage_id(storage)
        if there is None and has_files and not VerifiedStorage(storage.url).folders():
            raise OSError(errno.ENXIO, "The storage is empty, and jobs have files in another: mount that one")
        if there is None:
            there = str(uuid4())
            storage.put(STORAGE_ID_FILE, there.encode())
        with database.session() as session:
            session.execute(update(Deployment).where(Deployment.storage_id.is_(None)).values(storage_id=there))
            remembered = known_storage_id(session)
        if remembered is not None and remembered != there and read_storage_id(storage) == there:
            storage.put(STORAGE_ID_FILE, remembered.encode())  # another was as quick, and its mark is overwritten
    storage.storage_id = remembered
    storage.require_id()


def known_storage_id(session: Session) -> str | None:
    """Of the storage; None before the first worker's start."""
    return session.scalar(select(Deployment.storage_id))


def write(session: Session) -> None:
    """The least that can be written, to see whether anything can be."""
    session.execute(update(Deployment).values(written_at=DatabaseNow()))


def server_connections(session: Session) -> Mapping[str, int] | None:
    """Of all clients of a PostgreSQL server: `open` ones, and the `most` that clients of no privilege may have. None
    where there is no server."""
    if session.get_bind().dialect.name != "postgresql":
        return None
    reserved = "current_setting('superuser_reserved_connections')::int"
    most = session.scalar(text(f"SELECT current_setting('max_connections')::int - {reserved}"))
    is_open = session.scalar(select(func.count()).select_from(text("pg_stat_activity WHERE datid IS NOT NULL")))
    return {"open": int(is_open or 0), "most": int(most or 0)}
