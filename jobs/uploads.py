"""Receives uploads: quotas and limits apply while the bytes arrive, and each part is durable before it counts."""

import secrets
from collections import deque
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from threading import Lock

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from catalog.datasets import uploads
from catalog.datasets.errors import DatasetError, LengthMismatch, TooManyUploads, UploadTooLarge
from catalog.datasets.uploads import SplitOptions
from jobs import new_versions
from jobs.deployment import known_storage_id
from jobs.errors import QuotaExceeded
from jobs.ids import new_upload_id
from jobs.quotas import require_storage, take_storage
from jobs.usage import note_bytes
from jobs.verified_storage import VerifiedStorage
from models import Database, Upload
from models.columns import DatabaseNow

PART_BYTES = 8 * 2**20  # that one writer holds in memory; an object in the storage

MOST_UNFINISHED = 100  # uploads of a project


@dataclass(frozen=True, slots=True)
class UploadRequest:
    """What a client wants to upload. `total_bytes` and `sha256` are None where the client does not state them."""

    dataset: str
    total_bytes: int | None = None
    sha256: str | None = None
    options: SplitOptions = field(default_factory=SplitOptions)
    expires_after: int = uploads.RESUMABLE_SECONDS


def begin(session: Session, project: str, asked: UploadRequest, most_bytes: int) -> Upload:
    """An upload that nothing has arrived of. Raises UploadTooLarge, TooManyUploads and QuotaExceeded."""
    if asked.total_bytes is not None:
        _require_size(asked.total_bytes, most_bytes)
    if uploads.unfinished(session, project) >= MOST_UNFINISHED:
        raise TooManyUploads(
            f"A project may have {MOST_UNFINISHED} unfinished uploads: finish or delete some (GET /v1/uploads lists "
            "them)."
        )
    new_versions.require_room(session, project, asked.total_bytes or 0)
    created_at = session.scalars(select(DatabaseNow())).one()
    upload = Upload(
        id=new_upload_id(created_at),
        project=project,
        dataset=asked.dataset,
        total_bytes=asked.total_bytes,
        received_bytes=0,
        sha256=asked.sha256,
        options=asdict(asked.options),
        revision=0,
        created_at=created_at,
        expires_after=asked.expires_after,
        expires_at=uploads.expires_at(asked.expires_after),
    )
    session.add(upload)
    session.flush()
    session.refresh(upload)
    return upload


def state_length(session: Session, upload_id: str, total_bytes: int, most_bytes: int) -> Upload:
    """The client knows by now how long the file is. Raises UploadNotFound, UploadTooLarge, and LengthMismatch where
    that is not what was stated before, or less than has arrived."""
    upload = uploads.find(session, upload_id, lock=True)
    if upload.total_bytes == total_bytes:
        return upload
    if upload.total_bytes is not None or total_bytes < upload.received_bytes:
        raise LengthMismatch(upload_id, upload.total_bytes, upload.received_bytes)
    _require_size(total_bytes, most_bytes)
    upload.total_bytes = total_bytes
    upload.revision += 1
    if upload.received_bytes == total_bytes:
        new_versions.complete(session, upload)
    return upload


class UploadWriter:
    """Appends bytes to one upload, from `offset` on. One part is in memory at a time. Its methods block.

    With its last byte, an upload whose length is stated is complete, in the transaction that adds its last part: were
    it another transaction, a process that dies between the two would leave an upload that nobody completes.
    """

    def __init__(self, database: Database, storage: VerifiedStorage, upload: Upload, most_bytes: int) -> None:
        self._database, self._storage = database, storage
        self._upload_id, self._project = upload.id, upload.project
        self._most_bytes = upload.total_bytes if upload.total_bytes is not None else most_bytes
        self._is_stated = upload.total_bytes is not None
        self.offset = self._end = upload.received_bytes  # of what is stored, and of what is written
        self._buffer = bytearray()
        self._full: deque[bytes] = deque()
        self._storing = Lock()  # a request that is cancelled stores the rest while its thread still stores

    def write(self, content: bytes) -> bool:
        """Take more bytes. Whether a part is full, so that `store` should be called. Raises UploadTooLarge."""
        self._end += len(content)
        if self._is_stated and self._end > self._most_bytes:
            raise UploadTooLarge(f"The upload was to have {self._most_bytes:,} bytes, and has more.")
        _require_size(self._end, self._most_bytes)
        self._buffer += content
        while len(self._buffer) >= PART_BYTES:
            self._cut()
        return bool(self._full)

    def store(self, *, rest: bool = True) -> None:
        """Store what was written; without the `rest`, only the parts of it that are full. It has arrived once this
        returns. Raises OffsetMismatch, UploadNotFound, UploadComplete, QuotaExceeded, and OSError where the storage
        does not answer."""
        with self._storing:
            if rest and self._buffer:
                self._cut()
            while self._full:
                self._store_part(self._full[0])
                self.offset += len(self._full.popleft())

    def _cut(self) -> None:
        """Make a part of what was written. Done where it is written: blocks of this size that the threads which store
        them made would stay with each of these threads."""
        with memoryview(self._buffer) as written:
            self._full.append(bytes(written[:PART_BYTES]))
        del self._buffer[:PART_BYTES]

    def _store_part(self, part: bytes) -> None:
        with self._database.snapshot() as session:
            require_storage(session, self._project, len(part))
            # Known since the first worker has started: nothing is written into a folder that is not mounted.
            self._storage.storage_id = known_storage_id(session)
        # A name that no other writer can have: of two at one offset, each has its own file, and one its row.
        name = f"{uploads.FOLDER}/{self._upload_id}/{self.offset:015}-{secrets.token_hex(4)}"
        file = self._storage.put(name, part)
        try:
            with self._database.session() as session:
                take_storage(session, self._project, "uploads", file.size_bytes)
                upload = uploads.add_part(session, self._upload_id, self.offset, file)
                if upload.received_bytes == upload.total_bytes:
                    new_versions.complete(session, upload)
        except (DatasetError, QuotaExceeded):
            with suppress(OSError):  # the garbage collector tries again
                self._storage.delete([name])
            raise


def finish(database: Database, upload_id: str) -> Upload:
    """All bytes have arrived: the data set gets its next version. Calling it again changes nothing. Raises
    UploadNotFound."""
    with database.session() as session:
        upload = uploads.find(session, upload_id, lock=True)
        if upload.version is None:
            new_versions.complete(session, upload)
        return upload


def discard(session: Session, upload_id: str) -> bool:
    """Forget an upload unless it is complete. Whether it is forgotten: then delete its files, once the transaction is
    committed. Raises UploadNotFound."""
    upload = uploads.find(session, upload_id, lock=True)
    if upload.version is not None:
        return False
    _forget(session, upload)
    return True


def expire(database: Database, most: int = 100) -> list[str]:
    """Forget uploads that were left alone. Their ids: delete their files."""
    with database.autocommit_read() as session:
        expired = uploads.expired(session, most)
    forgotten = []
    for upload_id in expired:
        with database.session() as session:
            locked = select(Upload).where(Upload.id == upload_id, Upload.version.is_(None)).with_for_update()
            upload = session.scalar(locked)
            if upload is not None and session.scalar(select(upload.expires_at < DatabaseNow())):
                _forget(session, upload)
                forgotten.append(upload_id)
    return forgotten


def _forget(session: Session, upload: Upload) -> None:
    note_bytes(session, upload.project, "uploads", -uploads.delete_parts(session, upload.id))
    session.execute(delete(Upload).where(Upload.id == upload.id))


def _require_size(size: int, most_bytes: int) -> None:
    if size > most_bytes:
        raise UploadTooLarge(
            f"An upload may have {most_bytes:,} bytes: send fewer or smaller images, or ask the operator for more "
            "(EPOCHAL_MAX_UPLOAD_BYTES)."
        )
