"""Jobs side by side: rows aligned by epoch, and where specs differ."""

import math
from collections.abc import Callable, Sequence

import pytest
from sqlalchemy import insert

from jobs.comparison import compare
from jobs.downsampled_curves import LEAST_EPOCHS
from jobs.errors import JobNotFound
from jobs.fence import Claim
from models import Database, Epoch, Job
from tests.jobs.conftest import change, spec


def add(database: Database, job_id: str, losses: Sequence[tuple[int, float]]) -> None:
    row = {"job_id": job_id, "attempt": 1, "train_accuracy": 0.5, "learning_rate": 0.1, "seconds": 1.0}
    with database.session() as session:
        session.execute(
            insert(Epoch),
            [row | {"epoch": epoch, "train_loss": loss, "images_per_second": 1.0} for epoch, loss in losses],
        )


def test_rows_are_aligned_by_epoch(database: Database, submitted: Callable[..., Job]) -> None:
    first, second = submitted().id, submitted().id
    add(database, first, [(0, 3.0), (1, 2.0)])
    add(database, second, [(1, math.nan), (2, 1.0)])
    change(database, first, best_epoch=1)
    with database.snapshot("default") as session:
        found = compare(session, [second, first], 100)
    assert list(found.epochs) == [0, 1, 2]
    assert [each.job.id for each in found.jobs] == [second, first]
    late, early = ([row and row["train_loss"] for row in each.rows] for each in found.jobs)
    assert early == [3.0, 2.0, None]
    assert late[0] is None
    assert math.isnan(late[1] or 0)
    assert late[2] == 1.0
    assert [each.best and each.best.epoch for each in found.jobs] == [None, 1]


def test_of_long_curves_each_job_is_there_in_the_epochs_chosen_of_the_other(
    database: Database, submitted: Callable[..., Job]
) -> None:
    ids = [submitted().id, submitted().id]
    for peak, job_id in zip((123, 777), ids, strict=True):
        add(database, job_id, [(epoch, 9.0 if epoch == peak else 1 + epoch % 7 / 10) for epoch in range(1000)])
    with database.snapshot("default") as session:
        found = compare(session, ids, LEAST_EPOCHS)
    assert {0, 123, 777, 999} <= set(found.epochs)
    assert LEAST_EPOCHS <= len(found.epochs) <= 2 * LEAST_EPOCHS
    assert all(row is not None for each in found.jobs for row in each.rows)


def test_only_what_differs_is_told(database: Database, submitted: Callable[..., Job]) -> None:
    plain = submitted(spec(optimizer={"name": "sgd", "learning_rate": 0.1}, seed=1)).id
    decoupled = submitted(spec(optimizer={"name": "adamw", "learning_rate": 0.1}, seed=1)).id
    cropped = submitted(spec(augmentation={"crop": {"padding": 4}}, seed=1)).id
    with database.snapshot("default") as session:
        found = {each.pointer: each.values for each in compare(session, [plain, decoupled, cropped], 100).differences}
    assert found["/optimizer/name"] == {plain: "sgd", decoupled: "adamw", cropped: "sgd"}
    assert found["/optimizer/momentum"] == {plain: 0.9, cropped: 0.9}
    assert found["/optimizer/betas"] == {decoupled: [0.9, 0.999]}
    assert found["/augmentation/crop"][plain] is None
    assert found["/augmentation/crop"][cropped]["padding"] == 4
    assert not {"/seed", "/optimizer/learning_rate", "/epochs", "/optimizer", "/augmentation"} & found.keys()


def test_specs_that_are_the_same(database: Database, submitted: Callable[..., Job]) -> None:
    with database.snapshot("default") as session:
        found = compare(session, [submitted().id, submitted().id], 100)
    assert list(found.differences) == []
    assert list(found.epochs) == []


@pytest.mark.parametrize("stranger", ["job_01kasm2pbk5s9d0w3g6vq8zrhf", "no id\0 at all"])
def test_a_job_that_is_not_there(database: Database, running: Claim, stranger: str) -> None:
    with database.snapshot("default") as session, pytest.raises(JobNotFound):
        compare(session, [running.job_id, stranger], 100)


def test_another_projects_job(database: Database, running: Claim, submitted: Callable[..., Job]) -> None:
    other = submitted().id
    with database.snapshot("another") as session, pytest.raises(JobNotFound):
        compare(session, [running.job_id, other], 100)
