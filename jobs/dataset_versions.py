"""Versions of uploaded data sets, from the complete upload to the end of their validation: what joins the rows of
`catalog.datasets` with jobs, tasks, quotas and webhooks. `jobs.dataset_deletion` deletes them.

A version's files may be shared: an edited version has the packs of the one that was edited, and content that a project
has already is not kept twice. So what a version takes, and what goes with it, is decided by the names of the files of
all versions of the project; its row is locked meanwhile.

Rows are locked in the order task, project, version.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import structlog
from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from catalog.datasets import uploads
from catalog.datasets.errors import DatasetNotFound, VersionNotFound, VersionNotReady
from jobs import tasks
from jobs.errors import QuotaExceeded
from jobs.failures import Failure
from jobs.outbox import enqueue_for_project
from jobs.quotas import take_storage
from jobs.tasks import TaskClaim
from jobs.transitions import now
from jobs.usage import note_bytes
from models import (
    DatasetVersion,
    Project,
    TaskStatus,
    Upload,
    VersionStatus,
)
from storage import StoredFile
from training.known.dataset_names import VersionName
from training.spec import DataShape

FOLDER = "datasets"  # in the storage

WAKE_UP = "task_"  # in place of a job's id in a message: there is a task (worker.tasks)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Validated:
    """What a worker has found a data set to be. `files`, in the storage: its index, its features and
    its packs."""

    identity: str
    classes: Sequence[str]
    channels: int
    image_size: int | None
    train_images: int
    test_images: int
    report: Mapping[str, Any]
    files: Sequence[StoredFile]


def require(session: Session, project: str, dataset: str) -> None:
    """Raises DatasetNotFound where the project has no version of it."""
    if not numbers_of(session, project, dataset):
        raise DatasetNotFound(dataset)


def find(session: Session, project: str, dataset: str, number: int) -> DatasetVersion:
    """The version that `number` stands for: an earlier one where that has the same content. Raises DatasetNotFound and
    VersionNotFound."""
    version = _row(session, project, dataset, number)
    if version is not None and version.same_as is not None:
        version = _row(session, project, dataset, version.same_as)
    if version is None:
        require(session, project, dataset)
        raise VersionNotFound(dataset, number)
    return version


def find_ready(session: Session, project: str, dataset: str, number: int) -> DatasetVersion:
    """The same, if it is ready. Raises VersionNotReady, too."""
    version = find(session, project, dataset, number)
    if version.status != VersionStatus.READY:
        raise VersionNotReady(dataset, number, version.status)
    return version


def resolve(session: Session, project: str, reference: str) -> DatasetVersion | None:
    """The version that the `dataset` of a spec names. None where the project has uploaded no data set of this name.
    Until the transaction ends, nothing of the project can be deleted. Raises DatasetNotFound, VersionNotFound and
    VersionNotReady."""
    name = VersionName.of(reference)
    if numbers_of(session, project, name.dataset):
        lock_project(session, project)  # as the deletion does; most names are of no uploaded data set
    numbers = numbers_of(session, project, name.dataset)
    if not numbers:
        if name.number is not None:
            raise DatasetNotFound(name.dataset)
        return None
    number = name.number
    if number is None:
        ready = [number for number, status in numbers.items() if status == VersionStatus.READY]
        if not ready:
            newest = max(numbers)
            raise VersionNotReady(name.dataset, newest, numbers[newest])
        number = max(ready)
    return find_ready(session, project, name.dataset, number)


def exists(session: Session, project: str, identity: str) -> bool:
    """Whether a project has a version with this content."""
    has_it = (DatasetVersion.project == project) & (DatasetVersion.identity == identity)
    there = select(DatasetVersion.number).where(has_it, DatasetVersion.deleted_at.is_(None))
    return session.scalar(there.limit(1)) is not None


def data_shape(version: DatasetVersion, image_size: int | None) -> DataShape | None:
    """What a job of this version trains on; None where only a worker would know."""
    side = image_size or version.image_size
    if side is None or version.train_images is None or version.test_images is None:
        return None
    return DataShape(
        train_images=version.train_images,
        test_images=version.test_images,
        classes=len(version.classes or ()),
        image_size=side,
        channels=version.channels or 3,
    )


def files_of(version: DatasetVersion) -> tuple[StoredFile, ...]:
    """Its index, its features and then its packs."""
    return tuple(StoredFile(**each) for each in version.files or ())


def trained_files(version: DatasetVersion) -> tuple[StoredFile, ...]:
    """What a job needs of it: its index, and then its packs."""
    index, _features, *packs = files_of(version)
    return (index, *packs)


def settle_ready(session: Session, claim: TaskClaim, found: Validated) -> None:
    """The version is ready. Where the same content was there already, it has the files of that, and those of `found`
    are not needed (`jobs.dataset_garbage.left_by`). Raises TaskFenced."""
    tasks.end(session, claim, TaskStatus.SUCCEEDED)
    lock_project(session, claim.project)
    version = _of_claim(session, claim)
    version.identity, version.classes, version.channels = found.identity, list(found.classes), found.channels
    version.image_size = found.image_size
    version.train_images, version.test_images = found.train_images, found.test_images
    version.report = dict(found.report)
    twin = with_content(session, version.project, found.identity, version.dataset)
    if twin is not None:
        version.files = twin.files
        if twin.dataset == version.dataset:
            version.same_as = twin.number
    else:
        version.files = [asdict(file) for file in found.files]
    there = file_names(session, claim.project, but=version)
    written = {file.name for file in found.files if claim.task_id in file.name}
    if any(file.name not in written and file.name not in there for file in files_of(version)):
        gone = Failure("dataset_invalid", "The version that was edited was deleted.", _EDIT_ANOTHER, retryable=False)
        _settle_without_files(session, version, gone)
        return
    size = sum(file.size_bytes for file in files_of(version) if file.name not in there)
    _forget_upload(session, claim)  # whose bytes make room
    try:
        take_storage(session, claim.project, "datasets", size)
    except QuotaExceeded as error:
        message = f"Its images take {size:,} bytes. {error}"
        full = Failure("quota_exceeded", message, _MAKE_ROOM, retryable=False)
        _settle_without_files(session, version, full)
        return
    version.storage_bytes = size
    _settle(session, version, VersionStatus.READY)


_EDIT_ANOTHER = "Edit a version that is there."
_MAKE_ROOM = "Delete what is not needed, or send fewer or smaller images; then upload it again."


def _settle_without_files(session: Session, version: DatasetVersion, why: Failure) -> None:
    """It was validated, and fails all the same."""
    version.files = version.report = version.identity = version.same_as = None
    _settle_failed(session, version, why)


def fail(session: Session, claim: TaskClaim, failure: Failure) -> None:
    """Its task, which is over, has failed (`jobs.task_ends`): the upload is no data set."""
    version = _of_claim(session, claim)
    _forget_upload(session, claim)
    _settle_failed(session, version, failure)


def _settle_failed(session: Session, version: DatasetVersion, failure: Failure) -> None:
    version.error = {"code": failure.code, "message": failure.message, "hint": failure.hint}
    _settle(session, version, VersionStatus.FAILED)


def _settle(session: Session, version: DatasetVersion, status: VersionStatus) -> None:
    version.status = status
    version.finished_at = now()
    version.revision += 1
    session.flush()
    about = {
        "name": version.dataset,
        "version": version.same_as or version.number,
        "requested_version": version.number,  # that the upload was answered with
        "project": version.project,
    }
    enqueue_for_project(session, version.project, f"dataset.{status}", lambda: {**about, "status": status})
    log.info(f"data set {status}", dataset=version.dataset, version=version.number, identity=version.identity)


def _of_claim(session: Session, claim: TaskClaim) -> DatasetVersion:
    """Its row, locked. A version that was deleted meanwhile has ended its task: nobody comes here then."""
    of_version = _is_version(claim.project, claim.dataset, claim.version)
    return session.scalars(select(DatasetVersion).where(of_version).with_for_update()).one()


def with_content(session: Session, project: str, identity: str, dataset: str) -> DatasetVersion | None:
    """A ready version of the project with this content: of `dataset` before any other."""
    same = select(DatasetVersion).where(
        DatasetVersion.project == project,
        DatasetVersion.identity == identity,
        DatasetVersion.status == VersionStatus.READY,
        DatasetVersion.same_as.is_(None),
        DatasetVersion.deleted_at.is_(None),
    )
    with session.no_autoflush:
        own_first = (DatasetVersion.dataset != dataset, DatasetVersion.dataset, DatasetVersion.number)
        return session.scalar(same.order_by(*own_first).limit(1))


def file_names(session: Session, project: str, but: DatasetVersion | None = None) -> set[str]:
    """Names of the files of all versions of a project."""
    with session.no_autoflush:
        named = select(DatasetVersion.dataset, DatasetVersion.number, DatasetVersion.files).where(
            DatasetVersion.project == project, DatasetVersion.deleted_at.is_(None)
        )
        rows = session.execute(named).all()
    mine = (but.dataset, but.number) if but else None
    return {file["name"] for dataset, number, files in rows if (dataset, number) != mine for file in files or ()}


def _forget_upload(session: Session, claim: TaskClaim) -> None:
    if "upload" in claim.arguments:
        forget_parts(session, claim.project, claim.dataset, claim.version)


def forget_parts(session: Session, project: str, dataset: str, version: int) -> None:
    """The parts of its upload are needed no more."""
    of_version = select(Upload.id).where(
        Upload.project == project, Upload.dataset == dataset, Upload.version == version
    )
    for upload_id in session.scalars(of_version):
        note_bytes(session, project, "uploads", -uploads.delete_parts(session, upload_id))


def _row(session: Session, project: str, dataset: str, number: int) -> DatasetVersion | None:
    statement = select(DatasetVersion).where(_is_version(project, dataset, number), DatasetVersion.deleted_at.is_(None))
    return session.scalar(statement)


def _is_version(project: str, dataset: str, number: int) -> ColumnElement[bool]:
    return (DatasetVersion.project == project) & (DatasetVersion.dataset == dataset) & (DatasetVersion.number == number)


def numbers_of(session: Session, project: str, dataset: str) -> dict[int, str]:
    """The status of each version."""
    rows = select(DatasetVersion.number, DatasetVersion.status).where(
        DatasetVersion.project == project, DatasetVersion.dataset == dataset, DatasetVersion.deleted_at.is_(None)
    )
    return dict(session.execute(rows).all())


def lock_project(session: Session, project: str) -> None:
    """So that no two transactions decide at once which files are needed."""
    session.execute(select(Project.id).where(Project.id == project).with_for_update(key_share=True))
