"""Every error there is, in one form."""

import http.client
import json
import socket
import threading
from collections.abc import Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import structlog
import uvicorn
from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from fastapi.testclient import TestClient
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.testing import capture_logs

from access.errors import AccessError
from api.app import create_app
from api.http.middleware import MAX_BODY_BYTES
from api.http.problem_kinds import PROBLEM_KINDS, all_kinds
from api.http.strict_route import StrictRoute
from api.schemas import Problem
from api.schemas.submission import FIRST_JOB
from jobs.errors import JobError, JobNotFound
from settings import Settings
from tests.api.conftest import LocalClient
from webhooks.errors import WebhookError

if TYPE_CHECKING:
    from tests.stage import Stage

A_JOB = "/v1/jobs/job_01kasm2pbk5s9d0w3g6vq8zrhf"


def assert_problem(status: int, headers: Any, body: bytes, code: str) -> dict[str, Any]:
    problem: dict[str, Any] = json.loads(body)
    Problem.model_validate(problem)
    assert status == problem["status"]
    assert headers["content-type"] == "application/problem+json"
    assert headers["x-request-id"] == problem["request_id"]
    assert (problem["code"], problem["type"]) == (code, f"/problems#{code}")
    return problem


def every_domain_error() -> list[type[Exception]]:
    def below(error: type[Exception]) -> Iterator[type[Exception]]:
        for kind in error.__subclasses__():
            yield kind
            yield from below(kind)

    return [kind for tree in (JobError, AccessError, WebhookError) for kind in below(tree)]


def test_every_domain_error_is_in_the_table() -> None:
    assert len(every_domain_error()) >= 20
    assert [error for error in every_domain_error() if error not in PROBLEM_KINDS] == []


def test_codes_and_their_statuses_are_one_to_one() -> None:
    assert len({kind.code for kind in all_kinds()}) == len(all_kinds())
    assert all(400 <= kind.status < 600 for kind in all_kinds())


def test_problems_are_listed_where_their_type_says(front: TestClient) -> None:
    problem = front.get("/nope").json()
    address, _, code = problem["type"].partition("#")
    [listed] = [kind for kind in front.get(address).json()["data"] if kind["code"] == code]
    assert listed == {field: problem[field] for field in ("type", "code", "status", "title")}


@pytest.mark.parametrize("address", ["/nope", "/v1", "/v1/jobs/", f"{A_JOB}/nope", "/v1/jobs//", "/%00", "/%FF/é"])
def test_address_without_a_route(front: TestClient, address: str) -> None:
    answer = front.get(address)
    problem = assert_problem(answer.status_code, answer.headers, answer.content, "route_not_found")
    assert problem["instance"].isascii()


@pytest.mark.parametrize(
    ("method", "address", "allowed"),
    [
        ("DELETE", "/v1/jobs", "GET, HEAD, POST"),
        ("PUT", A_JOB, "DELETE, GET, HEAD, PATCH"),
        ("GET", f"{A_JOB}/cancel", "POST"),
        ("POST", "/livez", "GET, HEAD"),
        ("OPTIONS", "/v1/datasets", "GET, HEAD"),
        ("TRACE", "/v1/jobs", "GET, HEAD, POST"),
        ("POST", "/openapi.json", "GET, HEAD"),
    ],
)
def test_address_without_the_method(front: TestClient, method: str, address: str, allowed: str) -> None:
    answer = front.request(method, address)
    assert_problem(answer.status_code, answer.headers, answer.content, "method_not_allowed")
    assert answer.headers["allow"] == allowed


def test_an_address_that_has_the_method_is_named(front: TestClient) -> None:
    assert front.post("/jobs").json()["detail"] == "/jobs has no POST; it has GET, HEAD. Did you mean POST /v1/jobs?"
    assert front.post("/livez").json()["detail"] == "/livez has no POST; it has GET, HEAD."


@pytest.mark.parametrize(
    ("address", "hint"),
    [
        ("/v1/fine_tuning/jobs", "Did you mean /v1/jobs?"),
        (f"/v1/fine_tuning/jobs/{A_JOB[9:]}/events", f"Did you mean {A_JOB}/events?"),
        ("/v1/fine_tuning/jobsters", "/docs has all that there is."),
        ("/v1/job", "Did you mean /v1/jobs?"),
        ("/jobs/", "Did you mean /v1/jobs?"),
        ("/v1/worker", "Did you mean /v1/workers?"),
        ("/health", "Did you mean /livez?"),
        ("/" + "v1/jobs" * 1000, "/docs has all that there is."),
    ],
)
def test_whoever_errs_is_shown_the_way(front: TestClient, address: str, hint: str) -> None:
    answer = front.get(address)
    assert_problem(answer.status_code, answer.headers, answer.content, "route_not_found")
    assert answer.json()["detail"] == f"There is nothing at {address}. {hint}"


def test_every_route_is_strict(front: TestClient) -> None:
    assert isinstance(front.app, FastAPI)
    routes = [context.original_route for context in iter_route_contexts(front.app.routes)]
    assert [route for route in routes if isinstance(route, APIRoute) and not isinstance(route, StrictRoute)] == []


def errors_among(lines: Sequence[MutableMapping[str, Any]]) -> list[MutableMapping[str, Any]]:
    """Without the warnings of the front's sweeps, which find no table."""
    return [line for line in lines if line["log_level"] == "error"]


def test_unexpected_error_tells_the_log_and_not_the_client(front: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def explode(*_arguments: object) -> None:
        raise RuntimeError("the secret is 12345")

    monkeypatch.setattr("catalog.datasets.listing.Catalogue.entries", explode)
    with capture_logs() as lines:
        answer = front.get("/v1/datasets", headers={"X-Request-ID": "mine-1"})
    problem = assert_problem(answer.status_code, answer.headers, answer.content, "internal_error")
    assert problem["request_id"] == "mine-1"
    assert b"12345" not in answer.content
    [line] = errors_among(lines)
    assert (line["event"], line["path"], line["exc_info"]) == ("unexpected error", "/v1/datasets", True)


def test_domain_error_that_the_table_has_by_its_parent(front: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    class Relost(JobNotFound):
        """Of a kind that the table has by its parent."""

    def lose(*_arguments: object) -> None:
        raise Relost("job_0")

    monkeypatch.setattr("catalog.datasets.listing.Catalogue.entries", lose)
    answer = front.get("/v1/datasets")
    assert_problem(answer.status_code, answer.headers, answer.content, "job_not_found")


def test_database_that_is_not_there(front: TestClient) -> None:
    """The front's database has no file."""
    for answer in (
        front.get("/v1/jobs"),
        front.get(A_JOB),
        front.get(f"{A_JOB}/log"),
        front.post("/v1/jobs", json=FIRST_JOB),
    ):
        assert_problem(answer.status_code, answer.headers, answer.content, "database_missing")
        assert "retry-after" not in answer.headers
        assert b"SELECT" not in answer.content


def test_postgresql_that_is_not_there(tmp_path: Path) -> None:
    absent = Settings.model_validate(
        {
            "database_url": f"postgresql://user:secret@/name?host={tmp_path}",
            "redis_url": f"redis+socket://{tmp_path}/no.sock",
            "data_dir": tmp_path,
        }
    )
    with LocalClient(create_app(absent)) as client:
        for answer in (client.get("/v1/jobs"), client.post(f"{A_JOB}/cancel")):
            assert_problem(answer.status_code, answer.headers, answer.content, "database_unavailable")
            assert b"secret" not in answer.content


@pytest.mark.parametrize("request_id", ["a", "3fa85f64-5717-4562-b3fc-2c963f66afa6", "A.b_c:9"])
def test_sane_request_id_is_kept(front: TestClient, request_id: str) -> None:
    assert front.get("/livez", headers={"X-Request-ID": request_id}).headers["x-request-id"] == request_id


@pytest.mark.parametrize("request_id", ["", "a b", "a" * 129, "<script>", "é".encode(), "a\\nb"])
def test_odd_request_id_is_replaced(front: TestClient, request_id: str) -> None:
    given = front.get("/livez", headers={"X-Request-ID": request_id}).headers["x-request-id"]
    assert given.startswith("req_")
    assert len(given) == 30


def test_log_lines_of_a_route_have_the_request_id(front: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []

    def look(_folder: Path) -> list[object]:
        seen.append(structlog.contextvars.get_contextvars())
        return []

    monkeypatch.setattr("catalog.datasets.listing.Catalogue.entries", look)
    front.get("/v1/datasets", headers={"X-Request-ID": "mine-2"})
    assert seen == [{"request_id": "mine-2"}]


@contextmanager
def served(app: ASGIApp) -> Iterator[tuple[str, int]]:
    """The API on a real socket."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield listening.getsockname()
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


def post_raw(address: tuple[str, int], headers: dict[str, str], chunks: list[bytes]) -> tuple[int, Any, bytes]:
    """Sends what a well-behaved client would not."""
    connection = http.client.HTTPConnection(*address, timeout=240)
    connection.putrequest("POST", "/v1/jobs")
    for name, value in ({"Content-Type": "application/json"} | headers).items():
        connection.putheader(name, value)
    connection.endheaders()
    try:
        for chunk in chunks:
            connection.send(chunk)
    except (BrokenPipeError, ConnectionResetError):
        pass  # it has answered already
    answer = connection.getresponse()
    result = (answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
    connection.close()
    return result


def chunked(size: int, count: int) -> list[bytes]:
    return [b"%x\r\n%s\r\n" % (size, b" " * size)] * count + [b"0\r\n\r\n"]


def test_too_large_bodies_on_a_real_socket(settings: Settings, stage: "Stage") -> None:
    job = json.dumps(FIRST_JOB).encode()
    with served(create_app(settings)) as address:
        for headers, chunks in (
            ({"Content-Length": str(2 * MAX_BODY_BYTES)}, [b" " * (MAX_BODY_BYTES // 16)] * 32),
            ({"Content-Length": str(10**12)}, [b" " * 65536]),
            ({"Content-Length": str(MAX_BODY_BYTES + 1)}, []),
            ({"Transfer-Encoding": "chunked"}, chunked(65536, 17)),
        ):
            status, answered, body = post_raw(address, headers, chunks)
            assert_problem(status, answered, body, "body_too_large")
        padded = job + b" " * (MAX_BODY_BYTES - len(job))
        assert post_raw(address, {"Content-Length": str(MAX_BODY_BYTES)}, [padded])[0] == 201
        in_chunks = [b"%x\r\n%s\r\n" % (len(job), job), b"0\r\n\r\n"]
        assert post_raw(address, {"Transfer-Encoding": "chunked"}, in_chunks)[0] == 201
    assert stage.jobs() == 2


def test_lying_length_does_not_help(front: TestClient) -> None:
    def flood() -> Iterator[bytes]:
        for _ in range(17):
            yield b" " * 65536

    answer = front.post(
        "/v1/jobs", content=flood(), headers={"Content-Type": "application/json", "Content-Length": "2"}
    )
    assert_problem(answer.status_code, answer.headers, answer.content, "body_too_large")


def test_half_an_answer_is_cut_off(settings: Settings, stage: "Stage", monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_arguments: object) -> Iterator[str]:
        yield "========== epoch: 0 ==========\n"
        raise RuntimeError("the database is gone")

    monkeypatch.setattr("api.reading.log_text.stream", interrupted)
    app, sent = create_app(settings), []

    async def watched(scope: Scope, receive: Receive, send: Send) -> None:
        async def watch(message: Message) -> None:
            sent.append(message["type"])
            await send(message)

        await app(scope, receive, watch if scope["type"] == "http" else send)

    job_id = stage.submit()
    with capture_logs() as lines, served(watched) as address:
        connection = http.client.HTTPConnection(*address, timeout=240)
        connection.request("GET", f"/v1/jobs/{job_id}/log")
        with pytest.raises(http.client.IncompleteRead):
            connection.getresponse().read()
        connection.close()
    assert [line["event"] for line in errors_among(lines)] == ["unexpected error"]
    assert sent == ["http.response.start", "http.response.body"]
