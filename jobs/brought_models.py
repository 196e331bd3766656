"""Trained models whose weights somebody has brought: made in one transaction, once their files are stored.

What is received lies beside them, in parts, until then. What a process that died has left is deleted a day later.
"""

import secrets
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.trained.errors import ModelTooLarge
from catalog.trained.file_names import WEIGHTS
from jobs.deployment import known_storage_id
from jobs.ids import first_model_id, new_model_id
from jobs.model_tasks import FOLDER
from jobs.quotas import require_storage, take_storage
from jobs.trained_models import FORMAT
from jobs.verified_storage import VerifiedStorage
from models import Database, TrainedModel
from models.columns import DatabaseNow
from storage import Storage, StoredFile
from training.brought import WeightsDescription

PART_BYTES = 8 * 2**20  # that is in memory while a file arrives; an object in the storage
PARTS_READ = 2  # that are in memory while it is read
BROUGHT = "brought"
ABANDONED_SECONDS = 24 * 3600.0


def new_id(database: Database) -> str:
    """For a trained model that is about to arrive."""
    with database.autocommit_read() as session:
        return new_model_id(session.scalars(select(DatabaseNow())).one())


@dataclass(slots=True)
class Received:
    """A file as it was sent, in parts."""

    parts: list[StoredFile] = field(default_factory=list)
    size_bytes: int = 0
    sha256: str = ""  # of all of it


class PartWriter:
    """Stores a file that arrives in pieces. One part is in memory at a time."""

    def __init__(self, database: Database, storage: VerifiedStorage, project: str, model_id: str, most: int) -> None:
        self._database, self._storage, self._project = database, storage, project
        self._folder, self._most = folder_of(project, model_id), most
        self._buffer, self._digest = bytearray(), sha256()
        self.received = Received()

    def write(self, content: bytes) -> bool:
        """Take more bytes. Whether a part is full, so that `store` should be called. Raises ModelTooLarge."""
        self.received.size_bytes += len(content)
        if self.received.size_bytes > self._most:
            raise ModelTooLarge(self._most)
        self._digest.update(content)
        self._buffer += content
        return len(self._buffer) >= PART_BYTES

    @property
    def begins_with(self) -> bytes:
        """The first bytes, until a part is stored."""
        return bytes(self._buffer[:8])

    def store(self) -> None:
        """Store what was written. Raises QuotaExceeded, and OSError where the storage does not answer."""
        if not self._buffer:
            return
        with self._database.snapshot() as session:
            require_storage(session, self._project, self.received.size_bytes)
            self._storage.storage_id = known_storage_id(session)
        name = f"{self._folder}/part-{len(self.received.parts):06}-{secrets.token_hex(4)}"
        self.received.parts.append(self._storage.put(name, bytes(self._buffer)))
        self._buffer.clear()

    def finish(self) -> Received:
        """All has arrived. As `store`."""
        self.store()
        self.received.sha256 = self._digest.hexdigest()
        return self.received


class PartReader:
    """Reads a file whose parts are stored, from any place on. Raises OSError, and FileDamaged."""

    def __init__(self, storage: Storage, received: Received) -> None:
        self._storage, self._parts = storage, received.parts
        self._place = 0
        self._read: deque[tuple[str, bytes]] = deque(maxlen=PARTS_READ)

    def seek(self, place: int) -> None:
        """Read from there on."""
        self._place = place

    def read(self, size: int) -> bytes:
        """Up to `size` bytes, none at the end."""
        begin = 0
        for part in self._parts:
            if self._place < begin + part.size_bytes:
                start = self._place - begin
                content = self._content(part)[start : start + size]
                self._place += len(content)
                return content
            begin += part.size_bytes
        return b""

    def _content(self, part: StoredFile) -> bytes:
        for name, content in self._read:
            if name == part.name:
                return content
        content = self._storage.read_verified(part)
        self._read.append((part.name, content))
        return content


@dataclass(frozen=True, slots=True)
class Brought:
    """A trained model whose weights are stored. `source`: what is told of the file that was sent."""

    id: str
    about: WeightsDescription
    resize: str
    weights: StoredFile
    source: Mapping[str, Any]


def create(session: Session, project: str, brought: Brought) -> TrainedModel:
    """Make its row. Raises QuotaExceeded."""
    take_storage(session, project, "models", brought.weights.size_bytes)
    created_at = session.scalars(select(DatabaseNow())).one()
    about = brought.about
    model = TrainedModel(
        id=brought.id,
        project=project,
        job_id=None,
        which=BROUGHT,
        architecture=about.architecture.name,
        dataset=about.dataset or "",
        class_count=len(about.classes),
        metrics=None,
        files=[{"name": WEIGHTS, "file": asdict(brought.weights)}],
        created_at=created_at,
    )
    model.manifest = {
        "format": FORMAT,
        "model": {"id": model.id, "job": None, "which": BROUGHT, "created_at": created_at.isoformat()},
        "architecture": about.architecture.model_dump(mode="json"),
        "classes": about.classes,
        "input": {
            "size": about.image_size,
            "channels": about.channels,
            "resize": brought.resize,
            "mean": about.mean,
            "deviation": about.deviation,
        },
        "metrics": None,
        "trained_until": None,
        "data": {"name": about.dataset, "version": None, "identity": None},
        "seed": None,
        "spec": None,
        "environment": None,
        "source": dict(brought.source),
    }
    session.add(model)
    session.flush()
    return model


def folder_of(project: str, model_id: str) -> str:
    """Where the files of a trained model that was brought lie."""
    return f"{FOLDER}/{project}/{model_id}"


def discard(storage: Storage, project: str, model_id: str) -> None:
    """Delete all files of one that was not made. Raises OSError."""
    storage.delete(storage.list_names(folder_of(project, model_id)))


def arriving_since(session: Session) -> str:
    """Files of models whose ids are at least this one may be of requests that are under way."""
    return first_model_id(session.scalars(select(DatabaseNow(-ABANDONED_SECONDS))).one())
