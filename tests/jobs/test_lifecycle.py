import math
from collections.abc import Callable
from threading import Barrier, Thread

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from jobs import lifecycle, queries
from jobs.errors import AttemptFenced, JobFinished, JobNotFound, StartingWeightsMissing
from jobs.failures import Failure
from jobs.lifecycle import MAX_LOSSES, Claim
from models import TERMINAL, TRANSITIONS, Attempt, Database, Event, Job, JobStatus, Request
from models.columns import DatabaseNow
from tests.jobs.conftest import FACTS, epoch_metrics
from training.metrics import RunFacts, StepChoice, StepMetrics
from training.spec import TrainingSpec

BROKEN = Failure(code="diverged", message="The loss was nan.", hint="Lower it.", retryable=False)
LOST = Failure(code="worker_lost", message="It is gone.", hint="Try again.", retryable=True)


def expire(database: Database, job_id: str) -> None:
    with database.session() as session:
        session.execute(update(Job).where(Job.id == job_id).values(lease_until=DatabaseNow(-1)))


def job_of(database: Database, job_id: str) -> Job:
    with database.snapshot() as session:
        return queries.find(session, job_id).job


def events_of(database: Database, job_id: str) -> list[str]:
    with database.snapshot() as session:
        return list(session.scalars(select(Event.type).where(Event.job_id == job_id).order_by(Event.id)))


def claim_again(database: Database, job_id: str, worker: str = "second") -> Claim:
    with database.session() as session:
        claim = lifecycle.claim(session, job_id, worker, 30)
    assert claim
    return claim


def test_a_job_from_its_submission_to_its_success(database: Database, running: Claim) -> None:
    with database.session() as session:
        lifecycle.record_steps(session, running, [StepMetrics(epoch=0, step=0, loss=2.3, learning_rate=0.1)])
    for epoch in range(3):
        with database.session() as session:
            lifecycle.record_epoch(session, running, epoch_metrics(epoch, test_accuracy=[0.4, 0.6, 0.5][epoch]))
    with database.session() as session:
        lifecycle.settle_success(session, running)
    with database.snapshot() as session:
        record = queries.find(session, running.job_id)
    assert record.job.status is JobStatus.SUCCEEDED
    assert record.job.finished_at
    assert record.job.lease_until is None
    assert record.job.owner is None
    assert record.latest
    assert record.best
    assert (record.latest.epoch, record.best.epoch) == (2, 1)
    assert [(attempt.number, attempt.worker, attempt.end_reason) for attempt in record.job.attempts] == [
        (1, "first", "succeeded")
    ]
    assert record.job.attempts[0].facts == FACTS.model_dump(mode="json")
    assert events_of(database, running.job_id) == ["queued", "starting", "running", "succeeded"]


def test_of_many_that_claim_at_once_one_gets_the_job(database: Database, submitted: Callable[[], Job]) -> None:
    job, barrier, claims = submitted(), Barrier(6), []

    def take() -> None:
        barrier.wait()
        with database.session() as session:
            claims.append(lifecycle.claim(session, job.id, "first", 30))

    threads = [Thread(target=take) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [claim.attempt for claim in claims if claim] == [1]
    assert claims.count(None) == 5


WRITES: list[Callable[[Session, Claim], object]] = [
    lambda session, claim: lifecycle.heartbeat(session, claim, 30),
    lambda session, claim: lifecycle.record_start(session, claim, FACTS),
    lambda session, claim: lifecycle.record_facts(session, claim, FACTS),
    lambda session, claim: lifecycle.record_steps(
        session, claim, [StepMetrics(epoch=0, step=0, loss=1.0, learning_rate=0.1)]
    ),
    lambda session, claim: lifecycle.record_epoch(session, claim, epoch_metrics(0)),
    lambda session, claim: lifecycle.settle_success(session, claim),
    lambda session, claim: lifecycle.settle_failure(session, claim, BROKEN),
    lambda session, claim: lifecycle.settle_cancel(session, claim),
    lambda session, claim: lifecycle.release(session, claim),
    lambda session, claim: lifecycle.lose(session, claim, LOST),
]


@pytest.mark.parametrize("write", WRITES)
def test_no_write_of_an_attempt_lands_once_another_has_the_job(
    database: Database, running: Claim, write: Callable[[Session, Claim], object]
) -> None:
    expire(database, running.job_id)
    with database.session() as session:
        assert lifecycle.expire_lease(session, running.job_id)
    second = claim_again(database, running.job_id)
    before = (job_of(database, running.job_id).attempts, events_of(database, running.job_id))

    with pytest.raises(AttemptFenced), database.session() as session:
        write(session, running)

    job = job_of(database, running.job_id)
    assert (job.status, job.attempt, job.owner) == (JobStatus.STARTING, second.attempt, "second")
    assert [(a.number, a.end_reason, a.facts) for a in job.attempts] == [
        (a.number, a.end_reason, a.facts) for a in before[0]
    ]
    assert events_of(database, running.job_id) == before[1]


@pytest.mark.parametrize("write", WRITES)
def test_nor_after_the_job_has_ended(
    database: Database, running: Claim, write: Callable[[Session, Claim], object]
) -> None:
    with database.session() as session:
        lifecycle.settle_success(session, running)
    with pytest.raises(AttemptFenced), database.session() as session:
        write(session, running)
    assert job_of(database, running.job_id).status is JobStatus.SUCCEEDED


def test_an_epoch_that_is_trained_again_overwrites_its_row(database: Database, running: Claim) -> None:
    with database.session() as session:
        lifecycle.record_epoch(session, running, epoch_metrics(0, test_accuracy=0.9))
        lifecycle.record_epoch(session, running, epoch_metrics(1, test_accuracy=0.5))
        lifecycle.release(session, running)
    again = claim_again(database, running.job_id)
    with database.session() as session:
        lifecycle.record_start(session, again, FACTS)
        lifecycle.record_epoch(session, again, epoch_metrics(0, test_accuracy=0.3))
    with database.snapshot() as session:
        rows = queries.epochs_after(session, running.job_id).rows
        record = queries.find(session, running.job_id)
    assert [(row.epoch, row.attempt, row.test_accuracy) for row in rows] == [(0, 2, 0.3), (1, 1, 0.5)]
    assert record.best
    assert record.latest
    assert (record.best.epoch, record.latest.epoch) == (1, 1)


def test_the_best_epoch_is_of_those_that_were_evaluated(database: Database, running: Claim) -> None:
    best = []
    with database.session() as session:
        for epoch, accuracy in enumerate([None, 0.3, None, 0.6, 0.6]):
            lifecycle.record_epoch(session, running, epoch_metrics(epoch, accuracy, test_loss=accuracy))
            best.append(queries.find(session, running.job_id).job.best_epoch)
    assert best == [None, 1, 1, 3, 3]
    with database.snapshot() as session:
        first = queries.epochs_after(session, running.job_id).rows[0]
    assert (first.test_loss, first.test_accuracy, first.validation_accuracy) == (None, None, None)


def test_where_something_was_split_off_the_best_epoch_is_chosen_on_that(database: Database, running: Claim) -> None:
    with database.session() as session:
        lifecycle.record_epoch(session, running, epoch_metrics(0, 0.4, validation_accuracy=0.7, validation_loss=1.0))
        lifecycle.record_epoch(session, running, epoch_metrics(1, 0.9, validation_accuracy=0.6, validation_loss=1.1))
    with database.snapshot() as session:
        best = queries.find(session, running.job_id).best
    assert best
    assert (best.epoch, best.validation_accuracy) == (0, 0.7)


def test_what_is_found_out_later_replaces_the_facts(database: Database, running: Claim) -> None:
    faster = FACTS.model_copy(update={"precision": "bf16", "step": StepChoice(mode="compile", precision="bf16")})
    with database.session() as session:
        lifecycle.record_facts(session, running, faster)
    job = job_of(database, running.job_id)
    assert RunFacts.model_validate(job.attempts[0].facts) == faster
    assert events_of(database, running.job_id) == ["queued", "starting", "running"]


def test_a_run_that_stops_early_succeeds_and_says_so(database: Database, running: Claim) -> None:
    with database.session() as session:
        lifecycle.settle_success(session, running, stopped_early=True)
    assert job_of(database, running.job_id).status is JobStatus.SUCCEEDED
    with database.snapshot() as session:
        message = session.scalars(select(Event.message).where(Event.type == "succeeded")).one()
    assert message == "Stopped early: validation accuracy rose no more."


def test_weights_to_start_from_must_be_of_a_job_that_has_succeeded(database: Database, running: Claim) -> None:
    def submit(job_id: str) -> None:
        with database.session() as session:
            lifecycle.submit(session, TrainingSpec(dataset="digits", starting_weights=job_id))

    with pytest.raises(StartingWeightsMissing, match="no job 'job_unknown'"):
        submit("job_unknown")
    with pytest.raises(StartingWeightsMissing, match="is running, so wait until it has succeeded"):
        submit(running.job_id)
    with database.session() as session:
        lifecycle.settle_success(session, running)
    submit(running.job_id)
    failed = claim_again(database, second_job(database))
    with database.session() as session:
        lifecycle.settle_failure(session, failed, BROKEN)
    with pytest.raises(StartingWeightsMissing, match=r"is failed; a job has weights once") as refused:
        submit(failed.job_id)
    assert "wait" not in refused.value.reason


def second_job(database: Database) -> str:
    with database.session() as session:
        return lifecycle.submit(session, TrainingSpec(dataset="digits")).id


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_not_finite_survive_the_database(database: Database, running: Claim, value: float) -> None:
    with database.session() as session:
        lifecycle.record_epoch(session, running, epoch_metrics(0, train_loss=value))
        lifecycle.record_steps(session, running, [StepMetrics(epoch=0, step=0, loss=value, learning_rate=0.1)])
    with database.snapshot() as session:
        epoch = queries.epochs_after(session, running.job_id).rows[0]
        step = queries.steps_after(session, running.job_id).rows[0]
    for stored in (epoch.train_loss, step.loss):
        assert stored == value or (math.isnan(stored) and math.isnan(value))


def test_cancelling_a_queued_job_ends_it_at_once(database: Database, submitted: Callable[[], Job]) -> None:
    job = submitted()
    with database.session() as session:
        assert lifecycle.request_cancel(session, job.id).status is JobStatus.CANCELLED
    with database.session() as session:
        assert lifecycle.claim(session, job.id, "first", 30) is None
        assert lifecycle.request_cancel(session, job.id).status is JobStatus.CANCELLED
    assert events_of(database, job.id) == ["queued", "cancelled"]


def test_after_an_acknowledged_cancel_nothing_more_is_stored(database: Database, running: Claim) -> None:
    with database.session() as session:
        lifecycle.request_cancel(session, running.job_id)
        assert lifecycle.request_cancel(session, running.job_id).requested is Request.CANCEL
    for write in WRITES[1:7]:
        with pytest.raises(AttemptFenced), database.session() as session:
            write(session, running)
    with database.session() as session:
        lifecycle.heartbeat(session, running, 30)  # the device is still ours to free
        lifecycle.settle_cancel(session, running)
    job = job_of(database, running.job_id)
    assert (job.status, job.requested) == (JobStatus.CANCELLED, None)
    assert events_of(database, running.job_id)[2:] == ["running", "cancel_requested", "cancelled"]


def test_cancelling_what_has_ended_or_never_was_is_refused(database: Database, running: Claim) -> None:
    with database.session() as session:
        lifecycle.settle_failure(session, running, BROKEN)
    with pytest.raises(JobFinished, match="is failed"), database.session() as session:
        lifecycle.request_cancel(session, running.job_id)
    with pytest.raises(JobNotFound), database.session() as session:
        lifecycle.request_cancel(session, "job_unknown")


def test_a_failure_stands_beside_the_job(database: Database, running: Claim) -> None:
    with database.session() as session:
        lifecycle.settle_failure(session, running, BROKEN)
    job = job_of(database, running.job_id)
    assert job.status is JobStatus.FAILED
    assert job.error == {
        "code": "diverged",
        "message": "The loss was nan.",
        "hint": "Lower it.",
        "retryable": False,
        "attempt": 1,
    }
    assert job.attempts[0].end_reason == "diverged"


def test_a_job_that_keeps_losing_its_worker_fails_with_the_cause(
    database: Database, submitted: Callable[[], Job]
) -> None:
    job_id = submitted().id
    for loss in range(MAX_LOSSES + 1):
        claim = claim_again(database, job_id)
        with database.session() as session:
            assert lifecycle.lose(session, claim, LOST) is (loss < MAX_LOSSES)
    job = job_of(database, job_id)
    assert job.status is JobStatus.FAILED
    assert job.error
    assert (job.error["code"], job.error["message"], job.error["attempt"]) == ("worker_lost", "It is gone.", 4)


def test_progress_forgives_losses_and_a_drain_is_none(database: Database, running: Claim) -> None:
    claim = running
    for epoch in range(3):
        with database.session() as session:
            lifecycle.record_epoch(session, claim, epoch_metrics(epoch))
            lifecycle.lose(session, claim, LOST)
        claim = claim_again(database, running.job_id)
        with database.session() as session:
            lifecycle.record_start(session, claim, FACTS)
    assert job_of(database, running.job_id).losses == 1
    with database.session() as session:
        lifecycle.release(session, claim)
    assert job_of(database, running.job_id).losses == 1


def test_a_lease_expires_once_and_not_before_its_time(database: Database, running: Claim) -> None:
    with database.session() as session:
        assert not lifecycle.expire_lease(session, running.job_id)
    expire(database, running.job_id)
    with database.session() as session:
        assert lifecycle.expire_lease(session, running.job_id)
        assert not lifecycle.expire_lease(session, running.job_id)
    job = job_of(database, running.job_id)
    assert (job.status, job.attempts[0].end_reason) == (JobStatus.QUEUED, "worker_lost")


def test_a_heartbeat_keeps_the_lease(database: Database, running: Claim) -> None:
    expire(database, running.job_id)
    with database.session() as session:
        lifecycle.heartbeat(session, running, 30)
        assert not lifecycle.expire_lease(session, running.job_id)


def test_a_cancelled_job_whose_worker_is_lost_is_cancelled(database: Database, running: Claim) -> None:
    with database.session() as session:
        lifecycle.request_cancel(session, running.job_id)
    expire(database, running.job_id)
    with database.session() as session:
        assert not lifecycle.expire_lease(session, running.job_id)
    assert job_of(database, running.job_id).status is JobStatus.CANCELLED


def test_a_transaction_that_fails_changes_nothing(database: Database, running: Claim) -> None:
    with pytest.raises(RuntimeError), database.session() as session:
        lifecycle.record_epoch(session, running, epoch_metrics(0))
        lifecycle.settle_success(session, running)
        raise RuntimeError
    assert job_of(database, running.job_id).status is JobStatus.RUNNING
    with database.snapshot() as session:
        assert not queries.epochs_after(session, running.job_id).rows


def test_the_transition_table_covers_every_status_and_nothing_leaves_an_end() -> None:
    assert set(TRANSITIONS) == set(JobStatus)
    assert all(not TRANSITIONS[status] for status in TERMINAL)


def test_every_attempt_has_a_row_of_its_own(database: Database, running: Claim) -> None:
    with database.session() as session:
        lifecycle.release(session, running)
    claim_again(database, running.job_id)
    with database.snapshot() as session:
        rows = session.scalars(select(Attempt).order_by(Attempt.number)).all()
    assert [(row.number, row.worker, row.end_reason) for row in rows] == [(1, "first", "drained"), (2, "second", None)]
