"""Labels, priority, and the end of a job that nobody wants any more."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, func, select

from jobs import changes, lifecycle, placement, queries, recording, requests
from jobs.errors import JobNotFinished, JobNotFound
from jobs.fence import Claim
from jobs.listing import JobFilter
from models import Base, Database, Event, Job
from storage import Storage
from tests.jobs.conftest import change, epoch_metrics, job_of, publish, spec, step_metrics, weights_of
from tests.stage import FACTS


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(f"file://{tmp_path}")


def ended(database: Database, claim: Claim, storage: Storage) -> None:
    """With a row in every table and a file of every kind."""
    with database.session() as session:
        recording.record_epoch(session, claim, epoch_metrics(0))
        recording.record_steps(session, claim, [step_metrics(0, 0)])
        lifecycle.settle_success(session, claim, weights_of(claim))
    for name in ("weights.safetensors", "epoch-0001-step-000000.safetensors"):
        storage.put(f"{claim.job_id}/attempt-0001/{name}", b"abc")


def rows(database: Database, job_id: str) -> dict[str, int]:
    with database.snapshot() as session:
        found: dict[str, Any] = {
            table.name: session.scalar(select(func.count()).select_from(table).where(table.c.job_id == job_id))
            for table in Base.metadata.sorted_tables
            if "job_id" in table.c and table.name != "idempotency_keys"
        }
        found["jobs"] = session.scalar(select(func.count()).where(Job.id == job_id))
    return found


def test_labels_and_priority(database: Database, submitted: Callable[..., Job]) -> None:
    first, second = submitted(tags=["a", "b"]), submitted()
    with database.session() as session:
        changes.change(session, second.id, {"priority": 9, "name": "x", "tags": ["b", "c"], "description": "why"})
    job = job_of(database, second.id)
    assert (job.name, job.description, job.tags, job.priority) == ("x", "why", ["b", "c"], 9)
    with database.snapshot() as session:
        candidate = placement.next_job(session, ["cpu"])
        tagged = [[row.id for row in queries.list_jobs(session, JobFilter(tags=[tag])).rows] for tag in "abc"]
    assert candidate
    assert candidate.job_id == second.id
    assert tagged == [[first.id], [second.id, first.id], [second.id]]


def test_a_change_is_seen_by_whoever_follows(database: Database, submitted: Callable[..., Job]) -> None:
    job_id = submitted().id
    before = job_of(database, job_id).revision
    with database.session() as session:
        changes.change(session, job_id, {"name": "x"})
    assert job_of(database, job_id).revision > before


def test_a_deleted_job_is_gone_at_once_and_its_files_soon(
    database: Database, running: Claim, storage: Storage, submitted: Callable[..., Job]
) -> None:
    publish(database, running, (1, 0))
    ended(database, running, storage)
    other = submitted(tags=["a"])
    with database.session() as session:
        changes.delete_job(session, running.job_id)
    with database.snapshot("default") as session:
        with pytest.raises(JobNotFound):
            queries.find(session, running.job_id)
        assert [row.id for row in queries.list_jobs(session).rows] == [other.id]
    assert len(storage.list_names(running.job_id)) == 2
    for _ in range(2):
        changes.purge(database, storage)
    assert set(rows(database, running.job_id).values()) == {0}
    assert storage.list_names(running.job_id) == []
    assert rows(database, other.id)["jobs"] == 1


def test_a_long_job_is_purged_in_short_transactions(
    database: Database,
    running: Claim,
    storage: Storage,
    submitted: Callable[..., Job],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with database.session() as session:
        recording.record_steps(session, running, [step_metrics(0, step) for step in range(7)])
    ended(database, running, storage)
    with database.session() as session:
        changes.delete_job(session, running.job_id)
    submitted()
    monkeypatch.setattr(changes, "ROWS_AT_ONCE", 2)
    deleted: list[int] = []

    def note(_connection: object, cursor: Any, statement: str, *_: object) -> None:
        if statement.startswith("DELETE FROM steps"):
            deleted.append(cursor.rowcount)

    event.listen(database.engine, "after_cursor_execute", note)
    changes.purge(database, storage)
    assert deleted == [2, 2, 2, 1]
    assert set(rows(database, running.job_id).values()) == {0}


def test_the_id_of_the_last_event_is_not_given_again(
    database: Database, running: Claim, storage: Storage, submitted: Callable[..., Job]
) -> None:
    """SQLite would. A stream that has told the one would take the other for told."""
    ended(database, running, storage)
    with database.session() as session:
        changes.delete_job(session, running.job_id)
        last = session.scalar(select(func.max(Event.id)))
    assert last
    changes.purge(database, storage)
    assert storage.list_names(running.job_id) == []
    other = submitted().id
    with database.session() as session:
        assert min(session.scalars(select(Event.id).where(Event.job_id == other))) > last
    changes.purge(database, storage)
    assert set(rows(database, running.job_id).values()) == {0}


def test_a_deleted_job_stays_hidden_for_a_while(
    database: Database, running: Claim, storage: Storage, submitted: Callable[..., Job]
) -> None:
    ended(database, running, storage)
    with database.session() as session:
        changes.delete_job(session, running.job_id)
    submitted()
    changes.purge(database, storage, hidden_seconds=60)
    assert rows(database, running.job_id)["jobs"] == 1
    changes.purge(database, storage)
    assert rows(database, running.job_id)["jobs"] == 0


def test_a_purge_that_died_is_done_again(
    database: Database,
    running: Claim,
    storage: Storage,
    submitted: Callable[..., Job],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ended(database, running, storage)
    submitted()
    with database.session() as session:
        changes.delete_job(session, running.job_id)
    with monkeypatch.context() as broken:
        broken.setattr(storage, "delete", lambda _names: (_ for _ in ()).throw(OSError("gone")))
        with pytest.raises(OSError, match="gone"):
            changes.purge(database, storage)
    assert rows(database, running.job_id)["jobs"] == 1
    changes.purge(database, storage)
    assert rows(database, running.job_id)["jobs"] == 0


def test_what_has_not_ended_is_not_deleted(database: Database, running: Claim, submitted: Callable[..., Job]) -> None:
    for job_id in (running.job_id, submitted().id):
        with database.session() as session, pytest.raises(JobNotFinished, match="cancel or stop it first"):
            changes.delete_job(session, job_id)


def test_nobody_starts_from_the_weights_of_a_deleted_job(
    database: Database, running: Claim, storage: Storage, submitted: Callable[..., Job]
) -> None:
    ended(database, running, storage)
    later = submitted(spec(starting_weights=running.job_id))
    with database.session() as session:
        changes.delete_job(session, running.job_id)
    change(database, later.id, not_before=None)
    with database.session() as session:
        assert lifecycle.claim(session, later.id, "second", lease_seconds=30) is None
    error = job_of(database, later.id).error
    assert error
    assert error["code"] == "spec_conflict"


def test_events_of_everything_that_happens_raise_the_revision(database: Database, running: Claim) -> None:
    seen = [job_of(database, running.job_id).revision]

    def happened() -> None:
        seen.append(job_of(database, running.job_id).revision)
        assert seen[-1] > seen[-2]

    for report in (
        lambda session: recording.record_steps(session, running, [step_metrics(0, 0)]),
        lambda session: recording.record_epoch(session, running, epoch_metrics(0)),
        lambda session: recording.record_facts(session, running, FACTS.model_copy(update={"probe_seconds": 1.0})),
        lambda session: requests.request_pause(session, running.job_id),
        lambda session: lifecycle.release_job(session, running),
        lambda session: requests.resume(session, running.job_id),
        lambda session: requests.request_cancel(session, running.job_id),
    ):
        with database.session() as session:
            report(session)
        happened()
