"""Those commands of docker-compose.yml that run without an engine: health checks, and the Redis service."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from redis import Redis
from redis.backoff import ConstantBackoff
from redis.exceptions import AuthenticationError
from redis.retry import Retry

from models.database import MOST_CONNECTIONS
from tests.deploy.compose import (
    ROOT,
    VALKEY_SERVER,
    WORKERS,
    Project,
    Service,
    each,
)
from worker.__main__ import CONNECTIONS_A_SLOT, FURTHER_CONNECTIONS


@pytest.mark.parametrize("module", ["migrations/__main__.py", "worker/__main__.py", "worker/health.py"])
def test_the_modules_that_are_run_exist(module: str) -> None:
    assert (ROOT / module).is_file()


@each(*WORKERS)
def test_a_workers_health_is_its_heartbeat(service: Service) -> None:
    assert service.healthcheck
    assert service.healthcheck.test == ["CMD", "python", "-m", "worker.health"]


@contextmanager
def answering(status: int, **states: str) -> Iterator[int]:
    """A server whose every answer to GET /readyz is `status`; the port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/readyz" else 404)
            self.end_headers()
            self.wfile.write(json.dumps(states).encode())

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def api_is_healthy(project: Project, port: int) -> bool:
    healthcheck = project.services["api"].healthcheck
    assert healthcheck
    kind, python, flag, script = healthcheck.test
    assert (kind, python, flag) == ("CMD", "python", "-c")
    assert script.count("8000") == 1
    command = [sys.executable, flag, script.replace("8000", str(port))]
    # A proxy that nothing listens on: the check must not go through it.
    environment = {"http_proxy": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9"}
    return subprocess.run(command, check=False, env=environment, stderr=subprocess.DEVNULL, timeout=240).returncode == 0


def test_an_api_that_says_it_is_ready_is_healthy(project: Project) -> None:
    with answering(200, database="ok") as port:
        assert api_is_healthy(project, port)


def test_an_api_without_a_worker_yet_is_healthy(project: Project) -> None:
    with answering(503, database="ok", workers="0") as port:
        assert api_is_healthy(project, port)


@pytest.mark.parametrize(("status", "states"), [(503, {"database": "unreachable"}), (404, {})])
def test_an_api_without_its_database_is_unhealthy(status: int, states: dict[str, str], project: Project) -> None:
    with answering(status, **states) as port:
        assert not api_is_healthy(project, port)


def test_an_api_that_does_not_answer_is_unhealthy(project: Project) -> None:
    with answering(200, database="ok") as port:
        pass
    assert not api_is_healthy(project, port)


@contextmanager
def redis_service(service: Service, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The service's own command line, only with its data in `folder` and on the socket `folder/s`."""
    binaries = folder / "bin"
    binaries.mkdir()
    (binaries / "valkey-server").symlink_to(VALKEY_SERVER)
    assert service.command
    *shell, script = (argument.replace("$$", "$") for argument in service.command)  # as compose itself unescapes it
    assert script.count("dir /data\n") == 1
    script = script.replace("dir /data\n", f"dir {folder}\nport 0\nunixsocket {folder}/s\n")
    with subprocess.Popen(
        [*shell, script],
        env={"PATH": f"{binaries}:/usr/bin:/bin", "VALKEYCLI_AUTH": service.environment["VALKEYCLI_AUTH"] or ""},
        stdout=subprocess.DEVNULL,
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


def test_the_redis_service_keeps_messages_and_asks_for_a_password(project: Project, tmp_path: Path) -> None:
    service = project.services["redis"]
    retry = Retry(ConstantBackoff(0.02), 500)

    with redis_service(service, tmp_path) as process:
        with Redis(unix_socket_path=f"{tmp_path}/s", password="bb22", retry=retry, decode_responses=True) as client:
            assert client.ping()
            assert client.config_get("appendonly", "maxmemory-policy", "save") == {
                "appendonly": "yes",
                "maxmemory-policy": "noeviction",
                "save": "",
            }
            assert int(client.config_get("maxmemory")["maxmemory"]) > 0
        with Redis(unix_socket_path=f"{tmp_path}/s") as stranger, pytest.raises(AuthenticationError):
            stranger.ping()
        assert "valkey-server" in Path(f"/proc/{process.pid}/cmdline").read_text()  # a stop reaches it, not a shell

    assert process.returncode == 0
    assert (tmp_path / "appendonlydir").is_dir()


def test_the_server_takes_as_many_connections_as_its_clients_may_open(project: Project) -> None:
    command = project.services["postgres"].command or []
    (most,) = [int(each.partition("=")[2]) for each in command if each.startswith("max_connections=")]
    workers = 26 * (CONNECTIONS_A_SLOT + FURTHER_CONNECTIONS)  # as docs/operations.md says
    assert MOST_CONNECTIONS + workers + 20 <= most
