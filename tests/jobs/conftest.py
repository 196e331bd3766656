"""Jobs at various points of their lives."""

from collections.abc import Callable

import pytest

from jobs import lifecycle, workers
from jobs.lifecycle import Claim
from models import Database, Job
from training.metrics import EpochMetrics, RunFacts
from training.spec import TrainingSpec

FACTS = RunFacts(
    device="cpu",
    precision="fp32",
    torch_version="2",
    threads=1,
    parameters=1,
    flops=1,
    classes=10,
    image_size=8,
    channels=1,
    train_images=1437,
    test_images=360,
    steps_per_epoch=12,
)


def epoch_metrics(epoch: int, test_accuracy: float | None = 0.5, **fields: float | None) -> EpochMetrics:
    values = {"train_loss": 1.0, "train_accuracy": 0.5, "test_loss": 1.0, "learning_rate": 0.1, **fields}
    return EpochMetrics.model_validate(
        {
            "epoch": epoch,
            "test_accuracy": test_accuracy,
            "test_top5_accuracy": None,
            "seconds": 1.0,
            "images_per_second": 1437.0,
            "device_memory_bytes": None,
            **values,
        }
    )


@pytest.fixture
def submitted(database: Database) -> Callable[[], Job]:
    """Submits a job, with two workers connected."""
    with database.session() as session:
        for name in ("first", "second"):
            workers.sign_on(session, name, slots=1, devices=["cpu"], torch_version="2")

    def submit() -> Job:
        with database.session() as session:
            return lifecycle.submit(session, TrainingSpec(dataset="digits", epochs=3), name="a job", tags=["lab"])

    return submit


@pytest.fixture
def running(database: Database, submitted: Callable[[], Job]) -> Claim:
    """A job whose first attempt is running."""
    job = submitted()
    with database.session() as session:
        claim = lifecycle.claim(session, job.id, "first", lease_seconds=30)
        assert claim
        lifecycle.record_start(session, claim, FACTS)
    return claim
