"""Makes new versions of data sets: of what was uploaded, of what lies elsewhere, or of an earlier version by edits. A
worker then validates them (`jobs.dataset_versions`)."""

from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from sqlalchemy import update
from sqlalchemy.orm import Session

from catalog.datasets.errors import TooManyUploads
from jobs import tasks
from jobs.quotas import require_storage
from jobs.transitions import now
from models import Dataset, DatasetVersion, Upload, VersionStatus, insert_for

MOST_WAITING = 500  # versions of a project for their validation: whoever chooses the next one looks at all that wait

log = structlog.get_logger()


def require_room(session: Session, project: str, more_bytes: int = 1) -> None:
    """Raises TooManyUploads where the project may have no further version validated, and QuotaExceeded where
    `more_bytes` would be too many for it."""
    if tasks.waiting(session, project) >= MOST_WAITING:
        raise TooManyUploads(f"{MOST_WAITING} versions of the project wait to be validated: go on when they are.")
    require_storage(session, project, more_bytes)


def complete(session: Session, upload: Upload) -> DatasetVersion:
    """All bytes of `upload`, whose row is locked, have arrived: make the data set's next version, and have it
    validated."""
    version = add_version(session, upload.project, upload.dataset, "upload")
    upload.version = version.number
    upload.total_bytes = upload.received_bytes
    upload.revision += 1
    arguments = {"upload": upload.id, "sha256": upload.sha256, **upload.options}
    tasks.add(session, tasks.VALIDATE, upload.project, upload.dataset, version.number, arguments)
    log.info("data set uploaded", dataset=upload.dataset, version=version.number, upload=upload.id)
    return version


def edit(session: Session, parent: DatasetVersion, edits: Sequence[Mapping[str, Any]]) -> DatasetVersion:
    """Make a version of `parent`, which is ready, with `edits` carried out by a worker. Raises TooManyUploads and
    QuotaExceeded."""
    require_room(session, parent.project)
    version = add_version(session, parent.project, parent.dataset, "edit", parent.number)
    arguments = {"parent": parent.number, "edits": list(edits)}
    tasks.add(session, tasks.EDIT, parent.project, parent.dataset, version.number, arguments)
    return version


def import_from(
    session: Session, project: str, dataset: str, source: str, options: Mapping[str, Any]
) -> DatasetVersion:
    """Make the next version of what a worker finds at `source`, which is allowed (environment.import_roots). Raises
    TooManyUploads and QuotaExceeded."""
    require_room(session, project)
    version = add_version(session, project, dataset, "import")
    tasks.add(session, tasks.IMPORT, project, dataset, version.number, {"source": source, **options})
    return version


def add_version(session: Session, project: str, dataset: str, source: str, parent: int | None = None) -> DatasetVersion:
    """The data set's next version, which is to be validated."""
    named = insert_for(session)(Dataset).values(project=project, name=dataset, last_version=0, created_at=now())
    session.execute(named.on_conflict_do_nothing(index_elements=["project", "name"]))
    counted = update(Dataset).where(Dataset.project == project, Dataset.name == dataset)
    number = session.scalars(
        counted.values(last_version=Dataset.last_version + 1).returning(Dataset.last_version),
        execution_options={"synchronize_session": False},
    ).one()
    version = DatasetVersion(
        project=project,
        dataset=dataset,
        number=number,
        status=VersionStatus.VALIDATING,
        source=source,
        parent=parent,
        storage_bytes=0,
        revision=1,
    )
    session.add(version)
    session.flush()
    return version
