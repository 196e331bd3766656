"""Deletes the files of uploads, of data sets and of what workers make of trained models that no row names: of uploads
that are complete, left alone or given up, of tasks that died, of versions that were deleted.

Files are listed before the rows are read, so that a row which is written later names a newer file. What an upload that
is under way, or a task that runs, has written is left alone: its rows may be about to be written.
"""

from collections.abc import Callable, Iterator

import structlog
from sqlalchemy import ColumnElement, and_, delete, select

from catalog.datasets import uploads
from jobs import brought_models, dataset_versions, model_tasks, tasks
from jobs.ids import is_model_id
from jobs.tasks import TaskClaim
from jobs.uploads import expire
from models import (
    Audit,
    Database,
    DatasetVersion,
    ModelTask,
    Task,
    TaskStatus,
    TrainedModel,
    Upload,
    UploadPart,
    VersionStatus,
)
from models.columns import DatabaseNow
from storage import Storage

BATCH_SIZE = 100
DELETED_AT_ONCE = 500
FENCED_SECONDS = 120.0  # until then, a worker whose task was taken away may still write
KEPT_SECONDS = 7 * 24 * 3600.0  # rows of uploads and tasks that are over

log = structlog.get_logger()


def purge(database: Database, storage: Storage) -> None:
    """Delete the files of deleted versions, and then their rows; forget uploads that were left alone. Raises
    OSError."""
    for upload_id in expire(database):
        delete_upload_files(storage, upload_id)
    with database.autocommit_read() as session:
        was_validating = DatasetVersion.status == VersionStatus.VALIDATING
        is_left = ~was_validating | (DatasetVersion.deleted_at < DatabaseNow(-FENCED_SECONDS))
        gone = select(DatasetVersion).where(DatasetVersion.deleted_at.is_not(None), is_left).limit(BATCH_SIZE)
        versions = session.scalars(gone).all()
        needed = {project: dataset_versions.file_names(session, project) for project in {v.project for v in versions}}
    for version in versions:
        storage.delete([name for name in _files_of(database, storage, version) if name not in needed[version.project]])
        with database.session() as session:
            session.execute(delete(Audit).where(_came_of(Audit, version)))
            session.execute(delete(DatasetVersion).where(DatasetVersion.deleted_at.is_not(None), _is(version)))


def _files_of(database: Database, storage: Storage, version: DatasetVersion) -> Iterator[str]:
    """Names of a version's files. Of one that was deleted while it was validated, no row says them: what was uploaded,
    and what a worker has written for it."""
    yield from (file.name for file in dataset_versions.files_of(version))
    if version.status == VersionStatus.VALIDATING:
        with database.autocommit_read() as session:
            sent = session.scalars(select(Upload.id).where(_came_of(Upload, version))).all()
            ran = session.scalars(select(Task.id).where(_came_of(Task, version))).all()
        for folder in (
            *(f"{uploads.FOLDER}/{upload_id}" for upload_id in sent),
            *(f"{dataset_versions.FOLDER}/{version.project}/{task_id}" for task_id in ran),
        ):
            yield from storage.list_names(folder)


def left_by(claim: TaskClaim, database: Database, storage: Storage) -> Iterator[str]:
    """Names of files that a task which is over has left: what was uploaded, and what its attempts have written, but for
    the files of versions. Raises OSError."""
    if "upload" in claim.arguments:
        yield from storage.list_names(f"{uploads.FOLDER}/{claim.arguments['upload']}")
    of_model = claim.kind in (tasks.EXPORT, tasks.EVALUATE)
    folder = model_tasks.FOLDER if of_model else dataset_versions.FOLDER
    written = storage.list_names(f"{folder}/{claim.project}/{claim.task_id}")
    with database.autocommit_read() as session:
        if of_model:
            needed = model_tasks.file_names(session, claim)
        else:
            needed = dataset_versions.file_names(session, claim.project)
    yield from (name for name in written if name not in needed)


def collect(database: Database, storage: Storage, should_stop: Callable[[], bool] = lambda: False) -> None:
    """Delete every file of uploads and data sets that no row names, until `should_stop` says so. Raises OSError."""
    folders = (uploads.FOLDER, dataset_versions.FOLDER, model_tasks.FOLDER)
    found = [name for folder in folders for name in storage.list_names(folder)]
    with database.snapshot() as session:
        under_way = set(session.scalars(select(Upload.id).where(Upload.version.is_(None))))
        under_way |= set(session.scalars(select(Task.id).where(tasks.is_open())))
        named = set(session.scalars(select(UploadPart.name)))
        for files in session.scalars(select(DatasetVersion.files)):
            named |= {file["name"] for file in files or ()}
        for table in (TrainedModel, ModelTask):
            for listed in session.scalars(select(table.files)):
                named |= {each["file"]["name"] for each in listed}
        since = brought_models.arriving_since(session)
    unnamed = [name for name in found if name not in named and not under_way & set(name.split("/"))]
    garbage = [name for name in unnamed if not _may_arrive(name, since)]
    for start in range(0, len(garbage), DELETED_AT_ONCE):
        if should_stop():
            return
        storage.delete(garbage[start : start + DELETED_AT_ONCE])
    if garbage:
        log.info("files of uploads and data sets deleted", files=len(garbage))
    _forget_old_rows(database)


def _may_arrive(name: str, since: str) -> bool:
    """Whether the file may be of a trained model that is being brought: its row is written last."""
    return any(is_model_id(part) and part >= since for part in name.split("/"))


def delete_upload_files(storage: Storage, upload_id: str) -> None:
    """Delete the files of an upload that no row names any more. Raises OSError."""
    storage.delete(storage.list_names(f"{uploads.FOLDER}/{upload_id}"))


def _forget_old_rows(database: Database) -> None:
    """Rows of uploads and tasks that are over: the versions that came of them say all that counts."""
    over = Task.status.in_([TaskStatus.SUCCEEDED, TaskStatus.FAILED])
    with database.session() as session:
        session.execute(delete(Task).where(over, Task.finished_at < DatabaseNow(-KEPT_SECONDS)))
        has_parts = select(UploadPart.upload_id).where(UploadPart.upload_id == Upload.id).exists()
        complete = Upload.version.is_not(None) & (Upload.expires_at < DatabaseNow(-KEPT_SECONDS)) & ~has_parts
        session.execute(delete(Upload).where(complete))


def _is(version: DatasetVersion) -> ColumnElement[bool]:
    return and_(
        DatasetVersion.project == version.project,
        DatasetVersion.dataset == version.dataset,
        DatasetVersion.number == version.number,
    )


def _came_of(table: type[Audit | Task | Upload], version: DatasetVersion) -> ColumnElement[bool]:
    return and_(table.project == version.project, table.dataset == version.dataset, table.version == version.number)
