"""Attempts that find other data than the job has trained on, or none: they neither mix it nor begin anew."""

import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import select

from jobs import queries, requests
from jobs.fence import Claim
from models import Database, Epoch, Job, JobStatus
from storage import Storage
from tests.worker.attempts import Start, claimed_again, job_of, trainer_pids, until, until_it_is_saved
from training.engine.checkpoints import unpack_tensors

SPEC: dict[str, object] = {
    "dataset": "pets",
    "architecture": "resnet20",
    "epochs": 1000,
    "batch_size": 4,
    "deterministic": True,
    "logging_interval": 1,
}


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """Two classes of eight images of 8 x 8 pixels, in both splits."""
    draw, folder = np.random.default_rng(0), tmp_path / "datasets/pets"
    for split in ("train", "test"):
        for name in ("ant", "bee"):
            (folder / split / name).mkdir(parents=True)
            for number in range(8):
                pixels = draw.integers(0, 256, (8, 8), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / split / name / f"{number}.png")
    return folder


def turn_classes(pets: Path) -> None:
    for split in ("train", "test"):
        (pets / split / "ant").rename(pets / split / "zebra")


def add_an_image(pets: Path) -> None:
    Image.new("L", (8, 8)).save(pets / "train/bee/9.png")


def paused(database: Database, start: Start) -> Claim:
    """A job with a checkpoint and an epoch, whose data may change now."""
    attempt = start(SPEC)
    until_it_is_saved(database, attempt.claim)
    with database.session() as session:
        requests.request_pause(session, attempt.claim.job_id)
    attempt.over()
    assert job_of(database, attempt.claim).status is JobStatus.PAUSED
    return attempt.claim


def resumed(database: Database, claim: Claim) -> Claim:
    with database.session() as session:
        requests.resume(session, claim.job_id)
    return claimed_again(database, claim)


def epochs_of(database: Database, claim: Claim) -> list[tuple[int, int, float]]:
    with database.snapshot() as session:
        rows = select(Epoch.epoch, Epoch.attempt, Epoch.train_loss).where(Epoch.job_id == claim.job_id)
        return [(row.epoch, row.attempt, row.train_loss) for row in session.execute(rows.order_by(Epoch.epoch))]


def usable_checkpoints(database: Database, claim: Claim) -> list[str]:
    with database.snapshot() as session:
        rows = queries.checkpoints(session, claim.job_id).rows
    return [record.checkpoint.name for record in rows if record.usable]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (turn_classes, "class ant is called zebra now; its classes come in another order"),
        (add_an_image, "1 image of train/bee is new (train/bee/9.png)"),
    ],
)
def test_a_job_whose_data_has_changed_ends_and_keeps_what_it_has(
    database: Database, start: Start, pets: Path, tmp_path: Path, change: Callable[[Path], None], said: str
) -> None:
    claim = paused(database, start)
    epochs, checkpoints = epochs_of(database, claim), usable_checkpoints(database, claim)
    assert epochs
    assert checkpoints
    change(pets)
    start(resumed(database, claim)).over()
    job = job_of(database, claim)
    assert job.status is JobStatus.FAILED
    assert job.error
    assert (job.error["code"], job.error["retryable"]) == ("dataset_changed", False)
    assert job.error["message"] == f"The data set pets is not the one that this run was trained on: {said}."
    assert "Rerun the job" in job.error["hint"]
    assert str(tmp_path) not in str(job.error)
    assert epochs_of(database, claim) == epochs
    assert usable_checkpoints(database, claim) == checkpoints
    with database.snapshot() as session:
        file = queries.weights_file(session, claim.job_id)
    weights, about = unpack_tensors(Storage(f"file://{tmp_path}/storage").read_verified(file), "weights")
    assert '"classes": ["ant", "bee"]' in about
    assert weights["head.linear.weight"].shape == (2, 64)


def test_a_stop_has_the_weights_without_the_data(database: Database, start: Start, pets: Path) -> None:
    claim = paused(database, start)
    pets.rename(pets.with_name("gone"))
    with database.session() as session:
        requests.request_stop(session, claim.job_id)
    start(claimed_again(database, claim)).over()
    job = job_of(database, claim)
    assert job.status is JobStatus.STOPPED
    assert job.weights


def test_an_epoch_without_a_checkpoint_is_not_trained_anew_on_other_data(
    database: Database, start: Start, pets: Path
) -> None:
    attempt = start({**SPEC, "checkpoints": {"interval": 1000, "minutes": None}})
    until(lambda: epochs_of(database, attempt.claim), "no epoch was recorded")
    for pid in trainer_pids():
        os.kill(pid, signal.SIGKILL)
    attempt.over()
    epochs = epochs_of(database, attempt.claim)
    add_an_image(pets)
    again = claimed_again(database, attempt.claim)
    assert not again.checkpoints
    start(again).over()
    job = job_of(database, again)
    assert job.status is JobStatus.FAILED
    assert job.error
    assert job.error["code"] == "dataset_changed"
    assert job.weights is None
    assert epochs_of(database, again) == epochs


def test_data_that_is_put_back_is_gone_on_with(database: Database, start: Start, pets: Path) -> None:
    """Renamed, touched and back at its old place: the same images under other names."""
    claim = paused(database, start)
    identity = job_of(database, claim).dataset_identity
    turn_classes(pets)
    for split in ("train", "test"):
        (pets / split / "zebra").rename(pets / split / "ant")
        (pets / split / "bee/0.png").rename(pets / split / "bee/8.png")
    again = start(resumed(database, claim))
    until(lambda: job_of(database, claim).status is JobStatus.RUNNING, "it does not go on")
    again.draining.set()
    again.over()
    with database.snapshot() as session:
        [first, second] = queries.find(session, claim.job_id).job.attempts
    assert second.resumed_from is not None
    assert first.facts
    assert second.facts
    assert first.facts["dataset_identity"] == second.facts["dataset_identity"] == identity


def test_where_a_release_before_began_it_what_was_counted_must_be_the_same(
    database: Database, start: Start, pets: Path
) -> None:
    claim = paused(database, start)
    with database.session() as session:
        job = session.get_one(Job, claim.job_id)
        job.dataset_identity = None
    add_an_image(pets)
    again = resumed(database, claim)
    assert again.earlier_facts
    earlier = again.earlier_facts.model_copy(update={"dataset_identity": None})
    start(replace(again, earlier_facts=earlier)).over()
    job = job_of(database, again)
    assert job.error
    assert job.error["code"] == "dataset_changed"
    assert "it had 16 images to train on, and has 17" in job.error["message"]


def test_a_checkpoint_that_is_whole_and_refused_is_no_reason_to_begin_anew(
    database: Database, start: Start, pets: Path
) -> None:
    claim = paused(database, start)
    checkpoints = usable_checkpoints(database, claim)
    again = resumed(database, claim)
    spec = again.spec.model_copy(update={"seed": 1})  # as where a release reads a stored spec in another way
    start(replace(again, spec=spec)).over()
    job = job_of(database, again)
    assert job.status is JobStatus.QUEUED  # for a worker of the other release
    with database.snapshot() as session:
        attempts = queries.find(session, claim.job_id).job.attempts
    assert attempts[-1].end_reason == "internal"
    assert usable_checkpoints(database, again) == checkpoints
