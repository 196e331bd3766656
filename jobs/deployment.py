"""A deployment is one database and one storage. The storage carries an id, which the database knows."""

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
    DatasetVersion,
    Deployment,
    Job,
    UploadPart,
    log_outage,
)
from models.columns import DatabaseNow

# A program that starts tries a database that does not answer again after this time.
RETRY_SECONDS = 2.0

log = structlog.get_logger()


def require_usable(database: Database, *, wait: bool) -> None:
    """Raises CannotStart where this release cannot work with the database, or is not let in.

    With `wait`, waits until the database answers and can be written. Without, raises DatabaseUnavailable.
    """
    while True:
        try:
            incompatibility = database.incompatibility()
            if wait and not incompatibility:
                with database.session() as session:
                    write(session)
        except (DatabaseDamaged, DatabaseRefused) as error:  # waiting does not help
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
    """Write to the log if the server has fewer connections left than this process may need."""
    with suppress(DatabaseUnavailable), database.snapshot() as session:
        found = server_connections(session)
        if found and found["open"] + database.most_connections > found["most"]:
            log.warning("database is short of connections", this_process=database.most_connections, **found)


def bind_storage(database: Database, storage: VerifiedStorage) -> None:
    """Make `storage` require the id that the database knows. The first worker creates the id, in both.

    Raises OSError where the storage carries another id, and where the database knows none although it names files and
    the storage is empty. Raises DatabaseUnavailable.
    """
    with database.snapshot() as session:
        remembered = known_storage_id(session)
        has_files = any(
            session.scalar(rows.limit(1)) is not None
            for rows in (
                select(Checkpoint.name),
                select(Job.id).where(Job.weights.is_not(None)),
                select(UploadPart.name),
                select(DatasetVersion.number).where(DatasetVersion.storage_bytes > 0),
            )
        )
    if remembered is None:
        there = read_storage_id(storage)
        if there is None and has_files and not VerifiedStorage(storage.url).folders():
            raise OSError(errno.ENXIO, "The storage is empty, and the database has files in another: mount that one")
        if there is None:
            there = str(uuid4())
            storage.put(STORAGE_ID_FILE, there.encode())
        with database.session() as session:
            session.execute(update(Deployment).where(Deployment.storage_id.is_(None)).values(storage_id=there))
            remembered = known_storage_id(session)
        if remembered is not None and remembered != there and read_storage_id(storage) == there:
            # Another worker created an id at the same time, and this one has overwritten its file.
            storage.put(STORAGE_ID_FILE, remembered.encode())
    storage.storage_id = remembered
    storage.require_id()


def known_storage_id(session: Session) -> str | None:
    """The id of the storage; None before a worker has started for the first time."""
    return session.scalar(select(Deployment.storage_id))


def write(session: Session) -> None:
    """Write a little, to see whether the database can be written."""
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
