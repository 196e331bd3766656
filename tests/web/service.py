"""The API on a socket of this process, and jobs in any state without a worker."""

import socket
from math import exp
from pathlib import Path
from threading import Thread
from typing import Any

from api.app import create_app
from api.http.server import Protocol, Server, uvicorn_config
from epochal import Epochal
from jobs import lifecycle, recording
from jobs.failures import Failure
from jobs.fence import Claim
from models import Database
from settings import Settings
from storage import Storage
from tests.api.conftest import Tenants
from tests.stage import FACTS, Stage
from training.metrics import EpochMetrics, StepMetrics

STEPS = FACTS.steps_per_epoch


class RecordedJob:
    """A job whose worker the test plays."""

    def __init__(self, stage: Stage, job_id: str, claim: Claim | None) -> None:
        self.stage, self.id, self.claim, self.epochs = stage, job_id, claim, 0

    def record(self, epochs: int = 1, **fields: Any) -> None:
        """So many more epochs, now: losses fall, accuracies rise. `fields` replace values of EpochMetrics."""
        assert self.claim is not None, "it is queued"
        for _ in range(epochs):
            metrics = metrics_of(self.epochs, fields)
            step = StepMetrics(
                epoch=self.epochs, step=STEPS - 1, loss=metrics.train_loss, learning_rate=metrics.learning_rate
            )
            with self.stage.database.session() as session:
                recording.record_steps(session, self.claim, [step])
                recording.record_epoch(session, self.claim, metrics)
            self.epochs += 1

    def succeed(self, **options: Any) -> None:
        """It leaves a trained model."""
        assert self.claim is not None
        self.stage.succeed(self.claim, **options)

    def fail(self, message: str = "The loss was nan.", hint: str = "Lower the learning rate.") -> None:
        assert self.claim is not None
        failure = Failure(code="diverged", message=message, hint=hint, retryable=False)
        with self.stage.database.session() as session:
            lifecycle.settle_failure(session, self.claim, failure)


def metrics_of(epoch: int, fields: dict[str, Any]) -> EpochMetrics:
    """Of an epoch of a job that learns, and in the end overfits a little."""
    left = exp(-epoch / 6)
    values = {
        "epoch": epoch,
        "train_loss": 0.05 + 2.2 * left,
        "train_accuracy": 0.99 - 0.85 * left,
        "test_loss": 0.25 + 2.0 * left + 0.004 * epoch,
        "test_accuracy": 0.93 - 0.8 * left,
        "test_top5_accuracy": 0.99 - 0.4 * left,
        "learning_rate": 0.1 / (1 + epoch),
        "seconds": 2.0,
        "images_per_second": 720.0 + epoch,
        "device_memory_bytes": None,
    }
    return EpochMetrics.model_validate(values | fields)


class Service:
    """The API at `url`, with `client` to call it and `stage` to play the worker."""

    def __init__(self, database_url: str, broker: Path, folder: Path, *, require_keys: bool = False) -> None:
        self.database = Database(database_url)
        self.settings = Settings.model_validate(
            {
                "database_url": database_url,
                "redis_url": f"redis+socket://{broker}",
                "data_dir": folder,
                "require_keys": require_keys,
            }
        )
        self.stage = Stage(self.database, Storage(self.settings.storage_url))
        self.keys = Tenants(self.database).keys["first"] if require_keys else {}
        self._port = 0
        self._server: tuple[Server, Thread] | None = None
        self.start()
        self.client = Epochal(self.url, self.keys.get("train", ""))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """At the port that it had before."""
        listening = socket.create_server(("127.0.0.1", self._port), backlog=128)
        self._port = listening.getsockname()[1]
        server = Server(uvicorn_config(create_app(self.settings), Protocol, grace_seconds=2))
        thread = Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        self._server = server, thread

    def stop(self) -> None:
        """As a program that is told to end: streams end, and connections are refused from then on."""
        assert self._server is not None
        server, thread = self._server
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive()
        self._server = None

    def close(self) -> None:
        if self._server is not None:
            self.stop()
        self.client.close()
        self.database.dispose()

    def job(self, *, recorded: int = 3, epochs: int = 10, running: bool = True, **submission: Any) -> RecordedJob:
        """A job that runs and has `recorded` epochs, or one that waits. `submission`: of Stage.submit."""
        job_id = self.stage.submit(epochs=epochs, **submission)
        job = RecordedJob(self.stage, job_id, self.stage.start(job_id) if running else None)
        if running:
            job.record(recorded)
        return job
