"""Uploads and versions of data sets in any state, without an API and without a worker."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select, update

from catalog.datasets import uploads as upload_rows
from jobs import dataset_versions, tasks, uploads
from jobs.dataset_versions import Validated
from jobs.failures import Failure
from jobs.tasks import TaskClaim
from jobs.uploads import UploadRequest, UploadWriter
from jobs.usage import storage_by_kind
from jobs.verified_storage import VerifiedStorage
from models import DEFAULT_PROJECT, Database, DatasetVersion, Project, Upload, UploadPart
from models.columns import DatabaseNow
from storage import StoredFile

MOST_BYTES = 2**30
LEASE_SECONDS = 30.0

A, B = "a" * 64, "b" * 64  # identities
BROKEN = Failure("dataset_invalid", "It has no images.", "Send some.", retryable=False)
LOST = Failure("worker_lost", "It is gone.", "Try again.", retryable=True)


def begin(database: Database, project: str = DEFAULT_PROJECT, dataset: str = "pets", **asked: Any) -> Upload:
    with database.session(project) as session:
        return uploads.begin(session, project, UploadRequest(dataset, **asked), MOST_BYTES)


def writer(database: Database, storage: VerifiedStorage, upload_id: str) -> UploadWriter:
    """From where the upload stands."""
    return UploadWriter(database, storage, upload_of(database, upload_id), MOST_BYTES)


def send(database: Database, storage: VerifiedStorage, upload_id: str, content: bytes) -> None:
    writing = writer(database, storage, upload_id)
    writing.write(content)
    writing.store()


def sent(
    database: Database,
    storage: VerifiedStorage,
    content: bytes = b"abc",
    project: str = DEFAULT_PROJECT,
    dataset: str = "pets",
    **asked: Any,
) -> Upload:
    """An upload that is complete."""
    upload = begin(database, project, dataset, total_bytes=len(content), **asked)
    send(database, storage, upload.id, content)
    return upload_of(database, upload.id)


def take(database: Database, worker: str = "worker") -> TaskClaim:
    with database.session() as session:
        held = tasks.claim_next(session, worker, LEASE_SECONDS)
    assert held
    return held


def put(storage: VerifiedStorage, held: TaskClaim, *contents: bytes) -> list[StoredFile]:
    """The index and the packs that a worker stores for a task."""
    folder = f"{dataset_versions.FOLDER}/{held.project}/{held.task_id}/{held.attempt:04}"
    return [storage.put(f"{folder}/pack-{number}", content) for number, content in enumerate(contents)]


def validated(
    files: Sequence[StoredFile], identity: str = "1d" * 32, findings: Sequence[Mapping[str, Any]] = ()
) -> Validated:
    return Validated(
        identity=identity,
        classes=["cat", "dog"],
        channels=3,
        image_size=32,
        train_images=80,
        test_images=20,
        report={"findings": [*findings]},
        files=files,
    )


def settle(database: Database, held: TaskClaim, files: Sequence[StoredFile], identity: str = "1d" * 32) -> list[str]:
    """The version is ready. The files that are not needed after all."""
    with database.session() as session:
        dataset_versions.settle_ready(session, held, validated(files, identity))
    with database.snapshot() as session:
        needed = dataset_versions.file_names(session, held.project)
    return [file.name for file in files if file.name not in needed]


def ready(
    database: Database,
    storage: VerifiedStorage,
    identity: str,
    content: bytes = b"images",
    project: str = DEFAULT_PROJECT,
    dataset: str = "pets",
) -> DatasetVersion:
    """A version that is ready, with an index of three bytes and a pack of `content`. What is not needed is deleted."""
    sent(database, storage, project=project, dataset=dataset)
    held = take(database)
    storage.delete(settle(database, held, put(storage, held, b"idx", content), identity))
    return row_of(database, held.version, project, dataset)


def upload_of(database: Database, upload_id: str) -> Upload:
    with database.snapshot() as session:
        return session.get_one(Upload, upload_id)


def row_of(database: Database, number: int, project: str = DEFAULT_PROJECT, dataset: str = "pets") -> DatasetVersion:
    """A version's own row, whatever it stands for."""
    with database.snapshot() as session:
        return session.get_one(DatasetVersion, (project, dataset, number))


def parts_of(database: Database, upload_id: str) -> list[tuple[int, int]]:
    """Offset and size of each."""
    rows = select(UploadPart.offset, UploadPart.size_bytes).where(UploadPart.upload_id == upload_id)
    with database.snapshot() as session:
        return [(row.offset, row.size_bytes) for row in session.execute(rows.order_by(UploadPart.offset))]


def names_of(version: DatasetVersion) -> list[str]:
    return [file.name for file in dataset_versions.files_of(version)]


def kinds(database: Database, project: str = DEFAULT_PROJECT) -> dict[str, int]:
    """What the project's storage is used for."""
    with database.snapshot() as session:
        return storage_by_kind(session, project)


def add_project(database: Database, project: str, **quotas: Any) -> None:
    with database.session() as session:
        session.add(Project(id=project, **quotas))


def limit(database: Database, most_bytes: int | None, project: str = DEFAULT_PROJECT) -> None:
    with database.session() as session:
        session.execute(update(Project).where(Project.id == project).values(max_storage_bytes=most_bytes))


def stored(storage: VerifiedStorage) -> list[str]:
    return storage.list_names(upload_rows.FOLDER)


def content_of(database: Database, storage: VerifiedStorage, upload_id: str) -> bytes:
    with database.snapshot() as session:
        return b"".join(storage.read_verified(part) for part in upload_rows.parts(session, upload_id))


def alone(database: Database, seconds: float) -> None:
    """Every upload, since so many seconds."""
    with database.session() as session:
        session.execute(update(Upload).values(expires_at=DatabaseNow(-seconds)))
