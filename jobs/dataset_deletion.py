"""Deletes uploaded data sets: refused while a job needs them; afterwards no reader sees them, and their bytes count no
more. `jobs.dataset_garbage` deletes the files, and then the rows."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.datasets.errors import DatasetInUse
from jobs import audits, dataset_versions, model_tasks, tasks
from jobs.dataset_versions import file_names, files_of, forget_parts
from jobs.transitions import now
from jobs.usage import note_bytes
from models import TERMINAL, DatasetVersion, Job, Task, TaskStatus, VersionStatus


def delete(session: Session, project: str, dataset: str, number: int | None = None) -> None:
    """Hide a version, or the whole data set. Of a number that stands for a version with the same content, the number
    alone goes; with a version, all numbers that stand for it. Raises DatasetNotFound, VersionNotFound and
    DatasetInUse."""
    under_way = {task.version: task for task in tasks.lock_open(session, project, dataset)}
    dataset_versions.lock_project(session, project)
    if number is None:
        dataset_versions.require(session, project, dataset)
    else:
        dataset_versions.find(session, project, dataset, number)
    chosen = select(DatasetVersion).where(DatasetVersion.project == project, DatasetVersion.dataset == dataset)
    if number is not None:
        chosen = chosen.where((DatasetVersion.number == number) | (DatasetVersion.same_as == number))
    chosen = chosen.where(DatasetVersion.deleted_at.is_(None)).order_by(DatasetVersion.number).with_for_update()
    found = session.scalars(chosen, execution_options={"populate_existing": True}).all()
    # A version whose task is not locked was uploaded after the deletion began.
    versions = [row for row in found if row.status != VersionStatus.VALIDATING or row.number in under_way]
    what = f"The data set {dataset!r}" if number is None else f"Version {number} of the data set {dataset!r}"
    _refuse_if_used(session, what, versions)
    for version in versions:
        version.deleted_at = now()
        version.revision += 1
        if version.status == VersionStatus.VALIDATING:
            _abandon(session, version, under_way[version.number])
    session.flush()
    _note_freed(session, project, versions)


def _refuse_if_used(session: Session, what: str, versions: Sequence[DatasetVersion]) -> None:
    for version in versions:
        of_version = (Job.project == version.project) & (Job.dataset == version.dataset)
        open_jobs = select(Job.id).where(
            of_version, Job.dataset_version == version.number, Job.status.not_in(TERMINAL), Job.deleted_at.is_(None)
        )
        if found := session.scalars(open_jobs.order_by(Job.id).limit(20)).all():
            raise DatasetInUse(what, found)
        if needed := [*audits.running_on(session, version), *model_tasks.running_on(session, version)]:
            raise DatasetInUse(what, needed)


def _abandon(session: Session, version: DatasetVersion, task: Task) -> None:
    """Nobody waits for its validation any more: the worker that has it is fenced."""
    task.attempt += 1
    tasks.finish(task, TaskStatus.FAILED)
    forget_parts(session, version.project, version.dataset, version.number)


def _note_freed(session: Session, project: str, versions: Sequence[DatasetVersion]) -> None:
    """Bytes of files that no version names any more count no more."""
    left = file_names(session, project)
    gone = {file.name: file.size_bytes for version in versions for file in files_of(version)}
    note_bytes(session, project, "datasets", -sum(size for name, size in gone.items() if name not in left))
