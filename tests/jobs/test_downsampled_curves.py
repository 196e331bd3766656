"""Thinned curves out of the database: the right rows, and no more of them read than are needed."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event, insert, text

from jobs.downsampled_curves import LEAST_EPOCHS, LEAST_STEPS, downsampled_epochs, downsampled_steps
from jobs.errors import JobNotFound
from jobs.fence import Claim
from models import Database, Epoch, Job, Step
from tests.jobs.conftest import change

BEST = 457  # by its validation accuracy, say: no figure of it stands out


@pytest.fixture
def curves(database: Database, running: Claim) -> str:
    """A job of 1,000 epochs, and 5,000 steps in another 50 of them."""
    epochs = [
        {
            "epoch": epoch,
            "train_loss": math.nan if epoch == 700 else 1 / (1 + epoch),
            "train_accuracy": 0.5,
            "test_loss": 3.0 if epoch == 321 else 1.0,
            "test_accuracy": 0.9 if epoch == 888 else 0.5 + 0.1 * math.sin(epoch / 50),
            "learning_rate": 0.1,
            "seconds": 1.0,
            "images_per_second": 1.0,
        }
        for epoch in range(1000)
    ]
    steps = [
        {"epoch": epoch, "step": 5 * place, "loss": 9.0 if (epoch, place) == (17, 3) else 1.0 + 1 / (1 + epoch)}
        for epoch in range(50)
        for place in range(100)
    ]
    with database.session() as session:
        here = {"job_id": running.job_id, "attempt": 1}
        session.execute(insert(Epoch), [row | here for row in epochs])
        session.execute(insert(Step), [row | here | {"learning_rate": 0.1} for row in steps])
    change(database, running.job_id, best_epoch=BEST, latest_epoch=999)
    return running.job_id


@contextmanager
def statements(database: Database) -> Iterator[list[tuple[str, Any]]]:
    """Every statement meanwhile, with its parameters."""
    seen: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        seen.append((statement, parameters))

    event.listen(database.engine, "before_cursor_execute", note)
    yield seen
    event.remove(database.engine, "before_cursor_execute", note)


def test_epochs_that_are_always_there(database: Database, curves: str) -> None:
    with database.snapshot() as session:
        page = downsampled_epochs(session, curves, LEAST_EPOCHS)
    epochs = [row.epoch for row in page.rows]
    assert {0, 999, BEST, 888, 321, 700} <= set(epochs)
    assert epochs == sorted(epochs)
    assert len(epochs) == LEAST_EPOCHS
    assert not page.has_more
    assert math.isnan(next(row for row in page.rows if row.epoch == 700).train_loss)


def test_epochs_behind_one_and_all_where_there_are_few(database: Database, curves: str) -> None:
    with database.snapshot() as session:
        assert [row.epoch for row in downsampled_epochs(session, curves, 50, after_epoch=989).rows] == [
            *range(990, 1000)
        ]
        assert downsampled_epochs(session, curves, 50, after_epoch=999).rows == []
        later = [row.epoch for row in downsampled_epochs(session, curves, 50, after_epoch=499).rows]
    assert (later[0], later[-1], len(later)) == (500, 999, 50)


def test_steps_that_are_always_there(database: Database, curves: str) -> None:
    with database.snapshot() as session:
        places = [(row.epoch, row.step) for row in downsampled_steps(session, curves, 40).rows]
        behind = [(row.epoch, row.step) for row in downsampled_steps(session, curves, LEAST_STEPS, 48, 10).rows]
        assert downsampled_steps(session, curves, 40, 49, 495).rows == []
    assert {(0, 0), (17, 15), (49, 495)} <= set(places)
    assert places == sorted(places)
    assert len(places) == 40
    assert (behind[0], behind[-1], len(behind)) == ((48, 15), (49, 495), LEAST_STEPS)


def test_a_job_that_is_not_there(database: Database) -> None:
    with database.snapshot() as session:
        with pytest.raises(JobNotFound):
            downsampled_epochs(session, "job_none", 50)
        with pytest.raises(JobNotFound):
            downsampled_steps(session, "job_none", 50)


@pytest.mark.parametrize("kind", [Epoch, Step])
def test_only_what_is_chosen_is_read_whole_and_looked_up_by_its_key(
    database: Database, curves: str, submitted: Callable[[], Job], kind: type[Epoch | Step]
) -> None:
    on_sqlite = database.engine.dialect.name == "sqlite"
    most = 500 if on_sqlite else 30  # for more of these few rows, PostgreSQL would rightly read them all
    with statements(database) as seen, database.snapshot() as session:
        thinned = downsampled_epochs if kind is Epoch else downsampled_steps
        thinned(session, curves, most)
    (wide,) = ((statement, parameters) for statement, parameters in seen if "recorded_at" in statement)
    if not on_sqlite:
        _fill(database, kind, curves, submitted().id)
    plan = _plan(database, *wide)
    assert not [line for line in plan if f"Seq Scan on {kind.__tablename__}" in line], plan
    if on_sqlite:
        key = "job_id=? AND epoch=?" if kind is Epoch else "job_id=? AND epoch=? AND step=?"
        assert [line for line in plan if line.startswith(f"SEARCH {kind.__tablename__}") and key in line], plan


def _fill(database: Database, kind: type[Epoch | Step], source: str, target: str) -> None:
    """As many rows of another job that this one's are few."""
    table = kind.__tablename__
    columns = [column.name for column in kind.__table__.columns if column.name not in ("job_id", "epoch")]
    rows = f"SELECT :target, epoch + 1000 * n, {', '.join(columns)} FROM {table}, generate_series(1, 40) n"
    into = f"INSERT INTO {table} (job_id, epoch, {', '.join(columns)})"
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"{into} {rows} WHERE job_id = :source"), {"source": source, "target": target})
        connection.execute(text("ANALYZE"))


def _plan(database: Database, statement: str, parameters: Any) -> Sequence[str]:
    explain = "EXPLAIN" if database.engine.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN"
    with database.engine.connect() as connection:
        return [str(row[-1]) for row in connection.exec_driver_sql(f"{explain} {statement}", parameters)]
