"""How attempts end, with real trainer processes and real databases."""

import os
import signal
import threading
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load
from sqlalchemy import select, update

from jobs import lifecycle, queries, requests
from models import Database, DatabaseUnavailable, Event, Job, JobStatus
from models.columns import DatabaseNow
from tests.processes import descendants
from tests.worker.attempts import (
    LONG,
    PATIENCE_SECONDS,
    SHORT,
    Start,
    claimed_again,
    job_of,
    trainer_pids,
    until,
    until_it_is_saved,
    until_it_trains,
)
from training.evaluation import of_predictions
from training.images.predictions import Predictions


def test_an_attempt_that_succeeds(database: Database, start: Start) -> None:
    attempt = start({**SHORT, "precision": "fp32"})  # with few digits, logits are equal, and any of them is the fifth
    attempt.over()
    with database.snapshot() as session:
        record = queries.find(session, attempt.claim.job_id)
        steps = queries.steps_after(session, attempt.claim.job_id).rows
        weights = queries.weights_file(session, attempt.claim.job_id)
        predictions = queries.predictions_file(session, attempt.claim.job_id)
    assert record.job.status is JobStatus.SUCCEEDED
    assert record.latest
    assert record.latest.epoch == 0
    evaluated = of_predictions(Predictions.from_bytes(attempt.storage.read_verified(predictions)))
    assert evaluated.accuracy == pytest.approx(record.latest.test_accuracy)
    assert evaluated.top5_accuracy == pytest.approx(record.latest.test_top5_accuracy)
    assert evaluated.loss == pytest.approx(record.latest.test_loss, rel=1e-3)
    assert [(row.epoch, row.step) for row in steps] == [(0, 0)]
    facts = record.job.attempts[0].facts
    assert facts
    assert (facts["steps_per_epoch"], facts["parameters"]) == (3, 269434)
    assert "head.linear.weight" in load(attempt.storage.read_verified(weights))


def test_a_run_with_a_fold_leaves_what_its_network_takes_the_held_out_images_for(
    database: Database, start: Start
) -> None:
    attempt = start({**SHORT, "precision": "fp32", "validation_fold": {"index": 1, "of": 3}})
    attempt.over()
    with database.snapshot() as session:
        record = queries.find(session, attempt.claim.job_id)
        file = queries.predictions_file(session, attempt.claim.job_id)
    assert file.name == f"{attempt.claim.job_id}/attempt-0001/predictions.safetensors"
    found = Predictions.from_bytes(attempt.storage.read_verified(file))
    assert np.bincount(found.splits).tolist() == [479, 360]
    assert record.latest
    right = found.probabilities.argmax(1) == found.labels
    assert right[:479].mean() == pytest.approx(record.latest.validation_accuracy)
    assert right[479:].mean() == pytest.approx(record.latest.test_accuracy)


def test_a_run_that_stops_early_is_a_success_and_keeps_its_weights(database: Database, start: Start) -> None:
    stopping = {"early_stopping": {"patience": 1, "minimum_rise": 0.9}}  # more than any epoch brings
    spec = {**LONG, "validation_fraction": 0.2, "regularisation": stopping, "optimizer": {"name": "sgd"}}
    attempt = start({**spec, "epochs": 50})
    attempt.over()
    with database.snapshot() as session:
        record = queries.find(session, attempt.claim.job_id)
        ended = session.scalars(select(Event.message).where(Event.type == "succeeded")).one()
    assert record.job.status is JobStatus.SUCCEEDED
    assert ended.startswith("Stopped early")
    assert record.latest
    assert record.latest.epoch < 49
    assert record.latest.validation_accuracy is not None
    assert record.job.weights


def test_a_cancel_ends_the_trainer_and_leaves_no_checkpoint(database: Database, start: Start) -> None:
    attempt = start(LONG)
    until_it_is_saved(database, attempt.claim)
    with database.session() as session:
        requests.request_cancel(session, attempt.claim.job_id)
    attempt.over()
    with database.snapshot() as session:
        assert not queries.checkpoints(session, attempt.claim.job_id).rows
    assert job_of(database, attempt.claim).status is JobStatus.CANCELLED
    assert not trainer_pids()


def test_a_cancel_reaches_a_trainer_that_hangs(database: Database, start: Start) -> None:
    attempt = start(LONG)
    until_it_trains(database, attempt.claim)
    for pid in trainer_pids():
        os.kill(pid, signal.SIGSTOP)
    with database.session() as session:
        requests.request_cancel(session, attempt.claim.job_id)
    attempt.over()
    assert job_of(database, attempt.claim).status is JobStatus.CANCELLED
    assert not trainer_pids()


def test_a_stop_keeps_the_weights_that_there_are(database: Database, start: Start) -> None:
    attempt = start(LONG)
    until_it_trains(database, attempt.claim)
    with database.session() as session:
        requests.request_stop(session, attempt.claim.job_id)
    attempt.over()
    job = job_of(database, attempt.claim)
    assert (job.status, job.attempts[0].end_reason) == (JobStatus.STOPPED, "stopped")
    with database.snapshot() as session:
        weights = queries.weights_file(session, job.id)
    assert "head.linear.weight" in load(attempt.storage.read_verified(weights))


def test_a_paused_job_goes_on_where_it_was_and_one_that_is_stopped_then_has_weights(
    database: Database, start: Start
) -> None:
    attempt = start(LONG)
    until_it_trains(database, attempt.claim)
    with database.session() as session:
        requests.request_pause(session, attempt.claim.job_id)
    attempt.over()
    assert job_of(database, attempt.claim).status is JobStatus.PAUSED
    with database.session() as session:
        requests.request_stop(session, attempt.claim.job_id)
    assert job_of(database, attempt.claim).status is JobStatus.QUEUED
    second = start(claimed_again(database, attempt.claim))
    assert second.claim.finish_at_once
    second.over()
    job = job_of(database, attempt.claim)
    assert job.status is JobStatus.STOPPED
    assert job.weights
    assert job.attempts[1].resumed_from == second.claim.checkpoints[0].file.name


def test_a_drain_gives_the_job_back_with_a_checkpoint_of_its_last_step(database: Database, start: Start) -> None:
    attempt = start({**LONG, "logging_interval": 1})
    until_it_trains(database, attempt.claim)
    attempt.draining.set()
    attempt.over()
    job = job_of(database, attempt.claim)
    assert (job.status, job.losses, job.attempts[0].end_reason) == (JobStatus.QUEUED, 0, "drained")
    assert not trainer_pids()
    with database.snapshot() as session:
        saved = queries.checkpoints(session, job.id).rows[0].checkpoint
        last = queries.steps_after(session, job.id).rows[-1]
    assert (saved.epoch, saved.step) in {(last.epoch, last.step + 1), (last.epoch + 1, 0)}


def test_a_trainer_that_is_killed_loses_its_attempt_and_says_by_which_signal(database: Database, start: Start) -> None:
    attempt = start(LONG)
    until_it_trains(database, attempt.claim)
    for pid in trainer_pids():
        os.kill(pid, signal.SIGKILL)
    attempt.over()
    job = job_of(database, attempt.claim)
    assert (job.status, job.attempts[0].end_reason) == (JobStatus.QUEUED, "worker_lost")
    with database.snapshot() as session:
        messages = session.scalars(select(Event.message).where(Event.type == "requeued")).all()
    assert messages == ["The trainer process was ended by signal SIGKILL."]


def test_a_trainer_that_makes_no_step_is_ended_as_stalled(database: Database, start: Start) -> None:
    attempt = start(LONG)
    until_it_trains(database, attempt.claim)
    attempt.supervisor._stall_seconds = 5  # from here on: a busy machine may take longer to load
    for pid in trainer_pids():
        os.kill(pid, signal.SIGSTOP)
    attempt.over()
    job = job_of(database, attempt.claim)
    assert (job.status, job.attempts[0].end_reason) == (JobStatus.QUEUED, "stalled")
    assert not trainer_pids()


def test_a_time_limit_fails_the_job_and_keeps_its_weights(database: Database, start: Start) -> None:
    attempt = start({**LONG, "time_limit_minutes": 0.1})
    attempt.over()
    job = job_of(database, attempt.claim)
    assert job.status is JobStatus.FAILED
    assert job.error
    assert job.error["code"] == "timeout"
    assert "time_limit_minutes" in job.error["hint"]
    assert job.weights


def test_an_attempt_whose_job_another_has_writes_nothing_more_and_ends(database: Database, start: Start) -> None:
    attempt = start(LONG)
    claim = attempt.claim
    until_it_trains(database, claim)
    with database.session() as session:
        session.execute(update(Job).where(Job.id == claim.job_id).values(lease_until=DatabaseNow(-1)))
    with database.session() as session:
        lifecycle.expire_lease(session, claim.job_id)
        assert lifecycle.claim(session, claim.job_id, "another", 30)
    with database.snapshot() as session:
        before = [(row.epoch, row.recorded_at) for row in queries.epochs_after(session, claim.job_id).rows]
    attempt.over()
    with database.snapshot() as session:
        after = [(row.epoch, row.recorded_at) for row in queries.epochs_after(session, claim.job_id).rows]
    assert after == before
    job = job_of(database, claim)
    assert (job.status, job.owner, job.attempt) == (JobStatus.STARTING, "another", 2)
    assert not trainer_pids()


@pytest.mark.parametrize(
    ("spec", "code", "in_message"),
    [
        ({**SHORT, "dataset": "unheard-of"}, "dataset_invalid", "unheard-of"),
        ({**LONG, "optimizer": {"name": "sgd", "learning_rate": 100.0}}, "diverged", "learning rate of"),
        ({**SHORT, "precision": "fp16"}, "spec_conflict", "spec.precision: fp16 needs a CUDA device"),
    ],
)
def test_a_failure_has_a_code_and_a_hint_and_no_stack_trace(
    database: Database, start: Start, spec: dict[str, object], code: str, in_message: str
) -> None:
    attempt = start(spec)
    attempt.over()
    error = job_of(database, attempt.claim).error
    assert error
    assert error["code"] == code
    assert in_message in error["message"]
    assert error["hint"]
    assert "Traceback" not in error["message"] + error["hint"]
    assert "\n" not in error["message"]


def test_a_database_that_is_gone_ends_the_trainer(
    database: Database, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In time, by tests/worker/test_lease.py."""
    attempt = start(LONG, lease_seconds=8.0)
    until_it_trains(database, attempt.claim)

    def unreachable(*_: object, **__: object) -> Any:
        raise DatabaseUnavailable("the database is gone")

    monkeypatch.setattr(database, "session", unreachable)
    monkeypatch.setattr(database, "snapshot", unreachable)
    attempt.over()
    assert attempt.recorder.fenced
    monkeypatch.undo()
    assert not trainer_pids()
    # Where its lease has run out, for the reconciler to find; else the worker says so itself.
    assert job_of(database, attempt.claim).status in (JobStatus.RUNNING, JobStatus.QUEUED)


def test_a_database_that_hangs_does_so_too(database: Database, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    attempt = start(LONG, lease_seconds=8.0)
    until_it_trains(database, attempt.claim)
    answer, asked = threading.Event(), threading.Event()

    def hanging(*_: object, **__: object) -> Any:
        asked.set()
        answer.wait(2 * PATIENCE_SECONDS)  # longer than anybody waits for the attempt's end
        raise DatabaseUnavailable("it came back")

    monkeypatch.setattr(database, "session", hanging)
    until(asked.is_set, "nobody asked")
    attempt.over()
    assert not trainer_pids()
    answer.set()


def test_a_signal_that_has_no_name_is_a_cause_too(database: Database, start: Start) -> None:
    attempt = start(LONG)
    until_it_trains(database, attempt.claim)
    for pid in trainer_pids():
        os.kill(pid, 40)
    attempt.over()
    assert job_of(database, attempt.claim).status is JobStatus.QUEUED
    with database.snapshot() as session:
        messages = session.scalars(select(Event.message).where(Event.type == "requeued")).all()
    assert messages == ["The trainer process was ended by signal 40."]


def test_a_supervision_that_fails_gives_the_job_back(
    database: Database, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("worker.supervisor.start_trainer", broken)
    attempt = start(LONG)
    attempt.over()
    assert job_of(database, attempt.claim).status is JobStatus.QUEUED


def test_a_fork_server_that_stands_still_holds_neither_job_nor_slot(
    database: Database, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(SHORT).over()  # it is up
    [server] = [pid for pid, command in descendants(os.getpid()).items() if "forkserver" in command]
    monkeypatch.setattr("worker.fork_server.START_SECONDS", 2.0)
    os.kill(server, signal.SIGSTOP)
    attempt = start(LONG)
    attempt.over()
    assert job_of(database, attempt.claim).status is JobStatus.QUEUED
    monkeypatch.undo()
    again = start({**SHORT, "seed": 1})  # another fork server
    again.over()
    assert job_of(database, again.claim).status is JobStatus.SUCCEEDED


def test_an_order_to_make_the_weights_has_as_long_to_load_as_any(
    database: Database, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.supervisor.SAVE_GRACE_SECONDS", 5.0)
    attempt = start({**LONG, "logging_interval": 1})
    until_it_is_saved(database, attempt.claim)
    with database.session() as session:
        requests.request_pause(session, attempt.claim.job_id)
    attempt.over()
    with database.session() as session:
        requests.request_stop(session, attempt.claim.job_id)
    second = start(claimed_again(database, attempt.claim))
    second.over()
    job = job_of(database, attempt.claim)
    assert (job.status, [each.end_reason for each in job.attempts]) == (JobStatus.STOPPED, ["paused", "stopped"])
