"""The worker's part, played: jobs in any state, and what a trainer would say of them, without one."""

from collections.abc import Sequence
from itertools import count
from typing import Any

from jobs import lifecycle, recording, requests, workers
from jobs.checkpoints import CheckpointFile
from jobs.failures import Failure
from jobs.fence import Claim
from jobs.network_input import NetworkInput
from jobs.submission import Submission
from models import DEFAULT_PROJECT, Database, Epoch, Job
from storage import Storage, StoredFile
from training.metrics import EpochMetrics, RunFacts, StepMetrics
from training.spec import TrainingSpec

FACTS = RunFacts(
    device="cpu",
    precision="fp32",
    torch_version="2.15.0",
    threads=2,
    parameters=272_474,
    flops=40_551_808,
    classes=10,
    image_size=8,
    channels=1,
    train_images=1437,
    dataset_identity="5e" * 32,
    test_images=360,
    steps_per_epoch=12,
)


class Stage:
    """Plays the worker: brings jobs into the states that a test is about."""

    def __init__(self, database: Database, storage: Storage) -> None:
        self.database = database
        self.storage = storage
        self._workers = count(1)

    def submit(
        self,
        *,
        name: str | None = None,
        epochs: int = 5,
        batch_size: int = 128,
        validation: float = 0,
        priority: int = 5,
        accelerator: str | None = None,
        tags: Sequence[str] = (),
        project: str = DEFAULT_PROJECT,
        dataset: str = "digits",
        parent: str | None = None,
    ) -> str:
        spec = TrainingSpec(dataset=dataset, epochs=epochs, batch_size=batch_size, validation_fraction=validation)
        with self.database.session() as session:
            submission = Submission(spec, name=name, priority=priority, accelerator=accelerator, tags=tags)
            return lifecycle.submit(session, submission, project=project, parent=parent).id

    def sign_on(self, *, slots: int = 1, devices: Sequence[str] = ("cpu",)) -> str:
        worker = f"worker-{next(self._workers)}"
        with self.database.session() as session:
            workers.sign_on(session, worker, slots=slots, devices=devices, torch_version="2.15.0", cores=2)
        return worker

    def claim(self, job_id: str) -> Claim:
        worker = self.sign_on()
        with self.database.session() as session:
            claim = lifecycle.claim(session, job_id, worker, lease_seconds=60, devices=["cpu"])
        assert claim is not None
        return claim

    def start(self, job_id: str) -> Claim:
        claim = self.claim(job_id)
        self.begin(claim)
        return claim

    def begin(self, claim: Claim) -> None:
        resumed_from = claim.checkpoints[0].file.name if claim.checkpoints else None
        with self.database.session() as session:
            recording.record_start(session, claim, FACTS, resumed_from)

    def checkpoint(self, claim: Claim, epoch: int, step: int, content: bytes = b"checkpoint") -> StoredFile:
        name = f"{claim.job_id}/attempt-{claim.attempt:04}/epoch-{epoch:04}-step-{step:06}.safetensors"
        file = self.storage.put(name, content)
        with self.database.session() as session:
            recording.record_checkpoint(session, claim, CheckpointFile(file, epoch, step))
        return file

    def weights(self, claim: Claim, content: bytes = b"weights") -> StoredFile:
        return self.storage.put(f"{claim.job_id}/attempt-{claim.attempt:04}/weights.safetensors", content)

    def steps(self, claim: Claim, epoch: int, losses: dict[int, float]) -> None:
        metrics = [StepMetrics(epoch=epoch, step=step, loss=loss, learning_rate=0.1) for step, loss in losses.items()]
        with self.database.session() as session:
            recording.record_steps(session, claim, metrics)

    def epoch(
        self,
        claim: Claim,
        epoch: int,
        *,
        test_loss: float | None = 1.5,
        test_accuracy: float | None = 0.5,
        validation_accuracy: float | None = None,
        seconds: float = 2.0,
        **signals: Any,
    ) -> None:
        metrics = EpochMetrics(
            epoch=epoch,
            train_loss=1.25,
            train_accuracy=0.6,
            test_loss=test_loss,
            test_accuracy=test_accuracy,
            test_top5_accuracy=None if test_accuracy is None else 0.9,
            validation_loss=None if validation_accuracy is None else 1.75,
            validation_accuracy=validation_accuracy,
            learning_rate=0.1,
            seconds=seconds,
            images_per_second=720.0,
            device_memory_bytes=None,
            **signals,
        )
        with self.database.session() as session:
            recording.record_epoch(session, claim, metrics)

    def many_epochs(self, claim: Claim, epochs: range) -> None:
        """Rows of finished epochs, faster than one by one."""
        row = {"train_loss": 1.0, "train_accuracy": 0.5, "test_loss": 1.0, "test_accuracy": 0.5}
        rest = {"learning_rate": 0.1, "seconds": 1.0, "images_per_second": 1.0}
        with self.database.session() as session:
            session.add_all(
                Epoch(job_id=claim.job_id, attempt=claim.attempt, epoch=epoch, **row, **rest) for epoch in epochs
            )

    def succeed(
        self,
        claim: Claim,
        content: bytes = b"weights",
        classes: Sequence[str] = ("cat", "dog"),
        predictions: bytes | None = None,
        exports: Sequence[str] = (),
        best: bytes | None = None,
        channels: int = 3,
    ) -> None:
        """It leaves a trained model."""
        weights = self.weights(claim, content)
        folder = f"{claim.job_id}/attempt-{claim.attempt:04}"
        predicted = self.storage.put(f"{folder}/predictions.safetensors", predictions) if predictions else None
        best_weights = self.storage.put(f"{folder}/best.safetensors", best) if best else None
        mean, deviation = (120.0, 121.0, 122.0)[:channels], (60.0, 61.0, 62.0)[:channels]
        taken = NetworkInput(tuple(classes), 32, channels, mean, deviation)
        with self.database.session() as session:
            lifecycle.settle_success(
                session,
                claim,
                weights,
                best_weights=best_weights,
                predictions=predicted,
                network_input=taken,
                exports=exports,
            )

    def fail(self, claim: Claim) -> None:
        failure = Failure(code="diverged", message="The loss is NaN.", hint="Lower the learning rate.", retryable=False)
        with self.database.session() as session:
            lifecycle.settle_failure(session, claim, failure)

    def release_job(self, claim: Claim) -> None:
        """As the worker does that drains, or that has heard what is asked for."""
        with self.database.session() as session:
            lifecycle.release_job(session, claim)

    def lose(self, claim: Claim) -> None:
        failure = Failure(code="worker_lost", message="It is gone.", hint="Look at its log.", retryable=True)
        with self.database.session() as session:
            lifecycle.lose_attempt(session, claim, failure)

    def pause(self, job_id: str) -> None:
        with self.database.session() as session:
            requests.request_pause(session, job_id)

    def jobs(self) -> int:
        """How many there are."""
        with self.database.snapshot() as session:
            return session.query(Job).count()
