"""What a client does with answers that are none."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.chaos import plan
from tests.chaos.client import Client, Heard, InternalError
from tests.chaos.contract import Offers
from tests.chaos.workload import Workload


class Broken(BaseHTTPRequestHandler):
    """Answers every request with the server's status."""

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.asked += 1  # type: ignore[attr-defined]
        self.send_response(self.server.status)  # type: ignore[attr-defined]
        self.send_header("X-Request-ID", "req_7")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = _answer  # noqa: N815  # the base class calls it by this name
    do_POST = _answer  # noqa: N815  # likewise

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name in the base class
        """Nothing."""


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Broken) as server:
        server.asked = 0  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def _client(server: ThreadingHTTPServer, status: int) -> tuple[Client, Heard]:
    server.status = status  # type: ignore[attr-defined]
    heard = Heard()
    return Client(f"http://127.0.0.1:{server.server_port}", heard, patience=60.0), heard


def test_an_internal_error_is_kept_with_its_request_id_and_not_repeated(server: ThreadingHTTPServer) -> None:
    client, heard = _client(server, 500)
    with pytest.raises(InternalError):
        client.submit("a-key", {})
    client.close()
    assert heard.internal_errors == ["POST /v1/jobs: 500, request_id req_7"]
    assert not heard.repeated
    assert server.asked == 1  # type: ignore[attr-defined]


def test_a_service_that_is_away_is_asked_again_and_that_is_counted(server: ThreadingHTTPServer) -> None:
    client, heard = _client(server, 503)
    assert client.status("job_1") is None
    assert client.epochs("job_1") is None
    client.close()
    assert heard.repeated == {503: 2}
    assert not heard.internal_errors


def test_a_service_that_takes_nothing_after_the_last_fault_is_a_problem(server: ThreadingHTTPServer) -> None:
    server.status = 503  # type: ignore[attr-defined]  # the handler above reads it
    planned = plan.draw(1, 10.0, "sqlite", disk=False)
    workload = Workload(f"http://127.0.0.1:{server.server_port}", planned, Offers(frozenset(), None), Heard())
    workload.finish(0.5)
    assert workload.problems == [
        "no job was accepted after the last fault",
        "the service was not ready again after the last fault",
    ]
