"""The API over a real database and a real broker, and jobs in any state without a worker."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from socket import socket
from threading import Event, Thread
from typing import Any, get_args

import httpx2
import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.types import ASGIApp

from access import keys, projects
from access.keys import Scope
from api.app import create_app
from api.http.server import Server
from jobs import lifecycle, recording, requests, workers
from jobs.checkpoints import CheckpointFile
from jobs.failures import Failure
from jobs.fence import Claim
from jobs.submission import Submission
from models import DEFAULT_PROJECT, Database, Epoch, Job
from settings import Settings
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


class LocalClient(TestClient):
    """On the loopback, where an API that asks for no keys wants its clients."""

    def __init__(self, app: ASGIApp, **options: Any) -> None:
        super().__init__(app, base_url="http://127.0.0.1:8000", **options)


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
    ) -> str:
        spec = TrainingSpec(dataset="digits", epochs=epochs, batch_size=batch_size, validation_fraction=validation)
        with self.database.session() as session:
            asked = Submission(spec, name=name, priority=priority, accelerator=accelerator, tags=tags)
            return lifecycle.submit(session, asked, project=project).id

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

    def succeed(self, claim: Claim, content: bytes = b"weights") -> None:
        weights = self.weights(claim, content)
        with self.database.session() as session:
            lifecycle.settle_success(session, claim, weights)

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


@pytest.fixture
def storage(settings: Settings) -> Storage:
    return Storage(settings.storage_url)


@pytest.fixture
def stage(database: Database, storage: Storage) -> Stage:
    return Stage(database, storage)


@pytest.fixture
def settings(database_url: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings.model_validate(
        {"database_url": database_url, "redis_url": redis_url, "data_dir": tmp_path_factory.mktemp("data")}
    )


@pytest.fixture
def app(settings: Settings) -> FastAPI:
    return create_app(settings)


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with LocalClient(app) as client:
        yield client


@pytest.fixture
def front_settings(redis_url: str, tmp_path: Path) -> Settings:
    """A broker, and a database that has no table."""
    return Settings.model_validate({"redis_url": redis_url, "data_dir": tmp_path})


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """The API without a database or a broker, for what it answers by itself."""
    folder = tmp_path_factory.mktemp("front")
    settings = Settings.model_validate({"redis_url": f"redis+socket://{folder}/no.sock", "data_dir": folder})
    database = Database(settings.database_url.get_secret_value())
    with database.session():  # several threads that make one file at once would stand in each other's way
        pass
    database.dispose()
    with LocalClient(create_app(settings)) as client:
        yield client


class Live(Server):
    """The API on a socket: what streams, no TestClient can show."""

    def __init__(self, app: FastAPI) -> None:
        super().__init__(uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, timeout_graceful_shutdown=5))
        self.begun = Event()
        self.app = app

    async def startup(self, sockets: list[socket] | None = None) -> None:
        await super().startup(sockets)
        self.app.state.tailer = self.lifespan.state["service"].tailer
        self.begun.set()

    @property
    def url(self) -> str:
        host, port = self.servers[0].sockets[0].getsockname()[:2]
        return f"http://{host}:{port}"


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """The address of a running API."""
    server = Live(app)
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    assert server.begun.wait(30)
    try:
        yield server.url
    finally:
        server.should_exit = True
        thread.join(30)


@pytest.fixture
def live(app: FastAPI) -> Iterator[httpx2.Client]:
    with serving(app) as url, httpx2.Client(base_url=url, timeout=30) as client:
        yield client


class Tenants:
    """Two projects with a key for each scope."""

    def __init__(self, database: Database) -> None:
        self.keys: dict[str, dict[Scope, str]] = {}
        with database.session() as session:
            for project in ("first", "second"):
                projects.make(session, project, {})
                self.keys[project] = {
                    scope: keys.make(session, project, scope, [scope]).key.get_secret_value()
                    for scope in get_args(Scope)
                }
            made = keys.make(session, DEFAULT_PROJECT, "operator", ["admin"])
            self.operator = made.key.get_secret_value()

    def header(self, project: str, scope: Scope = "train") -> dict[str, str]:
        return {"Authorization": f"Bearer {self.keys[project][scope]}"}

    @property
    def as_operator(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.operator}"}


@pytest.fixture
def tenants(database: Database) -> Tenants:
    return Tenants(database)


@pytest.fixture
def guarded(settings: Settings, tenants: Tenants) -> Iterator[TestClient]:
    """An API that asks for keys."""
    with LocalClient(create_app(settings.model_copy(update={"require_keys": True}))) as client:
        yield client
