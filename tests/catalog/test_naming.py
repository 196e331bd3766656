"""Which names a project may give to a new data set: none that people would take for one that all can use."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from catalog.datasets.errors import NameTaken
from catalog.datasets.listing import Catalogue
from catalog.datasets.naming import require_free
from jobs import new_versions
from models import Database, DatasetVersion
from models.columns import DatabaseNow

PROJECT = "default"


def free(session: Session, project: str, name: str, catalogue: Catalogue) -> None:
    require_free(session, project, name, catalogue.taken_as(name))


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[Catalogue]:
    (tmp_path / "Cats-vs-Dogs" / "train").mkdir(parents=True)
    made = Catalogue(tmp_path)
    yield made
    made.close()


NEAR = {
    "digits": "digits",
    "Digits": "digits",
    "CIFAR10": "cifar10",
    "CIFAR-10": "cifar10",
    "cifar-10": "cifar10",
    "cifar_100": "cifar100",
    "Cats-vs-Dogs": "Cats-vs-Dogs",
    "cats_vs_dogs": "Cats-vs-Dogs",
    "cifar": None,
    "cifar10-mine": None,
    "cats": None,
}


@pytest.mark.parametrize(("name", "taken"), NEAR.items())
def test_names_are_compared_as_people_do(catalogue: Catalogue, name: str, taken: str | None) -> None:
    assert catalogue.taken_as(name) == taken


def test_a_new_name_is_refused_with_the_one_that_it_would_be_taken_for(
    database: Database, catalogue: Catalogue
) -> None:
    with database.session(PROJECT) as session:
        free(session, PROJECT, "pets", catalogue)
        with pytest.raises(NameTaken, match="'CIFAR-10' would be taken for 'cifar10', a data set that everybody"):
            free(session, PROJECT, "CIFAR-10", catalogue)
        with pytest.raises(NameTaken, match="'digits' is a data set that everybody on this service can name: upload"):
            free(session, PROJECT, "digits", catalogue)


def test_a_data_set_that_is_there_keeps_its_name(database: Database, catalogue: Catalogue) -> None:
    with database.session(PROJECT) as session:
        for name in ("CIFAR-10", "digits"):
            new_versions.add_version(session, PROJECT, name, "upload")
        free(session, PROJECT, "CIFAR-10", catalogue)
        with pytest.raises(NameTaken):
            free(session, PROJECT, "cifar-10", catalogue)
        with pytest.raises(NameTaken):
            free(session, PROJECT, "digits", catalogue)
        with pytest.raises(NameTaken):
            free(session, "another", "CIFAR-10", catalogue)
        session.execute(update(DatasetVersion).values(deleted_at=DatabaseNow()))
        with pytest.raises(NameTaken):
            free(session, PROJECT, "CIFAR-10", catalogue)
