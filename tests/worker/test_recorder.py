"""What a recorder does where the database or the trainer behaves oddly, without a trainer."""

import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from structlog.testing import capture_logs

from jobs import lifecycle, recording, requests, workers
from jobs.failures import Failure
from jobs.fence import Claim
from jobs.submission import Submission
from models import Database, DatabaseFull, DatabaseReadOnly, DatabaseUnavailable, JobStatus
from storage import StoredFile
from tests.stage import FACTS
from tests.worker.attempts import job_of, until
from training.spec import TrainingSpec
from worker.messages import Failed, Started, Succeeded
from worker.recorder import RETRY_SECONDS, Recorder

WEIGHTS = StoredFile("a", 1, "b")
LOST = Failure("worker_lost", "It was killed.", "Look at the log.", retryable=True)


@pytest.fixture
def claim(database: Database) -> Claim:
    with database.session() as session:
        workers.sign_on(session, "ours", slots=1, devices=["cpu"], torch_version="2")
        job = lifecycle.submit(session, Submission(TrainingSpec(dataset="digits", epochs=1)))
        claim = lifecycle.claim(session, job.id, "ours", 30)
    assert claim
    return claim


@pytest.fixture
def recorder(database: Database, claim: Claim) -> Iterator[Recorder]:
    recorder = Recorder(database, claim, 30, lambda _names: None)
    yield recorder
    recorder.abandon()


def outage(*_: object, **__: object) -> Any:
    raise DatabaseUnavailable("the database is gone")


def test_what_follows_the_last_report_is_of_no_interest(database: Database, claim: Claim, recorder: Recorder) -> None:
    """Of a team, one may fail when the first has said that all is done."""
    recorder.report(Started(facts=FACTS, resumed_from=None))
    recorder.report(Succeeded(stopped_early=False, epochs=1, weights=WEIGHTS))
    recorder.report(Failed(code="worker_lost", message="It was killed.", hint="Look.", retryable=True))
    recorder.start()
    assert recorder.over.wait(60)
    assert job_of(database, claim).status is JobStatus.SUCCEEDED


def test_what_is_reported_during_a_write_is_recorded_next(
    database: Database, claim: Claim, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    record_start = recording.record_start

    def and_the_trainer_goes_on(*arguments: Any) -> None:
        record_start(*arguments)
        recorder.report(Succeeded(stopped_early=False, epochs=1, weights=WEIGHTS))

    monkeypatch.setattr(recording, "record_start", and_the_trainer_goes_on)
    recorder.report(Started(facts=FACTS, resumed_from=None))
    recorder.start()
    assert recorder.over.wait(60)
    assert job_of(database, claim).status is JobStatus.SUCCEEDED


@pytest.mark.parametrize(
    ("code", "retryable", "status"),
    [
        ("out_of_memory", True, JobStatus.QUEUED),  # the kernel's
        ("out_of_memory", False, JobStatus.FAILED),  # the device's
        ("storage_full", True, JobStatus.QUEUED),
        ("internal", True, JobStatus.QUEUED),
        ("diverged", False, JobStatus.FAILED),
        ("dataset_invalid", False, JobStatus.FAILED),
    ],
)
def test_what_is_not_the_jobs_own_fault_is_tried_again(
    database: Database, claim: Claim, recorder: Recorder, code: Any, retryable: bool, status: JobStatus
) -> None:
    recorder.start()
    recorder.report(Failed(code=code, message="So it is.", hint="Look.", retryable=retryable))
    assert recorder.over.wait(60)
    assert job_of(database, claim).status is status


def test_an_end_that_is_reported_once_a_cancel_was_asked_for_is_a_cancel(
    database: Database, claim: Claim, recorder: Recorder
) -> None:
    with database.session() as session:
        requests.request_cancel(session, claim.job_id)
    recorder.report(Succeeded(stopped_early=False, epochs=1, weights=WEIGHTS))
    recorder.end(None)
    recorder.start()
    assert recorder.over.wait(60)
    job = job_of(database, claim)
    assert (job.status, job.weights) == (JobStatus.CANCELLED, None)


def test_an_outage_is_waited_for_and_loses_no_report(
    database: Database, claim: Claim, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[float] = []
    real, back = database.session, threading.Event()

    def flaky() -> Any:
        if back.is_set():
            return real()
        asked.append(time.monotonic())
        raise DatabaseUnavailable("the database is gone")

    monkeypatch.setattr(database, "session", flaky)
    recorder.report(Started(facts=FACTS, resumed_from=None))
    recorder.end(LOST)
    recorder.start()
    until(lambda: len(asked) > 3, "it was not tried again")
    assert not recorder.over.is_set()
    assert all(later - earlier >= RETRY_SECONDS / 2 for earlier, later in pairwise(asked))  # not as often as it can
    back.set()
    assert recorder.over.wait(60)
    job = job_of(database, claim)
    assert (job.status, job.attempts[0].facts is not None, job.losses) == (JobStatus.QUEUED, True, 1)


@pytest.mark.parametrize(("trouble", "reason"), [(DatabaseFull, "storage_full"), (DatabaseReadOnly, "worker_lost")])
def test_what_kept_an_attempt_from_renewing_its_lease_is_said_once_its_trainer_is_gone(
    database: Database,
    claim: Claim,
    monkeypatch: pytest.MonkeyPatch,
    trouble: type[DatabaseUnavailable],
    reason: str,
) -> None:
    real, back = database.session, threading.Event()

    def failing() -> Any:
        if back.is_set():
            return real()
        raise trouble

    monkeypatch.setattr(database, "session", failing)
    recorder = Recorder(database, claim, 600, lambda _names: None, time.monotonic() - 451)
    recorder.report(Started(facts=FACTS, resumed_from=None))
    with capture_logs() as lines:
        recorder.start()
        until(lambda: bool(lines), "nothing was tried")
        assert recorder.lease.is_lost(time.monotonic())
        recorder.abandon()
        back.set()
        assert job_of(database, claim).status is JobStatus.STARTING  # its trainer may still be there
        recorder.end(LOST)
        until(lambda: job_of(database, claim).status is JobStatus.QUEUED, "nobody said why")
    assert job_of(database, claim).attempts[0].end_reason == reason


def test_a_mistake_of_ours_does_not_keep_the_lease_for_ever(
    database: Database, claim: Claim, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ValueError("a mistake")

    monkeypatch.setattr("worker.recorder.RETRY_SECONDS", 0.01)
    monkeypatch.setattr("worker.recorder.recording.record_start", broken)
    recorder.report(Started(facts=FACTS, resumed_from=None))
    recorder.start()
    assert recorder.over.wait(60)  # each of the ten has a long traceback
    assert recorder.fenced
    assert job_of(database, claim).status is JobStatus.STARTING  # until its lease runs out
