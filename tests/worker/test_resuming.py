"""Attempts that go on from a checkpoint, or from the one before, and what a storage that fails costs them."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from sqlalchemy import select

from jobs import queries
from jobs.fence import Claim
from models import Attempt, Database, Event, Job, JobStatus
from storage import Storage
from tests.worker.attempts import (
    SHORT,
    Start,
    claimed_again,
    job_of,
    trainer_pids,
    until,
    until_it_is_saved,
)
from training.engine.conflicts import SpecConflict
from training.engine.team import ALONE
from training.engine.trainer import Trainer
from training.spec import ResolvedSpec, TrainingSpec
from training.spec.part import Conflict
from worker.messages import Loading, Order
from worker.process_exits import exit_failure
from worker.recorder import Recorder
from worker.resuming import begin

SPEC = {**SHORT, "epochs": 6, "batch_size": 256, "deterministic": True, "logging_interval": 1}


def sha256_of_weights(database: Database, claim: Claim) -> str:
    job = job_of(database, claim)
    assert job.status is JobStatus.SUCCEEDED, job.error
    assert job.weights
    return str(job.weights["sha256"])


def events_of(database: Database, claim: Claim, kind: str) -> list[str]:
    with database.snapshot() as session:
        chosen = select(Event.message).where(Event.job_id == claim.job_id, Event.type == kind)
        return list(session.scalars(chosen.order_by(Event.id)))


def killed_with_two_checkpoints(database: Database, start: Start) -> Claim:
    """A job in the queue again, whose trainer was killed."""
    attempt = start(SPEC)

    def has_two() -> bool:
        with database.snapshot() as session:
            return len(queries.checkpoints(session, attempt.claim.job_id).rows) == 2

    until(has_two, "no second checkpoint")
    for pid in trainer_pids():
        os.kill(pid, signal.SIGKILL)
    attempt.over()
    return attempt.claim


def flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def fill_with_something_else(path: Path) -> None:
    path.write_bytes(b"not a checkpoint")


_unkilled: list[str] = []  # the same on every database, and seconds to train


@pytest.fixture
def unkilled(database: Database, start: Start) -> str:
    """The SHA-256 of its weights."""
    if not _unkilled:
        attempt = start(SPEC)
        attempt.over()
        _unkilled.append(sha256_of_weights(database, attempt.claim))
    return _unkilled[0]


@pytest.mark.parametrize("damage", [flip_a_byte, truncate, fill_with_something_else, Path.unlink])
def test_a_checkpoint_that_cannot_be_used_is_left_for_the_one_before(
    database: Database, start: Start, unkilled: str, damage: Callable[[Path], None], tmp_path: Path
) -> None:
    killed = killed_with_two_checkpoints(database, start)
    claim = claimed_again(database, killed)
    newest, before = (tmp_path / "storage" / each.file.name for each in claim.checkpoints)
    damage(newest)
    start(claim).over()
    assert sha256_of_weights(database, claim) == unkilled
    with database.snapshot() as session:
        second = session.get_one(Attempt, (claim.job_id, claim.attempt))
    assert second.resumed_from == str(before.relative_to(tmp_path / "storage"))
    [said] = events_of(database, claim, "checkpoint_unusable")
    assert newest.name in said


def test_with_none_that_can_be_used_the_job_begins_anew(
    database: Database, start: Start, unkilled: str, tmp_path: Path
) -> None:
    claim = claimed_again(database, killed_with_two_checkpoints(database, start))
    for each in claim.checkpoints:
        truncate(tmp_path / "storage" / each.file.name)
    start(claim).over()
    assert sha256_of_weights(database, claim) == unkilled
    assert len(events_of(database, claim, "checkpoint_unusable")) == 2


def test_a_checkpoint_that_two_attempts_died_of_loading_is_left_alone(database: Database, start: Start) -> None:
    claim = claimed_again(database, killed_with_two_checkpoints(database, start))
    newest, before = claim.checkpoints
    for _ in range(2):
        recorder = Recorder(database, claim, 30, lambda _names: None)
        recorder.start()
        recorder.report(Loading(name=newest.file.name))
        recorder.end(exit_failure("The trainer process", -signal.SIGSEGV))
        assert recorder.over.wait(60)
        with database.session() as session:
            session.get_one(Job, claim.job_id).not_before = None
        claim = claimed_again(database, claim)
    assert claim.checkpoints == (before,)


def test_a_storage_that_takes_no_checkpoint_costs_none_of_the_job(
    database: Database, start: Start, unkilled: str, tmp_path: Path
) -> None:
    attempt = start(SPEC)
    until_it_is_saved(database, attempt.claim)
    folder = tmp_path / "storage" / attempt.claim.job_id / "attempt-0001"
    aside = folder.rename(tmp_path / "aside")
    folder.touch()  # a file in its place: no folder can be made there

    until(lambda: events_of(database, attempt.claim, "checkpoint_failed"), "no word of a checkpoint that failed")
    until(lambda: events_of(database, attempt.claim, "storage_waiting"), "no word of weights that wait")
    assert job_of(database, attempt.claim).status is JobStatus.RUNNING
    folder.unlink()
    aside.rename(folder)
    attempt.over()
    assert sha256_of_weights(database, attempt.claim) == unkilled
    assert len(events_of(database, attempt.claim, "checkpoint_failed")) == 1


def test_superfluous_checkpoints_are_handed_to_whoever_deletes(database: Database, start: Start) -> None:
    attempt = start({**SPEC, "checkpoints": {"keep": 1, "keep_best": False}})
    attempt.over()
    with database.snapshot() as session:
        kept = [record.checkpoint.name for record in queries.checkpoints(session, attempt.claim.job_id).rows]
    assert attempt.discarded
    assert len(set(attempt.discarded)) == len(attempt.discarded)
    assert not kept  # it has succeeded: nobody goes on from the last one either


def test_a_storage_that_is_not_mounted_takes_nothing_away(
    database: Database, start: Start, unkilled: str, tmp_path: Path
) -> None:
    claim = claimed_again(database, killed_with_two_checkpoints(database, start))
    aside = (tmp_path / "storage").rename(tmp_path / "aside")
    start(claim).over()
    with database.snapshot() as session:
        assert len(queries.checkpoints(session, claim.job_id).rows) == 2
    [*_, said] = events_of(database, claim, "requeued")
    assert "none of the job's 2 checkpoints is in the storage" in said
    aside.rename(tmp_path / "storage")
    with database.session() as session:
        session.get_one(Job, claim.job_id).not_before = None
    again = claimed_again(database, claim)
    start(again).over()
    assert sha256_of_weights(database, again) == unkilled


def test_a_rule_made_since_refuses_no_job_that_has_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order = Order(
        job_id="job_1",
        attempt=2,
        spec=TrainingSpec.model_validate(SPEC),
        checkpoints=(),
        starting_weights=None,
        dataset_identity=None,
        earlier_facts=None,
        finish_at_once=False,
        devices=("cpu",),
        threads=1,
        datasets_dir=tmp_path,
        downloads_dir=tmp_path,
        cache_dir=tmp_path,
        storage_url=f"file://{tmp_path}",
    )

    def begun(order: Order) -> Trainer:
        return begin(order, Storage(order.storage_url), torch.device("cpu"), ALONE, lambda _report: None)[0]

    identity = begun(order).dataset.identity
    rule: Conflict = (("batch_size",), 256, "is refused since")
    monkeypatch.setattr(ResolvedSpec, "conflicts_with", lambda *_: iter([rule]))
    with pytest.raises(SpecConflict, match="is refused since"):
        begun(order)
    begun(order.model_copy(update={"dataset_identity": identity}))
