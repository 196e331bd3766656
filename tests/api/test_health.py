"""Liveness and readiness, and the workers there are."""

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import redis
from fastapi.testclient import TestClient
from pydantic import SecretStr
from sqlalchemy import Connection, event, text

from api.app import create_app
from api.schemas.submission import FIRST_JOB
from api.service.probe import Probe
from jobs import workers
from jobs.deployment import bind_storage
from jobs.verified_storage import VerifiedStorage
from jobs.workers import Load
from settings import Settings
from tests.api.conftest import LocalClient

if TYPE_CHECKING:
    from tests.stage import Stage


@pytest.fixture(autouse=True)
def _asked_anew_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer serves whoever asks in the next quarter of a second; tests ask about what they have just changed. On a
    busy machine an answer may take longer than a load balancer would wait for it."""
    monkeypatch.setattr("api.service.readiness.MAX_AGE_SECONDS", 0.0)
    monkeypatch.setattr("api.service.readiness.TIMEOUT_SECONDS", 60.0)


def test_live(front: TestClient) -> None:
    assert front.get("/livez").json() == {"status": "live"}


def test_ready(client: TestClient, stage: "Stage") -> None:
    stage.sign_on()
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ready", "database": "ok", "broker": "ok", "storage": "ok", "workers": 1}


def test_not_ready_without_a_worker(client: TestClient) -> None:
    answer = client.get("/readyz")
    problem = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
    assert answer.headers["retry-after"] == "5"
    assert (problem["code"], problem["detail"]) == ("not_ready", "Not answering: any worker.")
    assert (problem["database"], problem["broker"], problem["workers"]) == ("ok", "ok", 0)


def test_a_worker_that_drains_is_none_that_works(client: TestClient, stage: "Stage") -> None:
    worker = stage.sign_on()
    with stage.database.session() as session:
        workers.drain(session, worker)
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["workers"]) == (503, 0)


@pytest.fixture
def broker(redis_socket: Path) -> Iterator[redis.Redis]:
    with redis.Redis(unix_socket_path=str(redis_socket)) as broker:
        yield broker
        broker.acl_deluser("guest")
        broker.config_set("maxmemory", 0)
        broker.replicaof("NO", "ONE")


@pytest.mark.parametrize("state", ["full", "replica"])
def test_a_broker_that_answers_and_takes_no_message_is_not_ready(
    client: TestClient, stage: "Stage", broker: redis.Redis, state: str
) -> None:
    stage.sign_on()
    if state == "full":
        broker.config_set("maxmemory", 1)
    else:
        broker.replicaof("127.0.0.1", 1)
    assert broker.ping()
    problem = client.get("/readyz").json()
    assert (problem["code"], problem["broker"]) == ("not_ready", "read_only")
    assert problem["detail"].startswith("The broker takes no messages")
    broker.config_set("maxmemory", 0)
    broker.replicaof("NO", "ONE")
    assert client.get("/readyz").status_code == 200


def test_a_broker_that_lets_the_service_not_in_is_told_as_that(
    settings: Settings, stage: "Stage", broker: redis.Redis, redis_socket: Path
) -> None:
    stage.sign_on()
    broker.acl_setuser("guest", enabled=True, passwords=["+secret"], keys=["*"], commands=["+@read", "+ping"])
    for password in ("wrong", "secret"):
        url = SecretStr(f"redis+socket://guest:{password}@{redis_socket}")
        with LocalClient(create_app(settings.model_copy(update={"redis_url": url}))) as client:
            problem = client.get("/readyz").json()
        assert (problem["broker"], problem["detail"]) == (
            "refused",
            "The broker does not let the service in, or not write.",
        )


def test_not_ready_without_the_broker(settings: Settings, stage: "Stage", tmp_path: Path) -> None:
    absent = Settings.model_validate(
        settings.model_dump(exclude={"redis_url"}) | {"redis_url": f"redis+socket://{tmp_path}/no.sock"}
    )
    stage.sign_on()
    with LocalClient(create_app(absent)) as client:
        answer = client.get("/readyz")
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem["detail"]) == (503, "not_ready", "Not answering: broker.")
    assert (problem["database"], problem["broker"], problem["workers"]) == ("ok", "unreachable", 1)


def test_not_ready_without_the_database(tmp_path: Path, redis_url: str) -> None:
    absent = Settings.model_validate(
        {"database_url": f"postgresql://user@/name?host={tmp_path}", "redis_url": redis_url, "data_dir": tmp_path}
    )
    with LocalClient(create_app(absent)) as client:
        problem = client.get("/readyz").json()
    assert problem["detail"] == "Not answering: database."
    assert (problem["database"], problem["broker"], problem["workers"]) == ("unreachable", "ok", None)


@pytest.mark.usefixtures("frozen_broker")
def test_all_that_is_missing_is_said(client: TestClient) -> None:
    assert client.get("/readyz").json()["detail"] == "Not answering: broker, any worker."


@pytest.fixture
def frozen_broker(redis_socket: Path) -> Iterator[None]:
    """It accepts connections, and says nothing."""
    with redis.Redis(unix_socket_path=str(redis_socket)) as broker:
        information: Any = broker.info("server")
    os.kill(information["process_id"], signal.SIGSTOP)
    yield
    os.kill(information["process_id"], signal.SIGCONT)


@pytest.mark.usefixtures("frozen_broker")
def test_not_ready_where_the_broker_is_frozen(front_settings: Settings) -> None:
    with LocalClient(create_app(front_settings)) as client:
        problem = client.get("/readyz").json()
    assert problem["broker"] == "unreachable"


def test_probe_asks_once_at_a_time() -> None:
    released = threading.Event()
    asked = []

    def ask() -> int:
        asked.append(1)
        released.wait(60)
        return len(asked)

    probe = Probe(ask)
    assert [probe.ask(0.01) for _ in range(5)] == [None] * 5
    assert len(asked) == 1
    released.set()
    assert probe.ask(60) == 1
    assert probe.ask(60) == 2


def test_probe_asks_again_where_the_system_had_no_thread_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    probe = Probe(lambda: 7)
    with monkeypatch.context() as without:
        without.setattr(threading.Thread, "start", refuse)
        assert probe.ask(0.1) is None
    assert probe.ask(10) == 7


def test_probe_has_no_answer_where_there_is_an_error() -> None:
    def fail() -> int:
        raise OSError("no route to host")

    assert Probe(fail).ask(60) is None


def test_workers(client: TestClient, stage: "Stage") -> None:
    job_id = stage.submit()
    claim = stage.start(job_id)
    idle = stage.sign_on(slots=2, devices=["NVIDIA H100 80GB HBM3"] * 2)
    with stage.database.session() as session:
        workers.mark_seen(session, idle, Load(load_average=0.5, memory_total_bytes=2**40, memory_available_bytes=2**39))
        workers.drain(session, idle)
    page = client.get("/v1/workers").json()
    assert (page["has_more"], page["next"]) == (False, None)
    busy, draining = page["data"]
    assert busy.pop("started_at").endswith("Z")
    assert busy.pop("seen_at").endswith("Z")
    assert busy == {
        "id": "worker-1",
        "state": "online",
        "slots": 1,
        "busy_slots": 1,
        "jobs": [claim.job_id],
        "devices": ["cpu"],
        "torch_version": "2.15.0",
        "python_version": None,
        "epochal_version": None,
        "cores": 2,
        "load_average": None,
        "memory_total_bytes": None,
        "memory_available_bytes": None,
    }
    assert (draining["id"], draining["state"], draining["busy_slots"], draining["jobs"]) == (idle, "draining", 0, [])
    assert draining["devices"] == ["NVIDIA H100 80GB HBM3"] * 2
    assert (draining["load_average"], draining["memory_total_bytes"]) == (0.5, 2**40)


def not_ready(client: TestClient) -> dict[str, Any]:
    answer = client.get("/readyz")
    problem: dict[str, Any] = answer.json()
    assert (answer.status_code, problem["code"]) == (503, "not_ready")
    return problem


def test_not_ready_on_a_schema_that_this_release_does_not_work_with(client: TestClient, stage: "Stage") -> None:
    stage.sign_on()
    for revision, said in (("0001", "`python -m migrations`"), ("9999", "newer release")):
        with stage.database.session() as session:
            session.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})
            session.execute(text("UPDATE deployment SET oldest_revision = :revision"), {"revision": revision})
        problem = not_ready(client)
        assert problem["database"] == "schema"
        assert said in problem["detail"]


def test_not_ready_where_the_database_can_only_be_read(client: TestClient, stage: "Stage") -> None:
    """Then a submission says so, and passes once it can be written again; a reader does not notice."""
    stage.sign_on()
    engine = client.app_state["service"].database.engine
    only_read = [True]

    @event.listens_for(engine, "begin")
    def set_it(connection: Connection) -> None:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql(f"PRAGMA query_only = {int(only_read[0])}")
        elif only_read[0]:
            connection.exec_driver_sql("SET TRANSACTION READ ONLY")

    problem = not_ready(client)
    assert (problem["database"], problem["workers"]) == ("read_only", None)
    refused = client.post("/v1/jobs", json=FIRST_JOB)
    assert (refused.status_code, refused.json()["code"]) == (503, "database_read_only")
    assert refused.headers["retry-after"] == "5"
    assert client.get("/v1/jobs").status_code == 200
    only_read[0] = False
    engine.dispose()  # what SQLite was told stays with a connection
    assert client.post("/v1/jobs", json=FIRST_JOB).status_code == 201
    assert client.get("/readyz").status_code == 200


@pytest.mark.parametrize("_databases", ["sqlite"], indirect=True)
def test_a_database_file_that_is_deleted_is_missed_by_the_next_request(
    client: TestClient, stage: "Stage", settings: Settings
) -> None:
    stage.sign_on()
    assert client.get("/readyz").status_code == 200
    file = Path(settings.database_url.get_secret_value().removeprefix("sqlite:///"))
    file.unlink()
    for answer in (client.post("/v1/jobs", json=FIRST_JOB), client.get("/v1/jobs")):
        assert (answer.status_code, answer.json()["code"]) == (503, "database_missing")
        assert "retry-after" not in answer.headers
        assert str(file) not in answer.text
    assert not_ready(client)["database"] == "missing"
    assert not file.exists()


def test_not_ready_without_the_storage_that_jobs_have_their_files_in(
    client: TestClient, stage: "Stage", settings: Settings
) -> None:
    stage.sign_on()
    bind_storage(stage.database, VerifiedStorage(settings.storage_url))
    folder = Path(settings.storage_url.removeprefix("file://"))
    folder.rename(folder.with_name("elsewhere"))
    problem = not_ready(client)
    assert (problem["storage"], problem["detail"]) == ("away", "Not answering: storage.")
    folder.with_name("elsewhere").rename(folder)
    assert client.get("/readyz").status_code == 200
