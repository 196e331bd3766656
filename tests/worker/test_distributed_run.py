"""Jobs on several devices: processes on a CPU, which torch's launcher starts in the trainer process."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from jobs.checkpoints import CheckpointFile
from tests.processes import descendants
from tests.worker.attempts import PATIENCE_SECONDS
from training.spec import TrainingSpec
from worker.fork_server import start_trainer
from worker.messages import (
    REPORTS,
    Alive,
    CheckpointStored,
    Command,
    Devices,
    EpochDone,
    Failed,
    Halted,
    Order,
    Report,
    Started,
    StepDone,
    Succeeded,
)

SHORT: dict[str, Any] = {
    "dataset": "digits",
    "architecture": "resnet20",
    "epochs": 1,
    "batch_size": 512,
    "precision": "fp32",
    "compile": "off",
    "optimizer": {"name": "sgd", "learning_rate": 0.002},  # rounding grows fast with it
}
LONG = {**SHORT, "epochs": 1000, "logging_interval": 1}


@dataclass
class Trainer:
    """A trainer process at work, and what it says."""

    process: ForkServerProcess
    connection: Connection

    def reports(self) -> Iterator[Report]:
        """Until it has ended."""
        while self.connection.poll(PATIENCE_SECONDS):
            try:
                yield REPORTS.validate_json(self.connection.recv_bytes())
            except (EOFError, OSError):
                return
        raise AssertionError("it says nothing")

    def until_it_trains(self) -> dict[int, str]:
        """The processes that train."""
        assert any(isinstance(report, StepDone) for report in self.reports())
        assert self.process.pid
        team = descendants(self.process.pid)
        assert len(team) == 2
        return team


Begin = Callable[..., Trainer]


@pytest.fixture
def begin(devices: Devices, tmp_path: Path) -> Iterator[Begin]:
    """Starts a trainer; ends what a test leaves behind."""
    trainers: list[Trainer] = []

    def begin(
        spec: dict[str, Any],
        devices: int,
        given: tuple[str, ...] = (),
        checkpoints: tuple[CheckpointFile, ...] = (),
        attempt: int = 1,
    ) -> Trainer:
        order = Order(
            job_id="job_1",
            attempt=attempt,
            spec=TrainingSpec.model_validate({**spec, "devices": devices}),
            checkpoints=checkpoints,
            starting_weights=None,
            dataset_identity=None,
            earlier_facts=None,
            finish_at_once=False,
            devices=given or ("cpu",) * devices,
            threads=2,
            datasets_dir=tmp_path,
            downloads_dir=tmp_path,
            cache_dir=tmp_path,
            storage_url=f"file://{tmp_path}/{devices}",
        )
        trainers.append(Trainer(*start_trainer(order)))
        return trainers[-1]

    yield begin
    for trainer in trainers:
        trainer.connection.close()
        trainer.process.kill()
        trainer.process.join()


def until_gone(pids: dict[int, str]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while left := [pid for pid in pids if is_alive(pid)]:
        if time.monotonic() > deadline:
            for pid in left:
                os.kill(pid, signal.SIGKILL)
            raise AssertionError(left)
        time.sleep(0.02)


def freeze(pids: dict[int, str]) -> None:
    """From here on they notice nothing, as in a kernel that hangs."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_two_processes_report_and_save_what_one_does(begin: Begin, tmp_path: Path) -> None:
    one, two = (
        [report for report in begin(SHORT, devices).reports() if not isinstance(report, Alive)] for devices in (1, 2)
    )
    assert [report.kind for report in one] == [report.kind for report in two]
    assert isinstance(two[0], Started)
    assert (two[0].facts.devices, two[0].facts.threads) == (2, 1)
    assert isinstance(two[-1], Succeeded)
    for ours, theirs in zip(one, two, strict=True):
        if isinstance(ours, StepDone) and isinstance(theirs, StepDone):
            assert theirs.metrics.loss == pytest.approx(ours.metrics.loss, rel=1e-5)
        if isinstance(ours, EpochDone) and isinstance(theirs, EpochDone):
            assert theirs.metrics.train_loss == pytest.approx(ours.metrics.train_loss, rel=1e-3)
            assert theirs.metrics.test_loss == pytest.approx(ours.metrics.test_loss, rel=1e-3)
    folders = (tmp_path / folder / "job_1" / "attempt-0001" for folder in ("1", "2"))
    weights = [load_file(folder / "weights.safetensors") for folder in folders]
    assert [set(each) for each in weights] == [set(weights[0])] * 2


def test_a_team_stops_between_two_steps_when_asked(begin: Begin) -> None:
    trainer = begin(LONG, 2)
    team = trainer.until_it_trains()
    trainer.connection.send_bytes(Command.FINISH.value)
    halted = list(trainer.reports())[-1]
    assert isinstance(halted, Halted)
    assert halted.weights
    trainer.process.join(PATIENCE_SECONDS)
    assert trainer.process.exitcode == 0
    until_gone(team)


def test_a_team_that_was_saved_in_the_middle_of_an_epoch_ends_as_one_that_was_not(begin: Begin) -> None:
    spec = {**SHORT, "epochs": 3, "batch_size": 128, "deterministic": True, "logging_interval": 1}
    unbroken = list(begin(spec, 2).reports())[-1]
    trainer = begin(spec, 2, attempt=2)
    trainer.until_it_trains()
    trainer.connection.send_bytes(Command.SAVE.value)
    *_, saved, halted = trainer.reports()
    assert isinstance(halted, Halted)
    assert isinstance(saved, CheckpointStored)
    assert (saved.checkpoint.epoch, saved.checkpoint.step) == (halted.epoch, halted.step)
    reports = list(begin(spec, 2, checkpoints=(saved.checkpoint,), attempt=3).reports())
    [started] = [report for report in reports if isinstance(report, Started)]
    assert started.resumed_from == saved.checkpoint.file.name
    assert isinstance(unbroken, Succeeded)
    assert isinstance(reports[-1], Succeeded)
    assert reports[-1].weights.sha256 == unbroken.weights.sha256


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_outlives_the_trainer_process(begin: Begin, sent: signal.Signals) -> None:
    trainer = begin(LONG, 2)
    team = trainer.until_it_trains()
    freeze(team)
    assert trainer.process.pid
    os.kill(trainer.process.pid, sent)
    trainer.process.join(PATIENCE_SECONDS)
    assert trainer.process.exitcode == -sent
    until_gone(team)


def test_nor_its_supervisor(begin: Begin) -> None:
    trainer = begin(LONG, 2)
    team = trainer.until_it_trains()
    freeze(team)
    trainer.connection.close()
    trainer.process.join(PATIENCE_SECONDS)
    assert trainer.process.exitcode == 1
    until_gone(team)


def test_one_that_is_killed_takes_the_others_along_and_its_end_is_the_cause(begin: Begin) -> None:
    trainer = begin(LONG, 2)
    team = trainer.until_it_trains()
    os.kill(max(team), signal.SIGKILL)
    last = list(trainer.reports())[-1]
    assert isinstance(last, Failed)
    assert last.code == "worker_lost"
    assert last.message == "Process 1 of the 2 that train together was ended by signal SIGKILL."
    until_gone(team)


def test_what_is_wrong_with_the_job_is_said_once(begin: Begin) -> None:
    reports = list(begin({**LONG, "optimizer": {"name": "sgd", "learning_rate": 100.0}}, 2).reports())
    failures = [report for report in reports if isinstance(report, Failed)]
    assert [failure.code for failure in failures] == ["diverged"]
    assert reports[-1] == failures[0]


def test_more_accelerators_than_there_are_is_refused_at_once(begin: Begin) -> None:
    [failed] = begin(SHORT, 4, given=("cuda:0", "cuda:1")).reports()
    assert isinstance(failed, Failed)
    assert (failed.code, failed.retryable) == ("spec_conflict", False)
    assert failed.message == "spec.devices: 4 accelerators are asked for, and the worker has 2."
