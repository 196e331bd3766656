"""Rows of uploads: files on their way into a data set, part by part.

A part is a whole file in the storage and a row here. The row is inserted, and the upload's length raised, in one
transaction that is refused where another part has come first. So any number of clients and of API processes may write
to one upload, and what the database says has arrived is in the storage.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.orm import Session

from catalog.datasets.errors import OffsetMismatch, UploadComplete, UploadNotFound
from models import Upload, UploadPart
from models.columns import DatabaseNow
from storage import StoredFile

FOLDER = "uploads"  # in the storage

RESUMABLE_SECONDS = 24 * 3600  # after the last part
# Of a file that is sent as one body, and renewed while it arrives (`renew`). Nobody can go on with it once the
# connection has broken: what has arrived is of no use, and counts against the project's quota.
AT_ONCE_SECONDS = 120


@dataclass(frozen=True, slots=True)
class SplitOptions:
    """How images that come without a split are divided. `test_fraction`: of each class, above 0 and below 1."""

    test_fraction: float = 0.2
    seed: int = 0


def find(session: Session, upload_id: str, *, lock: bool = False) -> Upload:
    """Raises UploadNotFound, also for one that has expired."""
    statement = select(Upload).where(Upload.id == upload_id, is_there())
    if lock:
        statement = statement.with_for_update().execution_options(populate_existing=True)
    found = session.scalar(statement)
    if found is None:
        raise UploadNotFound(upload_id)
    return found


def unfinished(session: Session, project: str) -> int:
    """How many uploads of a project are neither complete nor expired."""
    counted = select(func.count()).select_from(Upload).where(Upload.project == project, Upload.version.is_(None))
    return session.scalars(counted.where(is_there())).one()


def add_part(session: Session, upload_id: str, offset: int, file: StoredFile) -> Upload:
    """Add a part whose file is in the storage. Raises OffsetMismatch, UploadComplete and UploadNotFound."""
    upload = find(session, upload_id)
    raised = (
        update(Upload)
        .where(Upload.id == upload_id, Upload.received_bytes == offset, Upload.version.is_(None))
        .values(
            received_bytes=offset + file.size_bytes,
            revision=Upload.revision + 1,
            expires_at=expires_at(upload.expires_after),
        )
    )
    was_raised = session.connection().execute(raised).rowcount > 0
    upload = find(session, upload_id, lock=True)  # which may have been given up a moment ago
    if not was_raised:
        raise OffsetMismatch(upload_id, upload.received_bytes) if upload.version is None else UploadComplete(upload_id)
    session.add(
        UploadPart(upload_id=upload_id, offset=offset, name=file.name, size_bytes=file.size_bytes, sha256=file.sha256)
    )
    return upload


def renew(session: Session, upload: Upload) -> None:
    """Its bytes still arrive: it does not expire."""
    one = update(Upload).where(Upload.id == upload.id, Upload.version.is_(None))
    session.execute(one.values(expires_at=expires_at(upload.expires_after)))


def parts(session: Session, upload_id: str) -> list[StoredFile]:
    """The parts of an upload, in order."""
    found = select(UploadPart).where(UploadPart.upload_id == upload_id).order_by(UploadPart.offset)
    return [StoredFile(part.name, part.size_bytes, part.sha256) for part in session.scalars(found)]


def delete_parts(session: Session, upload_id: str) -> int:
    """Delete the rows of an upload's parts. How many bytes they were."""
    gone = delete(UploadPart).where(UploadPart.upload_id == upload_id).returning(UploadPart.size_bytes)
    return sum(session.scalars(gone))


def expired(session: Session, most: int) -> Sequence[str]:
    """Ids of uploads that were left alone."""
    left_alone = select(Upload.id).where(Upload.version.is_(None), _has_expired())
    return session.scalars(left_alone.order_by(Upload.expires_at).limit(most)).all()


def expires_at(seconds: int) -> datetime:
    """In so many seconds: SQL, for an attribute of a row."""
    return DatabaseNow(seconds)  # type: ignore[return-value]  # SQLAlchemy takes SQL there


def is_there() -> ColumnElement[bool]:
    """It is complete, or was not left alone for too long."""
    return Upload.version.is_not(None) | ~_has_expired()


def _has_expired() -> ColumnElement[bool]:
    return Upload.expires_at < DatabaseNow()
