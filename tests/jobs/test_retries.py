from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from jobs import lifecycle, placement, reconciler, recording, requests
from jobs.fence import Claim
from models import Database, Job, JobStatus
from models.columns import DatabaseNow
from tests.jobs.conftest import (
    LOST,
    change,
    checkpoint_of,
    drop,
    ends_of,
    epoch_metrics,
    events_of,
    expire,
    job_of,
    lose,
    publish,
    spec,
    start,
    take,
)


def offered(database: Database) -> str | None:
    """The job that a worker with a CPU would take."""
    with database.snapshot() as session:
        candidate = placement.next_job(session, ["cpu"])
    return candidate.job_id if candidate else None


def backoff_of(database: Database, job_id: str) -> float | None:
    """In seconds from now."""
    with database.snapshot() as session:
        now = session.scalars(select(DatabaseNow())).one()
    not_before = job_of(database, job_id).not_before
    return (not_before - now) / timedelta(seconds=1) if not_before else None


@pytest.mark.parametrize("max_retries", [0, 1, 3])
def test_a_job_that_keeps_losing_its_worker_fails_with_the_last_cause(
    database: Database, submitted: Callable[..., Job], max_retries: int
) -> None:
    job_id = submitted(max_retries=max_retries).id
    for loss in range(max_retries + 1):
        cause = replace(LOST, code="stalled") if loss == max_retries else LOST
        assert lose(database, take(database, job_id), cause) is (loss < max_retries)
    job = job_of(database, job_id)
    assert job.status is JobStatus.FAILED
    assert job.error
    assert (job.error["code"], job.error["message"]) == ("stalled", "It is gone.")
    assert job.error["attempt"] == job.attempt == max_retries + 1
    assert ends_of(database, job_id) == [*["worker_lost"] * max_retries, "stalled"]
    assert events_of(database, job_id) == ["queued", *["starting", "requeued"] * max_retries, "starting", "failed"]


def test_an_expired_lease_is_a_loss_like_another(database: Database, submitted: Callable[..., Job]) -> None:
    job_id = submitted(max_retries=1).id
    for retried in (True, False):
        take(database, job_id)
        expire(database, job_id)
        with database.session() as session:
            assert lifecycle.expire_lease(session, job_id) is retried
    job = job_of(database, job_id)
    assert (job.status, job.error and job.error["code"]) == (JobStatus.FAILED, "worker_lost")


def test_an_epoch_beyond_the_furthest_forgives_losses_and_one_before_it_none(
    database: Database, running: Claim
) -> None:
    claim, losses = running, []
    for epoch in (0, 1, 1, 0, 2):
        with database.session() as session:
            recording.record_epoch(session, claim, epoch_metrics(epoch))
        lose(database, claim)
        losses.append(job_of(database, running.job_id).losses)
        claim = take(database, running.job_id)
        start(database, claim)
    assert losses == [1, 1, 2, 3, 1]


def test_a_checkpoint_beyond_the_furthest_forgives_losses_and_one_before_it_none(
    database: Database, running: Claim
) -> None:
    claim, losses = running, []
    for position in [(0, 5), (0, 9), (0, 9), (0, 5), (1, 0)]:
        publish(database, claim, position)
        lose(database, claim)
        losses.append(job_of(database, running.job_id).losses)
        claim = take(database, running.job_id)
        start(database, claim)
    assert losses == [1, 1, 2, 3, 1]


def test_coming_back_to_where_a_checkpoint_was_given_up_is_no_progress(
    database: Database, submitted: Callable[..., Job]
) -> None:
    """Or else a job that dies there every time would be tried for ever."""
    claim = take(database, submitted(spec(checkpoints={"keep": 1}), max_retries=9).id)
    start(database, claim)
    publish(database, claim, (2, 0))
    with database.session() as session:
        recording.record_unusable(session, claim, checkpoint_of(claim, 2).file.name, "it does not load")
    lose(database, claim)
    again = take(database, claim.job_id)
    start(database, again)
    publish(database, again, (1, 0), (2, 0))
    assert job_of(database, claim.job_id).losses == 1


def test_a_drain_costs_no_retry_and_forgives_none(database: Database, submitted: Callable[..., Job]) -> None:
    job_id = submitted(max_retries=1).id
    lose(database, take(database, job_id))
    for _ in range(3):
        assert drop(database, take(database, job_id)) is True
    assert job_of(database, job_id).losses == 1
    assert ends_of(database, job_id) == ["worker_lost", "drained", "drained", "drained"]
    assert events_of(database, job_id)[-1] == "requeued"


def test_the_next_attempt_waits_the_longer_the_more_were_lost(
    database: Database, submitted: Callable[..., Job]
) -> None:
    job_id, waits = submitted(max_retries=9).id, list[float | None]()
    for _ in range(5):
        claim = take(database, job_id)
        assert job_of(database, job_id).not_before is None
        lose(database, claim)
        waits.append(backoff_of(database, job_id))
        change(database, job_id, not_before=None)
    assert waits == [None, *(pytest.approx(seconds, abs=2) for seconds in (5, 25, 60, 60))]


def test_while_it_waits_no_worker_is_offered_it(database: Database, submitted: Callable[..., Job]) -> None:
    job_id = submitted(priority=9).id
    assert offered(database) == job_id
    for _ in range(2):
        lose(database, take(database, job_id))
    assert offered(database) is None
    other = submitted(priority=0).id
    assert offered(database) == other  # those behind it do not wait
    told = list[str]()

    def tell(each: str) -> bool:
        told.append(each)
        return True

    reconciler.sweep(database, tell)
    assert offered(database) == other
    change(database, job_id, not_before=DatabaseNow(-1))
    reconciler.sweep(database, tell)
    assert offered(database) == job_id
    assert told == [job_id]


def test_nor_does_one_get_it_that_was_offered_it_before(database: Database, submitted: Callable[..., Job]) -> None:
    """Between the offer and the claim, a worker waits for its devices."""
    job_id = submitted().id
    for _ in range(2):
        lose(database, take(database, job_id))
    with database.session() as session:
        assert lifecycle.claim(session, job_id, "first", 30) is None


def test_resuming_ends_the_wait(database: Database, submitted: Callable[..., Job]) -> None:
    job_id = submitted().id
    for _ in range(2):
        lose(database, take(database, job_id))
    with database.session() as session:
        requests.request_pause(session, job_id)
        requests.resume(session, job_id)
    assert offered(database) == job_id


def test_a_fault_of_ours_before_an_attempt_begins_leaves_the_way_free_for_others(
    database: Database, submitted: Callable[..., Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_arguments: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(lifecycle, "prepare", broken)
    job_id, other = submitted(priority=9, max_retries=1).id, submitted().id
    with capture_logs() as logs, database.session() as session:
        assert lifecycle.claim(session, job_id, "first", 30) is None
    assert [(each["log_level"], each["job_id"]) for each in logs if each["log_level"] == "error"] == [("error", job_id)]
    assert offered(database) == other
    assert backoff_of(database, job_id) == pytest.approx(60, abs=5)
    change(database, job_id, not_before=None)
    with database.session() as session:
        assert lifecycle.claim(session, job_id, "first", 30) is None
    job = job_of(database, job_id)
    assert (job.status, job.error and job.error["code"]) == (JobStatus.FAILED, "internal")
