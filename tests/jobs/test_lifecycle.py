from collections.abc import Callable
from dataclasses import asdict, replace
from threading import Barrier, Thread
from typing import Any

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from jobs import lifecycle, placement, queries, recording
from jobs.errors import StartingWeightsMissing
from jobs.fence import Claim
from models import DEFAULT_MAX_RETRIES, DEFAULT_PRIORITY, Attempt, Database, Event, Job, JobStatus
from tests.jobs.conftest import (
    BROKEN,
    change,
    drop,
    ends_of,
    epoch_metrics,
    events_of,
    expire,
    job_of,
    spec,
    step_metrics,
    take,
    weights_of,
)
from tests.stage import FACTS
from training.spec import RangeTest


def test_a_job_from_its_submission_to_its_success(database: Database, running: Claim) -> None:
    with database.session() as session:
        recording.record_steps(session, running, [step_metrics(0, 0)])
    for epoch in range(3):
        with database.session() as session:
            recording.record_epoch(session, running, epoch_metrics(epoch, test_accuracy=[0.4, 0.6, 0.5][epoch]))
    with database.session() as session:
        lifecycle.settle_success(session, running, weights_of(running))
    with database.snapshot() as session:
        record = queries.find(session, running.job_id)
    assert record.job.status is JobStatus.SUCCEEDED
    assert record.job.finished_at
    assert record.job.lease_until is None
    assert record.job.owner is None
    assert record.job.weights == asdict(weights_of(running))
    assert record.latest
    assert record.best
    assert (record.latest.epoch, record.best.epoch) == (2, 1)
    assert [(attempt.number, attempt.worker, attempt.end_reason) for attempt in record.job.attempts] == [
        (1, "first", "succeeded")
    ]
    assert record.job.attempts[0].facts == FACTS.model_dump(mode="json")
    assert events_of(database, running.job_id) == ["queued", "starting", "running", "succeeded"]


def test_what_is_asked_of_a_submission_is_stored_beside_its_spec(submitted: Callable[..., Job]) -> None:
    plain = submitted()
    assert (plain.priority, plain.max_retries, plain.devices, plain.accelerator) == (
        DEFAULT_PRIORITY,
        DEFAULT_MAX_RETRIES,
        1,
        None,
    )
    asking = submitted(spec(devices=2), priority=9, max_retries=0, accelerator="NVIDIA H100")
    assert (asking.priority, asking.max_retries, asking.devices, asking.accelerator) == (9, 0, 2, "nvidia h100")


def test_a_claim_brings_what_the_attempt_begins_with(database: Database, submitted: Callable[..., Job]) -> None:
    job = submitted()
    with database.session() as session:
        claim = lifecycle.claim(session, job.id, "first", 30, ["cuda:0", "cuda:1"])
    assert claim == Claim(job.id, 1, spec())
    after = job_of(database, job.id)
    assert (after.status, after.owner, after.attempt) == (JobStatus.STARTING, "first", 1)
    assert after.started_at
    assert after.attempts[0].devices == ["cuda:0", "cuda:1"]


def test_of_many_that_claim_at_once_one_gets_the_job(database: Database, submitted: Callable[..., Job]) -> None:
    job, barrier, claims = submitted(), Barrier(6), list[Claim | None]()

    def claim() -> None:
        barrier.wait()
        with database.session() as session:
            claims.append(lifecycle.claim(session, job.id, "first", 30))

    threads = [Thread(target=claim) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [claim.attempt for claim in claims if claim] == [1]
    assert claims.count(None) == 5
    assert job_of(database, job.id).attempt == 1


@pytest.mark.parametrize("status", [each for each in JobStatus if each is not JobStatus.QUEUED])
def test_nothing_but_a_queued_job_is_claimed(
    database: Database, submitted: Callable[..., Job], status: JobStatus
) -> None:
    job = submitted()
    change(database, job.id, status=status)
    with database.session() as session:
        assert lifecycle.claim(session, job.id, "first", 30) is None
        assert lifecycle.claim(session, "job_unknown", "first", 30) is None
    assert (job_of(database, job.id).attempt, events_of(database, job.id)) == (0, ["queued"])


def test_every_attempt_has_a_row_of_its_own(database: Database, running: Claim) -> None:
    drop(database, running)
    take(database, running.job_id)
    with database.snapshot() as session:
        rows = session.scalars(select(Attempt).order_by(Attempt.number)).all()
    assert [(row.number, row.worker, row.end_reason) for row in rows] == [(1, "first", "drained"), (2, "second", None)]
    assert rows[0].ended_at
    assert not rows[1].ended_at


def test_a_run_that_stops_early_succeeds_and_says_so(database: Database, running: Claim) -> None:
    with database.session() as session:
        lifecycle.settle_success(session, running, weights_of(running), stopped_early=True)
    assert job_of(database, running.job_id).status is JobStatus.SUCCEEDED
    with database.snapshot() as session:
        message = session.scalars(select(Event.message).where(Event.type == "succeeded")).one()
    assert message == "Stopped early: validation accuracy rose no more."


def test_a_range_test_that_stops_early_says_another_thing(database: Database, running: Claim) -> None:
    spec = running.spec.model_copy(update={"schedule": RangeTest()})
    with database.session() as session:
        claim = replace(running, spec=spec)
        lifecycle.settle_success(session, claim, weights_of(running), stopped_early=True)
    with database.snapshot() as session:
        message = session.scalars(select(Event.message).where(Event.type == "succeeded")).one()
    assert message == "The learning rate was raised until the loss was no longer finite."


def test_a_failure_stands_beside_the_job(database: Database, running: Claim) -> None:
    with database.session() as session:
        lifecycle.settle_failure(session, running, BROKEN)
    job = job_of(database, running.job_id)
    assert (job.status, job.weights) == (JobStatus.FAILED, None)
    assert job.error == {
        "code": "diverged",
        "message": "The loss was nan.",
        "hint": "Lower it.",
        "retryable": False,
        "attempt": 1,
    }
    assert ends_of(database, running.job_id) == ["diverged"]


def test_weights_to_start_from_must_be_of_a_job_that_has_some(
    database: Database, running: Claim, submitted: Callable[..., Job]
) -> None:
    with pytest.raises(StartingWeightsMissing, match="no job 'job_unknown'"):
        submitted(spec(starting_weights="job_unknown"))
    with pytest.raises(StartingWeightsMissing, match="is running, so wait until it has succeeded"):
        submitted(spec(starting_weights=running.job_id))
    with database.session() as session:
        lifecycle.settle_stop(session, running, weights_of(running), epoch=1, step=0)
    starting = submitted(spec(starting_weights=running.job_id))
    assert take(database, starting.id).starting_weights == weights_of(running)
    failed = take(database, submitted().id)
    with database.session() as session:
        lifecycle.settle_failure(session, failed, BROKEN)
    with pytest.raises(StartingWeightsMissing, match=r"is failed; it has no weights") as refused:
        submitted(spec(starting_weights=failed.job_id))
    assert "wait" not in refused.value.reason


def test_weights_that_are_gone_when_the_job_is_claimed_fail_it(
    database: Database, running: Claim, submitted: Callable[..., Job]
) -> None:
    with database.session() as session:
        lifecycle.settle_success(session, running, weights_of(running))
    starting = submitted(spec(starting_weights=running.job_id))
    change(database, running.job_id, weights=None)
    with database.session() as session:
        assert lifecycle.claim(session, starting.id, "first", 30) is None
    job = job_of(database, starting.id)
    assert (job.status, job.attempt, job.attempts) == (JobStatus.FAILED, 0, [])
    assert job.error
    assert (job.error["code"], job.error["attempt"]) == ("spec_conflict", 0)
    assert running.job_id in job.error["message"]


def test_a_stored_spec_that_cannot_be_read_fails_its_job(database: Database, submitted: Callable[..., Job]) -> None:
    job = submitted()
    change(database, job.id, spec={"dataset": "digits", "epochs": "a great many"})
    with database.session() as session:
        assert lifecycle.claim(session, job.id, "first", 30) is None
    after = job_of(database, job.id)
    assert after.status is JobStatus.FAILED
    assert after.error
    assert after.error["code"] == "internal"
    assert "cannot be read" in after.error["message"]
    assert events_of(database, job.id) == ["queued", "failed"]


@pytest.mark.parametrize("more", [{"field": 1}, {"optimizer": {"name": "sophia"}}, {"epochs": 20_000}])
def test_a_stored_spec_of_a_later_release_is_left_to_a_worker_that_knows_it(
    database: Database, submitted: Callable[..., Job], more: dict[str, Any]
) -> None:
    job, other = submitted(priority=9), submitted()
    change(database, job.id, spec=job.spec | more)
    with capture_logs() as logs, database.session() as session:
        assert lifecycle.claim(session, job.id, "first", 30) is None
    assert [each["event"] for each in logs if each["log_level"] == "warning"] == ["spec of a later release"]
    with database.session() as session:
        offered = placement.next_job(session, ["cpu"])
        assert offered
        assert offered.job_id == other.id
    after = job_of(database, job.id)
    assert (after.status, after.losses, after.error) == (JobStatus.QUEUED, 0, None)
    assert after.not_before


def test_a_lease_expires_once_and_not_before_its_time(database: Database, running: Claim) -> None:
    with database.session() as session:
        assert not lifecycle.expire_lease(session, running.job_id)
    expire(database, running.job_id)
    with database.session() as session:
        assert lifecycle.expire_lease(session, running.job_id)
        assert not lifecycle.expire_lease(session, running.job_id)
    assert job_of(database, running.job_id).status is JobStatus.QUEUED
    assert ends_of(database, running.job_id) == ["worker_lost"]
    assert events_of(database, running.job_id)[2:] == ["running", "requeued"]


def test_a_heartbeat_keeps_the_lease(database: Database, running: Claim) -> None:
    expire(database, running.job_id)
    with database.session() as session:
        assert lifecycle.heartbeat(session, running, 30) is None
        assert not lifecycle.expire_lease(session, running.job_id)


def test_a_transaction_that_fails_changes_nothing(database: Database, running: Claim) -> None:
    with pytest.raises(RuntimeError), database.session() as session:
        recording.record_epoch(session, running, epoch_metrics(0))
        lifecycle.settle_success(session, running, weights_of(running))
        raise RuntimeError
    assert job_of(database, running.job_id).status is JobStatus.RUNNING
    with database.snapshot() as session:
        assert not queries.epochs_after(session, running.job_id).rows
