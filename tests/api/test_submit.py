"""From the POST to the broker."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import redis
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import event
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from starlette.types import Message, Receive, Scope, Send
from structlog.testing import capture_logs

from api.app import create_app
from api.schemas.submission import FIRST_JOB
from api.service import non_blocking_queue
from api.service.non_blocking_queue import NonBlockingQueue
from jobs import queries
from jobs.delivery import QUEUE, BrokerState
from jobs.periodic import PeriodicTask, running_periodically
from models import Database, DatabaseUnavailable
from settings import Settings
from tests.api.conftest import LocalClient
from training.spec import TrainingSpec

if TYPE_CHECKING:
    from tests.stage import Stage

SOON_SECONDS = 60


def next_message(socket: Path) -> str:
    """The id of the job that the next message to the workers is about."""
    with redis.Redis(unix_socket_path=str(socket)) as broker:
        popped: Any = broker.blpop([QUEUE], timeout=SOON_SECONDS)
    assert popped is not None, "no message came"
    arguments = json.loads(popped[1])["headers"]["argsrepr"]
    return str(arguments).strip("(),'")


def test_submitted_job_is_queued_with_every_default(client: TestClient) -> None:
    answer = client.post("/v1/jobs", json={"spec": {"dataset": "digits"}})
    job = answer.json()
    assert answer.status_code == 201
    assert answer.headers["Location"] == job["links"]["self"] == f"/v1/jobs/{job['id']}"
    assert job["status"] == "queued"
    assert job["name"] is None
    assert job["tags"] == []
    assert job["spec"] == TrainingSpec(dataset="digits").model_dump(mode="json")
    assert (job["spec"]["architecture"]["stem"], job["spec"]["optimizer"]["learning_rate"]) == ("auto", 0.1)
    assert job["queue"] == {"position": 1, "code": "no_worker", "reason": "No worker is connected."}
    assert (job["priority"], job["max_retries"], job["accelerator"], job["weights"]) == (5, 3, None, None)
    assert job["created_at"].endswith("Z")
    assert client.get(answer.headers["Location"]).json() == job


def test_name_and_tags_are_kept(client: TestClient) -> None:
    job = client.post("/v1/jobs", json=FIRST_JOB | {"name": "tübingen 訓練", "tags": ["a", "b"]}).json()
    assert (job["name"], job["tags"]) == ("tübingen 訓練", ["a", "b"])


def test_job_is_committed_before_the_answer_goes_out(app: FastAPI, database: Database) -> None:
    stored: list[bool] = []

    async def watched(scope: Scope, receive: Receive, send: Send) -> None:
        async def watch(message: Message) -> None:
            if message["type"] == "http.response.start" and scope["method"] == "POST":
                location = dict(message["headers"])[b"location"].decode()
                with database.snapshot() as session:
                    stored.append(queries.find(session, location.rpartition("/")[2]).job.status == "queued")
            await send(message)

        await app(scope, receive, watch)

    with LocalClient(watched) as client:
        client.post("/v1/jobs", json=FIRST_JOB)
    assert stored == [True]


def test_failed_commit_is_no_201(client: TestClient, stage: "Stage") -> None:
    def fail(_session: Session) -> None:
        raise OperationalError("COMMIT", {}, Exception("connection lost"))

    event.listen(Session, "before_commit", fail)
    try:
        answer = client.post("/v1/jobs", json=FIRST_JOB)
    finally:
        event.remove(Session, "before_commit", fail)
    assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
    assert stage.jobs() == 0


def test_workers_are_told(client: TestClient, redis_socket: Path) -> None:
    job = client.post("/v1/jobs", json=FIRST_JOB).json()
    assert next_message(redis_socket) == job["id"]


class SlowQueue:
    """A broker that does not answer until it is released."""

    def __init__(self) -> None:
        self.released = threading.Event()
        self.sent: list[str] = []
        self.sending = threading.Event()

    def send(self, job_id: str) -> bool:
        self.sending.set()
        self.released.wait(SOON_SECONDS)
        self.sent.append(job_id)
        return True

    def state(self) -> BrokerState:
        return "unreachable"


@contextmanager
def slow_queue() -> Iterator[tuple[SlowQueue, NonBlockingQueue]]:
    slow = SlowQueue()
    queue = NonBlockingQueue(slow)
    with queue.sending():
        yield slow, queue
        slow.released.set()


def test_dead_broker_slows_no_answer(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = SlowQueue()
    monkeypatch.setattr("api.app.CeleryQueue", lambda _url: slow)
    with LocalClient(create_app(settings)) as client:
        job = client.post("/v1/jobs", json=FIRST_JOB).json()
        assert client.get(job["links"]["self"]).json()["status"] == "queued"
        assert slow.sending.wait(SOON_SECONDS)
        assert not slow.sent
        slow.released.set()


def test_prompt_queue_waits_for_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(non_blocking_queue, "MAX_UNSENT", 2)
    with slow_queue() as (slow, queue):
        assert queue.send("a")
        assert slow.sending.wait(SOON_SECONDS)
        assert queue.send("b")
        assert queue.send("c")
        assert not queue.send("d"), "there is room for two beside the one that is being sent"
        assert queue.state() == "unreachable"


def test_prompt_queue_survives_an_error() -> None:
    sent = threading.Event()

    class Faulty(SlowQueue):
        def send(self, job_id: str) -> bool:
            if job_id == "bad":
                raise RuntimeError("no such thing")
            sent.set()
            return True

    queue = NonBlockingQueue(Faulty())
    with queue.sending():
        queue.send("bad")
        queue.send("good")
        assert sent.wait(SOON_SECONDS)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (RuntimeError("surprise"), "periodic task failed"),
        (DatabaseUnavailable("gone"), "database unavailable"),
    ],
)
def test_periodic_tasks_survive_errors(error: Exception, said: str) -> None:
    done = threading.Semaphore(0)

    def fail() -> None:
        done.release()
        raise error

    with capture_logs() as lines, running_periodically([PeriodicTask(0.001, fail)]):
        for _ in range(3):
            assert done.acquire(timeout=SOON_SECONDS)
    assert {line["event"] for line in lines} == {said}
    assert "SELECT" not in str(lines)
    assert not [thread for thread in threading.enumerate() if thread.name == "periodic tasks"]
