"""Queries on the data sets and uploads of a session's project. They write nothing."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, func, select, tuple_

from catalog.datasets.uploads import is_there
from jobs import dataset_versions, tasks
from models import DatasetVersion, ProjectSession, Task, Upload, VersionStatus

MOST_AT_ONCE = 200  # rows by name in one query


def newest(session: ProjectSession, dataset: str | None = None) -> list[tuple[DatasetVersion, DatasetVersion | None]]:
    """Of every data set, or of one: its newest version, and that which the newest that is ready stands for."""
    of_project = (DatasetVersion.project == session.own_project) & DatasetVersion.deleted_at.is_(None)
    if dataset is not None:
        of_project &= DatasetVersion.dataset == dataset
    latest = select(DatasetVersion.dataset, func.max(DatasetVersion.number)).where(of_project)
    latest = latest.group_by(DatasetVersion.dataset)
    numbers = dict(session.execute(latest).all())
    ready = dict(session.execute(latest.where(DatasetVersion.status == VersionStatus.READY)).all())
    rows = _rows(session, of_project, {*numbers.items(), *ready.items()})
    rows |= _rows(session, of_project, {(row.dataset, row.same_as) for row in rows.values() if row.same_as} - {*rows})

    def stood_for(name: str, number: int) -> DatasetVersion:
        row = rows[name, number]
        return rows[name, row.same_as] if row.same_as else row

    return [
        (stood_for(name, number), stood_for(name, ready[name]) if name in ready else None)
        for name, number in sorted(numbers.items())
    ]


def _rows(
    session: ProjectSession, of_project: ColumnElement[bool], which: Collection[tuple[str, int]]
) -> dict[tuple[str, int], DatasetVersion]:
    """Versions by data set and number."""
    found = dict[tuple[str, int], DatasetVersion]()
    named, chosen = tuple_(DatasetVersion.dataset, DatasetVersion.number), sorted(which)
    for start in range(0, len(chosen), MOST_AT_ONCE):
        rows = select(DatasetVersion).where(of_project, named.in_(chosen[start : start + MOST_AT_ONCE]))
        found |= {(row.dataset, row.number): row for row in session.scalars(rows)}
    return found


def versions(session: ProjectSession, dataset: str, after: int | None, limit: int) -> Sequence[DatasetVersion]:
    """Versions below `after`, the newest first. Raises DatasetNotFound."""
    project = session.own_project
    dataset_versions.require(session, project, dataset)
    rows = select(DatasetVersion).where(
        DatasetVersion.project == project,
        DatasetVersion.dataset == dataset,
        DatasetVersion.same_as.is_(None),
        DatasetVersion.deleted_at.is_(None),
    )
    if after is not None:
        rows = rows.where(DatasetVersion.number < after)
    return session.scalars(rows.order_by(DatasetVersion.number.desc()).limit(limit)).all()


class VersionDetails(NamedTuple):
    """A version, the task that works on it, and the numbers of others with the same content, which stand for it.
    `report`: of what was sent as the number that was asked for. The same images may come with other files that cannot
    be read."""

    row: DatasetVersion
    task: Task | None
    report: Mapping[str, Any] | None
    other_numbers: Sequence[int]


def version(session: ProjectSession, dataset: str, number: int) -> VersionDetails:
    """Raises DatasetNotFound and VersionNotFound."""
    project = session.own_project
    row = dataset_versions.find(session, project, dataset, number)
    of_dataset = (
        (DatasetVersion.project == project) & (DatasetVersion.dataset == dataset) & DatasetVersion.deleted_at.is_(None)
    )
    report = session.scalar(select(DatasetVersion.report).where(of_dataset, DatasetVersion.number == number))
    others = select(DatasetVersion.number).where(of_dataset, DatasetVersion.same_as == row.number)
    numbers = session.scalars(others.order_by(DatasetVersion.number).limit(MOST_AT_ONCE)).all()
    return VersionDetails(row, tasks.open_task(session, project, dataset, row.number), report, numbers)


def list_uploads(session: ProjectSession, after: str | None, limit: int) -> Sequence[Upload]:
    """Uploads that are neither expired nor deleted, the newest first."""
    project = session.own_project
    rows = select(Upload).where(Upload.project == project, is_there())
    if after is not None:
        rows = rows.where(Upload.id < after)
    return session.scalars(rows.order_by(Upload.id.desc()).limit(limit)).all()
