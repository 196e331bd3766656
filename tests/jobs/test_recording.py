import math
from collections.abc import Callable

import pytest
from sqlalchemy import select, update

from jobs import lifecycle, queries, recording
from jobs.fence import Claim
from models import Attempt, Database, Event, Job, JobStatus, Step
from tests.jobs.conftest import (
    BROKEN,
    drop,
    epoch_metrics,
    events_of,
    job_of,
    publish,
    spec,
    start,
    step_metrics,
    take,
    weights_of,
)
from tests.stage import FACTS
from training.metrics import RunFacts, StepChoice, StepMetrics, StepTiming


def epochs_of(database: Database, job_id: str) -> list[tuple[int, int]]:
    """Epoch and attempt of each."""
    with database.snapshot() as session:
        return [(row.epoch, row.attempt) for row in queries.epochs_after(session, job_id).rows]


def steps_of(database: Database, job_id: str) -> list[tuple[int, int, int]]:
    """Epoch, step and attempt of each."""
    with database.snapshot() as session:
        return [(row.epoch, row.step, row.attempt) for row in queries.steps_after(session, job_id).rows]


@pytest.fixture
def resumed(database: Database, running: Claim) -> Claim:
    """The second attempt, at epoch 1, of a job whose first had been through epochs 0 to 2 and steps of the fourth."""
    with database.session() as session:
        for epoch, accuracy in enumerate([0.1, 0.2, 0.9]):
            recording.record_steps(session, running, [step_metrics(epoch, step) for step in (0, 5, 10)])
            recording.record_epoch(session, running, epoch_metrics(epoch, accuracy))
        recording.record_steps(session, running, [step_metrics(3, 0)])
    publish(database, running, (1, 0))
    drop(database, running)
    second = take(database, running.job_id)
    start(database, second, second.checkpoints[0].file.name)
    return second


def test_a_start_is_recorded_once(database: Database, submitted: Callable[..., Job]) -> None:
    claim = take(database, submitted().id)
    for _ in range(2):
        start(database, claim)
    job = job_of(database, claim.job_id)
    assert (job.status, job.attempts[0].resumed_from) == (JobStatus.RUNNING, None)
    assert events_of(database, claim.job_id) == ["queued", "starting", "running"]


def test_a_start_from_a_checkpoint_says_where_it_goes_on(database: Database, resumed: Claim) -> None:
    job = job_of(database, resumed.job_id)
    assert job.attempts[1].resumed_from == resumed.checkpoints[0].file.name
    with database.snapshot() as session:
        messages = session.scalars(select(Event.message).where(Event.type == "running").order_by(Event.id)).all()
    assert messages[1] == "Training on cpu in fp32. It goes on at step 0 of epoch 1."


@pytest.mark.parametrize("deterministic", [False, True])
@pytest.mark.parametrize("before", [None, "of an earlier form", "one"])
def test_a_start_on_what_rounds_otherwise_says_so_where_that_matters(
    before: str | None, deterministic: bool, database: Database, submitted: Callable[..., Job]
) -> None:
    first = take(database, submitted(spec(deterministic=deterministic)).id)
    start(database, first)
    with database.session() as session:
        facts = FACTS.model_dump(mode="json", exclude={"fingerprint"}) | ({"fingerprint": before} if before else {})
        session.execute(update(Attempt).values(facts=facts))
    publish(database, first, (1, 0))
    drop(database, first)
    second = take(database, first.job_id)
    with database.session() as session:
        found = FACTS.model_copy(update={"fingerprint": "one"})
        recording.record_start(session, second, found, second.checkpoints[0].file.name)
        message = session.scalars(
            select(Event.message).where(Event.type == "running").order_by(Event.id.desc())
        ).first()
    assert message
    assert ("not that of attempt 1" in message) == (deterministic and before != "one")


def test_what_is_found_out_later_replaces_the_facts_and_is_an_event(database: Database, running: Claim) -> None:
    choice = StepChoice(mode="compile", precision="bf16")
    tried = (StepTiming(choice=choice, images_per_second=128.2, images=64),)
    faster = FACTS.model_copy(update={"precision": "bf16", "step": choice, "probed": tried, "probe_seconds": 12.3})
    for _ in range(2):  # the answer that it was stored may be lost
        with database.session() as session:
            recording.record_facts(session, running, faster)
    job = job_of(database, running.job_id)
    assert RunFacts.model_validate(job.attempts[0].facts) == faster
    assert events_of(database, running.job_id) == ["queued", "starting", "running", "step_chosen"]
    with database.snapshot() as session:
        message = session.scalar(select(Event.message).where(Event.type == "step_chosen"))
    assert message == (
        "Looked for a faster step for 12.3 seconds; images a second: compile channels_last bf16 128.2. "
        "It goes on with compile channels_last bf16."
    )


def test_an_epoch_that_is_trained_again_overwrites_its_row(database: Database, running: Claim) -> None:
    with database.session() as session:
        recording.record_epoch(session, running, epoch_metrics(0, test_accuracy=0.9))
        recording.record_epoch(session, running, epoch_metrics(1, test_accuracy=0.5))
    drop(database, running)
    again = take(database, running.job_id)
    start(database, again)
    with database.session() as session:
        recording.record_epoch(session, again, epoch_metrics(0, test_accuracy=0.3))
    with database.snapshot() as session:
        rows = queries.epochs_after(session, running.job_id).rows
        record = queries.find(session, running.job_id)
    assert [(row.epoch, row.attempt, row.test_accuracy) for row in rows] == [(0, 2, 0.3), (1, 1, 0.5)]
    assert record.best
    assert record.latest
    assert (record.best.epoch, record.latest.epoch) == (1, 1)


def test_a_step_that_is_trained_again_overwrites_its_row_and_moves_the_attempt(
    database: Database, resumed: Claim
) -> None:
    with database.session() as session:
        recording.record_steps(
            session, resumed, [StepMetrics(epoch=1, step=step, loss=7.0, learning_rate=0.1) for step in (0, 10)]
        )
    assert [row for row in steps_of(database, resumed.job_id) if row[0] == 1] == [(1, 0, 2), (1, 5, 1), (1, 10, 2)]
    with database.snapshot() as session:
        assert session.get_one(Step, (resumed.job_id, 1, 0)).loss == 7.0
    attempts = job_of(database, resumed.job_id).attempts
    assert [(attempt.step_epoch, attempt.step) for attempt in attempts] == [(3, 0), (1, 10)]


def test_the_best_epoch_is_of_those_that_were_evaluated(database: Database, running: Claim) -> None:
    best = []
    with database.session() as session:
        for epoch, accuracy in enumerate([None, 0.3, None, 0.6, 0.6]):
            recording.record_epoch(session, running, epoch_metrics(epoch, accuracy, test_loss=accuracy))
            best.append(queries.find(session, running.job_id).job.best_epoch)
    assert best == [None, 1, 1, 3, 3]
    with database.snapshot() as session:
        first = queries.epochs_after(session, running.job_id).rows[0]
    assert (first.test_loss, first.test_accuracy, first.validation_accuracy) == (None, None, None)


def test_where_something_was_split_off_the_best_epoch_is_chosen_on_that(database: Database, running: Claim) -> None:
    with database.session() as session:
        recording.record_epoch(session, running, epoch_metrics(0, 0.4, validation_accuracy=0.7, validation_loss=1.0))
        recording.record_epoch(session, running, epoch_metrics(1, 0.9, validation_accuracy=0.6, validation_loss=1.1))
    with database.snapshot() as session:
        best = queries.find(session, running.job_id).best
    assert best
    assert (best.epoch, best.validation_accuracy) == (0, 0.7)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_not_finite_survive_the_database(database: Database, running: Claim, value: float) -> None:
    with database.session() as session:
        recording.record_epoch(session, running, epoch_metrics(0, train_loss=value))
        recording.record_steps(session, running, [StepMetrics(epoch=0, step=0, loss=value, learning_rate=0.1)])
    with database.snapshot() as session:
        epoch = queries.epochs_after(session, running.job_id).rows[0]
        step = queries.steps_after(session, running.job_id).rows[0]
    for stored in (epoch.train_loss, step.loss):
        assert stored == value or (math.isnan(stored) and math.isnan(value))


def test_trouble_is_an_event_and_nothing_else(database: Database, running: Claim) -> None:
    with database.session() as session:
        recording.record_trouble(session, running, "checkpoint_failed", "No space left.")
    assert job_of(database, running.job_id).status is JobStatus.RUNNING
    assert events_of(database, running.job_id)[-1] == "checkpoint_failed"


def test_what_lies_behind_a_stop_is_taken_back(database: Database, resumed: Claim) -> None:
    with database.session() as session:
        recording.record_epoch(session, resumed, epoch_metrics(1, 0.3))
        recording.record_steps(session, resumed, [step_metrics(2, 0)])
        lifecycle.settle_stop(session, resumed, weights_of(resumed), epoch=2, step=5)
    assert epochs_of(database, resumed.job_id) == [(0, 1), (1, 2)]
    assert steps_of(database, resumed.job_id)[-4:] == [(1, 0, 1), (1, 5, 1), (1, 10, 1), (2, 0, 2)]
    job = job_of(database, resumed.job_id)
    assert (job.latest_epoch, job.best_epoch) == (1, 1)


def test_what_lies_behind_an_early_end_is_taken_back(database: Database, resumed: Claim) -> None:
    """An attempt on another device may end earlier than the one before it would have."""
    with database.session() as session:
        recording.record_epoch(session, resumed, epoch_metrics(1, 0.3))
        lifecycle.settle_success(session, resumed, weights_of(resumed), epochs=2, stopped_early=True)
    assert epochs_of(database, resumed.job_id) == [(0, 1), (1, 2)]
    assert [row for row in steps_of(database, resumed.job_id) if row[0] > 1] == []
    job = job_of(database, resumed.job_id)
    assert (job.latest_epoch, job.best_epoch) == (1, 1)


def test_stopping_takes_back_nothing_of_other_jobs(
    database: Database, resumed: Claim, submitted: Callable[..., Job]
) -> None:
    other = take(database, submitted(spec()).id)
    start(database, other)
    with database.session() as session:
        for epoch in range(3):
            recording.record_epoch(session, other, epoch_metrics(epoch))
        lifecycle.settle_stop(session, resumed, weights_of(resumed), epoch=1, step=0)
        lifecycle.settle_failure(session, other, BROKEN)
    assert epochs_of(database, other.job_id) == [(0, 1), (1, 1), (2, 1)]
