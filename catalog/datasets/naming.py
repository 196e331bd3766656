"""Which names a project may give to a new data set."""

from typing import Protocol

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from catalog.datasets.errors import NameTaken
from models import DatasetVersion


class Names(Protocol):
    """The names that everybody can use: a `Catalogue`."""

    def taken_as(self, name: str) -> str | None:
        """The one of which nobody would tell `name` apart; None where there is none."""


def require_free(session: Session, project: str, name: str, names: Names) -> None:
    """Raises NameTaken where everybody can name a data set `name`, or one that people would take for it: `CIFAR-10` is
    `cifar10`. A data set that the project has already keeps its name, as long as it is not the very same."""
    taken = names.taken_as(name)
    if taken is not None and (taken == name or not _has(session, project, name)):
        raise NameTaken(name, taken)


def _has(session: Session, project: str, name: str) -> bool:
    versions = exists().where(
        DatasetVersion.project == project, DatasetVersion.dataset == name, DatasetVersion.deleted_at.is_(None)
    )
    return session.scalars(select(versions)).one()
