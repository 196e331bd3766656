"""Attempts with real trainer processes and real databases."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from safetensors.torch import load_file
from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError

from jobs import lifecycle, queries, workers
from jobs.lifecycle import Claim
from models import Database, Event, Job, JobStatus
from models.columns import DatabaseNow
from tests.processes import descendants
from training.spec import TrainingSpec
from worker.messages import Devices, Order
from worker.supervisor import Supervisor

SHORT = {"dataset": "digits", "architecture": "resnet20", "epochs": 1, "batch_size": 512}
LONG = {**SHORT, "epochs": 1000}


class Attempt:
    """A supervisor at work in a thread of its own."""

    def __init__(self, database: Database, claim: Claim, lease_seconds: float, folder: Path) -> None:
        self.draining = threading.Event()
        self.requeued: bool | None = None
        order = Order(
            job_id=claim.job_id,
            spec=claim.spec,
            devices=("cpu",) * claim.spec.devices,
            threads=1,
            datasets_dir=folder / "datasets",
            downloads_dir=folder / "downloads",
            cache_dir=folder / "cache",
            weights_dir=folder / "weights",
        )
        supervisor = Supervisor(database, claim, lease_seconds, self.draining)

        def run() -> None:
            self.requeued = supervisor.run(order)

        self.thread = threading.Thread(target=run)
        self.thread.start()

    def over(self, seconds: float = 60) -> bool | None:
        """Wait for its end; whether the job was requeued."""
        self.thread.join(seconds)
        assert not self.thread.is_alive()
        return self.requeued


Start = Callable[..., tuple[Claim, Attempt]]


@pytest.fixture
def start(database: Database, devices: Devices, tmp_path: Path) -> Iterator[Start]:
    """Submits a job, claims it and starts its attempt; ends what a test leaves behind."""
    attempts: list[Attempt] = []
    with database.session() as session:
        for name in ("ours", "another"):
            workers.sign_on(session, name, slots=1, devices=["cpu"], torch_version=devices.torch_version)

    def begin(spec: dict[str, object], lease_seconds: float = 30) -> tuple[Claim, Attempt]:
        with database.session() as session:
            job = lifecycle.submit(session, TrainingSpec.model_validate(spec))
            claim = lifecycle.claim(session, job.id, "ours", lease_seconds)
        assert claim
        attempts.append(Attempt(database, claim, lease_seconds, tmp_path))
        return claim, attempts[-1]

    yield begin
    for attempt in attempts:
        attempt.draining.set()
        attempt.thread.join()


def job_of(database: Database, claim: Claim) -> Job:
    with database.snapshot() as session:
        return queries.find(session, claim.job_id).job


def until_it_trains(database: Database, claim: Claim) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with database.snapshot() as session:
            if queries.steps_after(session, claim.job_id).rows:
                return
        time.sleep(0.05)
    raise AssertionError("no step was recorded")


def trainer_pids() -> list[int]:
    """The trainers of this process: of what it has started, what leads a session of its own."""
    found = []
    for pid, command in descendants(os.getpid()).items():
        with suppress(ProcessLookupError):  # ended meanwhile
            if "forkserver" in command and os.getsid(pid) == pid:
                found.append(pid)
    return found


def test_an_attempt_that_succeeds(database: Database, start: Start) -> None:
    claim, attempt = start(SHORT)
    assert attempt.over() is False
    with database.snapshot() as session:
        record = queries.find(session, claim.job_id)
        steps = queries.steps_after(session, claim.job_id).rows
    assert record.job.status is JobStatus.SUCCEEDED
    assert record.latest
    assert record.latest.epoch == 0
    assert [(row.epoch, row.step) for row in steps] == [(0, 0)]
    facts = record.job.attempts[0].facts
    assert facts
    assert (facts["steps_per_epoch"], facts["parameters"]) == (3, 269434)


def test_a_run_that_stops_early_is_a_success_and_keeps_its_weights(
    database: Database, start: Start, tmp_path: Path
) -> None:
    stopping = {"early_stopping": {"patience": 1, "minimum_rise": 0.9}}  # more than any epoch brings
    spec = {**LONG, "validation_fraction": 0.2, "regularisation": stopping, "optimizer": {"name": "sgd"}}
    claim, attempt = start({**spec, "epochs": 50})
    assert attempt.over() is False
    with database.snapshot() as session:
        record = queries.find(session, claim.job_id)
        ended = session.scalars(select(Event.message).where(Event.type == "succeeded")).one()
    assert record.job.status is JobStatus.SUCCEEDED
    assert ended.startswith("Stopped early")
    assert record.latest
    assert record.latest.epoch < 49
    assert record.latest.validation_accuracy is not None
    assert "head.linear.weight" in load_file(tmp_path / "weights" / f"{claim.job_id}.safetensors")


def test_a_cancel_ends_the_trainer(database: Database, start: Start) -> None:
    claim, attempt = start(LONG)
    until_it_trains(database, claim)
    with database.session() as session:
        lifecycle.request_cancel(session, claim.job_id)
    assert attempt.over(10) is False
    assert job_of(database, claim).status is JobStatus.CANCELLED
    assert not trainer_pids()


def test_a_drain_gives_the_job_back(database: Database, start: Start) -> None:
    claim, attempt = start(LONG)
    until_it_trains(database, claim)
    attempt.draining.set()
    assert attempt.over(10) is True
    job = job_of(database, claim)
    assert (job.status, job.losses, job.attempts[0].end_reason) == (JobStatus.QUEUED, 0, "drained")
    assert not trainer_pids()


def test_a_trainer_that_is_killed_loses_its_attempt_and_says_by_which_signal(database: Database, start: Start) -> None:
    claim, attempt = start(LONG)
    until_it_trains(database, claim)
    for pid in trainer_pids():
        os.kill(pid, signal.SIGKILL)
    assert attempt.over(10) is True
    job = job_of(database, claim)
    assert (job.status, job.losses, job.attempts[0].end_reason) == (JobStatus.QUEUED, 1, "worker_lost")
    with database.snapshot() as session:
        messages = session.scalars(select(Event.message).where(Event.type == "requeued")).all()
    assert messages == ["The trainer process was ended by signal SIGKILL."]


def test_an_attempt_whose_job_another_has_writes_nothing_more_and_ends(database: Database, start: Start) -> None:
    claim, attempt = start(LONG)
    until_it_trains(database, claim)
    with database.session() as session:
        session.execute(update(Job).where(Job.id == claim.job_id).values(lease_until=DatabaseNow(-1)))
    with database.session() as session:
        lifecycle.expire_lease(session, claim.job_id)
        assert lifecycle.claim(session, claim.job_id, "another", 30)
    with database.snapshot() as session:
        before = [(row.epoch, row.recorded_at) for row in queries.epochs_after(session, claim.job_id).rows]
    assert attempt.over(10) is False
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
    claim, attempt = start(spec)
    assert attempt.over() is False
    error = job_of(database, claim).error
    assert error
    assert error["code"] == code
    assert in_message in error["message"]
    assert error["hint"]
    assert "Traceback" not in error["message"] + error["hint"]
    assert "\n" not in error["message"]


def test_an_attempt_that_cannot_renew_its_lease_ends_its_trainer_in_time(
    database: Database, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim, attempt = start(LONG, lease_seconds=8.0)
    until_it_trains(database, claim)

    def unreachable(*_: object, **__: object) -> None:
        raise OperationalError("statement", {}, Exception("the database is gone"))

    monkeypatch.setattr(lifecycle, "heartbeat", unreachable)
    monkeypatch.setattr(lifecycle, "record_steps", unreachable)
    monkeypatch.setattr(lifecycle, "record_epoch", unreachable)
    attempt.over(8.0)
    assert not trainer_pids()
    assert job_of(database, claim).status is JobStatus.RUNNING  # for the reconciler to find
