"""Which names a project may give to a new data set."""

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from catalog.datasets.errors import NameTaken
from models import DatasetVersion


def require_free(session: Session, project: str, name: str, taken: str | None) -> None:
    """Raises NameTaken where `taken`, which `Catalogue.taken_as(name)` has found, is the very same name, or one that
    people would take it for: `CIFAR-10` is `cifar10`. A data set that the project has already keeps its name, as long
    as it is not the very same."""
    if taken is not None and (taken == name or not _has(session, project, name)):
        raise NameTaken(name, taken)


def _has(session: Session, project: str, name: str) -> bool:
    versions = exists().where(
        DatasetVersion.project == project, DatasetVersion.dataset == name, DatasetVersion.deleted_at.is_(None)
    )
    return session.scalars(select(versions)).one()
