"""A request that comes again under its Idempotency-Key makes one job, whatever happens in between."""

import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
import redis
from fastapi.testclient import TestClient

from api.schemas.submission import FIRST_JOB
from jobs.delivery import QUEUE
from settings import Settings
from tests.api.test_submit import next_message

if TYPE_CHECKING:
    from tests.stage import Stage

ROOT = Path(__file__).parents[2]
THREADS = 8


def under(key: str | bytes) -> dict[str, Any]:
    return {"Idempotency-Key": key}


def test_repeated_request_is_answered_as_the_first_time(client: TestClient, stage: "Stage", redis_socket: Path) -> None:
    first = client.post("/v1/jobs", json=FIRST_JOB, headers=under("a-key"))
    assert first.status_code == 201
    assert "Idempotent-Replayed" not in first.headers
    assert next_message(redis_socket) == first.json()["id"]
    stage.start(first.json()["id"])  # the answer stays what it was
    again = client.post("/v1/jobs", json=FIRST_JOB, headers=under("a-key"))
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.headers["Location"] == first.headers["Location"]
    assert again.headers["Content-Type"] == first.headers["Content-Type"]
    assert stage.jobs() == 1
    # Messages leave in order: had the repetition sent one, it would come before the next job's.
    other = client.post("/v1/jobs", json=FIRST_JOB, headers=under("another-key"))
    assert next_message(redis_socket) == other.json()["id"]
    with redis.Redis(unix_socket_path=str(redis_socket)) as broker:
        assert broker.llen(QUEUE) == 0


def test_key_of_another_request_is_refused(client: TestClient, stage: "Stage") -> None:
    job = client.post("/v1/jobs", json=FIRST_JOB, headers=under("k")).json()
    others = (
        client.post("/v1/jobs", json=FIRST_JOB | {"name": "other"}, headers=under("k")),
        # The same in other words is another body: what counts is what was sent.
        client.post(
            "/v1/jobs",
            content=json.dumps(FIRST_JOB, indent=2),
            headers=under("k") | {"Content-Type": "application/json"},
        ),
        client.post(f"/v1/jobs/{job['id']}/rerun", json=FIRST_JOB, headers=under("k")),
        client.post(f"/v1/jobs/{job['id']}/rerun", headers=under("k")),
    )
    assert [answer.status_code for answer in others] == [422] * len(others)
    assert {answer.json()["code"] for answer in others[:2]} == {"idempotency_key_reused"}
    assert others[3].json()["code"] == "idempotency_key_reused"
    assert stage.jobs() == 1


def test_rerun_has_a_key_too(client: TestClient, stage: "Stage") -> None:
    old, other = stage.submit(), stage.submit()
    answers = [client.post(f"/v1/jobs/{old}/rerun", json={"priority": 9}, headers=under("r")) for _ in range(2)]
    assert answers[0].content == answers[1].content
    assert [answer.headers.get("Idempotent-Replayed") for answer in answers] == [None, "true"]
    assert client.post(f"/v1/jobs/{other}/rerun", json={"priority": 9}, headers=under("r")).status_code == 422
    assert stage.jobs() == 3


@pytest.mark.parametrize("key", ["", "a key", "k" * 256, "ключ".encode(), "\x7f", "a\tb"])
def test_key_that_is_none_is_refused(client: TestClient, stage: "Stage", key: str | bytes) -> None:
    answer = client.post("/v1/jobs", json=FIRST_JOB, headers=under(key))
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (422, "invalid_request")
    [error] = problem["errors"]
    assert error["header"] == "Idempotency-Key"
    assert error["detail"].startswith("should be 1 to 255 visible ASCII characters")
    assert stage.jobs() == 0


def test_two_keys_are_refused(client: TestClient, stage: "Stage") -> None:
    answer = client.post("/v1/jobs", json=FIRST_JOB, headers=[("Idempotency-Key", "a"), ("Idempotency-Key", "b")])
    assert answer.json()["errors"] == [{"header": "Idempotency-Key", "detail": "should be there once, not 2 times"}]
    assert stage.jobs() == 0


def test_longest_key_is_kept(client: TestClient, stage: "Stage") -> None:
    for _ in range(2):
        assert client.post("/v1/jobs", json=FIRST_JOB, headers=under("!" * 254 + "~")).status_code == 201
    assert stage.jobs() == 1


def test_key_of_a_refused_request_is_free(client: TestClient, stage: "Stage") -> None:
    earlier = stage.submit()
    spec = {"dataset": "digits", "starting_weights": earlier}
    for body in ({"spec": {"dataset": "digits", "epochs": 0}}, {"spec": spec}):  # of the API and of the domain
        assert client.post("/v1/jobs", json=body, headers=under("k")).status_code == 422
    assert client.post("/v1/jobs", json=FIRST_JOB, headers=under("k")).status_code == 201
    assert stage.jobs() == 2


def test_storm_of_one_key_makes_one_job(client: TestClient, stage: "Stage") -> None:
    together = Barrier(THREADS)

    def submit(_number: int) -> httpx2.Response:
        together.wait(60)
        return client.post("/v1/jobs", json=FIRST_JOB, headers=under("storm"))

    with ThreadPoolExecutor(THREADS) as pool:
        answers = list(pool.map(submit, range(THREADS)))
    assert {(answer.status_code, answer.content) for answer in answers} == {(201, answers[0].content)}
    assert [answer.headers.get("Idempotent-Replayed") for answer in answers].count("true") == THREADS - 1
    assert stage.jobs() == 1


DYING_API = """
import os, signal, sys
import uvicorn
from sqlalchemy import event
from sqlalchemy.orm import Session
from api.app import create_app

def die(*_arguments):
    os.kill(os.getpid(), signal.SIGKILL)

app = create_app()
if sys.argv[1] == "before the commit":
    event.listen(Session, "before_commit", lambda session: die() if session.new or session.identity_map else None)

async def dying(scope, receive, send):
    async def die_at_a_201(message):
        if message.get("status") == 201:
            die()
        await send(message)
    await app(scope, receive, die_at_a_201 if scope["type"] == "http" else send)

class Server(uvicorn.Server):
    async def startup(self, sockets=None):
        await super().startup(sockets)
        print(self.servers[0].sockets[0].getsockname()[1], flush=True)

Server(uvicorn.Config(dying, port=0, log_config=None)).run()
"""


@pytest.mark.parametrize(("moment", "jobs"), [("before the commit", 0), ("before the answer", 1)])
def test_api_that_is_killed_makes_no_second_job(
    client: TestClient, settings: Settings, stage: "Stage", moment: str, jobs: int
) -> None:
    assert settings.redis_url
    environment = {
        **os.environ,
        "EPOCHAL_DATABASE_URL": settings.database_url.get_secret_value(),
        "EPOCHAL_REDIS_URL": settings.redis_url.get_secret_value(),
        "EPOCHAL_DATA_DIR": str(settings.data_dir),
    }
    with subprocess.Popen(
        [sys.executable, "-c", DYING_API, moment], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    ) as api:
        assert api.stdout
        address = f"http://127.0.0.1:{int(api.stdout.readline())}"
        with httpx2.Client(base_url=address, trust_env=False) as dying, pytest.raises(httpx2.TransportError):
            dying.post("/v1/jobs", json=FIRST_JOB, headers=under("k"))
        assert api.wait(60) == -signal.SIGKILL
    assert stage.jobs() == jobs
    answers = [client.post("/v1/jobs", json=FIRST_JOB, headers=under("k")) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].content == answers[1].content
    assert answers[0].headers.get("Idempotent-Replayed") == ("true" if jobs else None)
    assert stage.jobs() == 1
