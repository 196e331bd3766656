"""What the API withstands before any route is asked: on real sockets where it is the server that has to."""

import asyncio
import threading
from collections.abc import Iterator, Mapping

import pytest
from fastapi.testclient import TestClient
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import Receive, Scope, Send
from structlog.testing import capture_logs

from api.app import create_app
from api.http.headers import SecurityHeaders
from api.http.loopback_only import LoopbackOnly
from api.http.middleware import MAX_HEAD_BYTES, BodyLimit, RequestContext
from api.http.problem_kinds import BEFORE_ROUTING
from api.http.server import Protocol, max_connections, protocol_class
from settings import Settings
from tests.api.conftest import LocalClient
from tests.api.serving import RawClient, ask, served
from tests.stage import Stage

HOST = b"Host: 127.0.0.1\r\n"
ALWAYS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cache-control": "no-store",
}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    """Of an API without a database or a broker."""
    folder = tmp_path_factory.mktemp("front")
    settings = Settings.model_validate({"redis_url": f"redis+socket://{folder}/no.sock", "data_dir": folder})
    with served(create_app(settings)) as address:
        yield address


# Headers


@pytest.mark.parametrize("path", ["/livez", "/nope", "/v1/jobs?nope=1"])
def test_every_answer_has_the_headers(front: TestClient, path: str) -> None:
    assert ALWAYS.items() <= front.get(path).headers.items()


def test_an_error_that_nobody_expected_has_them_too(front: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def explode(*_arguments: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("catalog.datasets.listing.Catalogue.entries", explode)
    answer = front.get("/v1/datasets")
    assert answer.status_code == 500
    assert ALWAYS.items() <= answer.headers.items()


def test_no_other_origin_is_let_in(front: TestClient) -> None:
    asks = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "GET"}
    for answer in (front.get("/livez", headers=asks), front.options("/v1/jobs", headers=asks)):
        assert [name for name in answer.headers if name.startswith("access-control")] == []


@pytest.mark.parametrize(
    ("own", "cache", "policy"),
    [
        ({}, "no-store", ALWAYS["content-security-policy"]),
        ({"ETag": '"7"'}, "private, no-cache", ALWAYS["content-security-policy"]),
        ({"ETag": '"7"', "Cache-Control": "max-age=5"}, "max-age=5", ALWAYS["content-security-policy"]),
        ({"Content-Security-Policy": "sandbox"}, "no-store", "sandbox"),
        (
            {"Content-Type": "image/svg+xml"},
            "no-store",
            "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox",
        ),
        (
            {"Content-Type": "text/html; charset=utf-8"},
            "no-store",
            "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
            "frame-ancestors 'none'; sandbox",
        ),
    ],
)
def test_what_an_answer_says_itself_counts(own: Mapping[str, str], cache: str, policy: str) -> None:
    answer = LocalClient(SecurityHeaders(Response("", headers=own))).get("/")
    assert (answer.headers["cache-control"], answer.headers["content-security-policy"]) == (cache, policy)
    assert answer.headers.get("etag") == own.get("ETag")


def test_what_a_browser_has_stored_keeps_its_policy() -> None:
    answer = LocalClient(SecurityHeaders(Response(status_code=304, headers={"ETag": '"7"'}))).get("/")
    assert "content-security-policy" not in answer.headers
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_what_users_and_jobs_have_written_is_no_page_of_this_origin(client: TestClient, stage: Stage) -> None:
    """Each shows text of theirs, and the page of this origin has a key."""
    written = "<script>alert(1)</script>"
    job_id = stage.submit(name=written)
    claim = stage.start(job_id)
    stage.epoch(claim, 0)
    stage.succeed(claim)
    run = client.post("/v1/experiments/augmentation", json={"size": "small"}).json()
    for path in (f"/v1/jobs/{job_id}/report", f"/v1/jobs/{job_id}/curves.svg", run["links"]["answer"] + ".html"):
        answer = client.get(path)
        assert answer.status_code == 200, answer.text
        policy = answer.headers["content-security-policy"].split("; ")
        assert {"sandbox", "default-src 'none'", "frame-ancestors 'none'"} <= set(policy), path
        assert not any(part.startswith("script-src") for part in policy)
        assert answer.headers["x-content-type-options"] == "nosniff"
        html = answer.headers["content-type"].startswith("text/html")
        assert answer.headers.get("content-disposition", "").startswith("attachment") == html


# Only this machine


def local(host: str = "127.0.0.1") -> TestClient:
    return LocalClient(RequestContext(LoopbackOnly(PlainTextResponse("in"), host)))


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1:8000",
        "127.0.0.1",
        "127.9.9.9:1",
        "localhost",
        "LOCALHOST:8000",
        "localhost.",
        "a.localhost",
        "[::1]:80",
    ],
)
def test_a_program_on_this_machine_is_let_in(host: str) -> None:
    assert local().get("/", headers={"Host": host}).text == "in"


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8000",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "evillocalhost",
        "10.0.0.1",
        "[2001:db8::1]",
        "0.0.0.0",
        "",
        "127.0.0.1@evil.example",
        "evil.example#127.0.0.1",
        "[::1",
        "127.0.0.1:port",
    ],
)
def test_a_name_that_was_rebound_to_this_machine_is_refused(host: str) -> None:
    answer = local().get("/", headers={"Host": host})
    assert (answer.status_code, answer.json()["code"]) == (403, "not_local")


def test_the_address_that_it_listens_on_is_its_own() -> None:
    assert local("::ffff:7f00:1").get("/", headers={"Host": "[::ffff:7f00:1]:8000"}).text == "in"


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://127.0.0.1:8000", 200),
        ("https://127.0.0.1:8000", 200),  # a proxy on this machine that speaks TLS
        ("HTTP://127.0.0.1:8000", 200),
        ("http://127.0.0.1:8001", 403),
        ("http://localhost:8000", 403),
        ("https://evil.example", 403),
        ("http://127.0.0.1:8000.evil.example", 403),
        ("null", 403),
        ("chrome-extension://abc", 403),
        ("nonsense", 403),
    ],
)
def test_a_page_of_another_origin_is_refused(origin: str, status: int) -> None:
    answer = local().post("/", headers={"Host": "127.0.0.1:8000", "Origin": origin})
    assert answer.status_code == status


def test_the_default_port_need_not_be_said() -> None:
    assert local().post("/", headers={"Host": "localhost", "Origin": "http://localhost:80"}).text == "in"
    assert local().post("/", headers={"Host": "localhost:443", "Origin": "https://localhost"}).text == "in"


def test_two_hosts_are_none() -> None:
    answer = local().get("/", headers=[("Host", "127.0.0.1"), ("Host", "evil.example")])
    assert answer.status_code == 403


# What is no HTTP


@pytest.mark.parametrize(
    ("request_bytes", "detail"),
    [
        (b"HELLO\r\n\r\n", "first line"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "TLS"),  # TLS, to a port that has none
        (b"GET / HTTP/1.1\r\nAuthorization : Bearer secret\r\n\r\n", "a colon right behind it"),
        (b"GET / HTTP/1.1\r\n\r\n", "should have a Host header"),
        (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: abc\r\n\r\n", "Content-Length should be a number of bytes"),
        (
            b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: gzip\r\n\r\n",
            "Transfer-Encoding should be chunked",
        ),
        (
            b"POST /v1/jobs HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n"
            b"Transfer-Encoding: chunked\r\n\r\nZZZ\r\n",
            "hexadecimal digits",
        ),
    ],
)
def test_what_is_no_http_is_answered_in_the_one_form(
    address: tuple[str, int], request_bytes: bytes, detail: str
) -> None:
    with capture_logs() as lines:
        answer = ask(address, request_bytes)
    problem = answer.problem(400, "malformed_request")
    assert detail in problem["detail"]
    assert ALWAYS.items() <= answer.headers.items()
    assert answer.closed
    assert [line for line in lines if line["log_level"] == "error"] == []


@pytest.mark.parametrize(
    "end", [b"\r\n\r\n", b""], ids=["in one piece, which the server lets through", "without an end in sight"]
)
def test_too_large_headers(address: tuple[str, int], end: bytes) -> None:
    answer = ask(address, b"GET /livez HTTP/1.1\r\n" + HOST + b"X-Large: " + b"a" * MAX_HEAD_BYTES + end)
    answer.problem(431, "headers_too_large")
    assert answer.closed


def test_too_long_an_address(address: tuple[str, int]) -> None:
    target = b"/v1/jobs?name=" + b"a" * MAX_HEAD_BYTES
    ask(address, b"GET " + target + b" HTTP/1.1\r\n" + HOST + b"\r\n").problem(431, "headers_too_large")


@pytest.mark.parametrize("upgrade", [b"h2c", b"websocket"])
def test_an_upgrade_is_ignored(address: tuple[str, int], upgrade: bytes) -> None:
    answer = ask(
        address, b"GET /livez HTTP/1.1\r\n" + HOST + b"Connection: Upgrade\r\nUpgrade: " + upgrade + b"\r\n\r\n"
    )
    assert (answer.status, answer.body) == (200, b'{"status":"live"}')


# What takes too long


class Hasty(Protocol):
    head_timeout_seconds = 0.3
    write_timeout_seconds = 0.3


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    folder = tmp_path_factory.mktemp("hasty")
    settings = Settings.model_validate({"redis_url": f"redis+socket://{folder}/no.sock", "data_dir": folder})
    with served(create_app(settings), Hasty) as address:
        yield address


def test_headers_that_never_end(hasty: tuple[str, int]) -> None:
    """Slowloris: a line now and then keeps a connection open for ever, if only silence counts."""
    with RawClient(hasty) as client:
        client.send(b"GET /livez HTTP/1.1\r\n" + HOST)
        stop = threading.Event()

        def drip() -> None:
            while not stop.wait(0.05):
                try:
                    client.send(b"X: y\r\n")
                except OSError:  # it was hung up on, as it should be
                    return

        dripping = threading.Thread(target=drip)
        dripping.start()
        try:
            answer = client.receive()
        finally:
            stop.set()
            dripping.join()
    answer.problem(408, "request_too_slow")
    assert answer.closed


def test_who_says_nothing_is_told_nothing(hasty: tuple[str, int]) -> None:
    with RawClient(hasty) as client:
        assert client.is_hung_up_on()


def test_a_body_that_nobody_asked_for_does_not_keep_a_connection(hasty: tuple[str, int]) -> None:
    with RawClient(hasty) as client:
        client.send(b"GET /livez HTTP/1.1\r\n" + HOST + b"Content-Length: 1000\r\n\r\n")
        assert client.receive().status == 200
        client.send(b"x")  # from now on it has 0.3 seconds, not 75
        assert client.is_hung_up_on()


def test_a_connection_that_is_kept_has_its_time_anew(hasty: tuple[str, int]) -> None:
    with RawClient(hasty) as client:
        client.send(b"GET /livez HTTP/1.1\r\n" + HOST + b"\r\nGET /livez HTTP/1.1\r\n" + HOST)
        assert client.receive().status == 200
        client.send(b"X: y\r\n")
        with pytest.raises(ConnectionError):
            while True:  # the second request never ends: 408, and the end
                client.send(b"X: y\r\n")


async def _body(scope: Scope, receive: Receive, send: Send) -> None:
    await JSONResponse(len(await Request(scope, receive).body()))(scope, receive, send)


def slow_post(address: tuple[str, int], path: bytes) -> RawClient:
    client = RawClient(address)
    client.send(b"POST " + path + b" HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n")
    client.send(b"Content-Length: 10\r\n\r\n12345")
    return client


def test_a_body_that_does_not_come(front_settings: Settings) -> None:
    for app in (
        RequestContext(BodyLimit(_body, body_timeout_seconds=0.2)),
        BodyLimit(create_app(front_settings), body_timeout_seconds=0.2),
    ):
        with served(app) as address, slow_post(address, b"/v1/jobs") as client:
            answer = client.receive()
            answer.problem(408, "request_too_slow")
            assert answer.closed


def test_a_body_has_its_time() -> None:
    with (
        served(RequestContext(BodyLimit(_body, body_timeout_seconds=600))) as address,
        slow_post(address, b"/") as client,
    ):
        client.send(b"67890")
        assert client.receive().body == b"10"


def test_waiting_for_a_client_to_leave_is_not_waiting_for_its_body() -> None:
    async def until_it_leaves(scope: Scope, receive: Receive, _send: Send) -> None:
        assert scope["type"] == "http"
        kinds = [(await receive())["type"], (await receive())["type"]]
        assert kinds == ["http.request", "http.disconnect"]
        left.set()

    left = threading.Event()
    with (
        served(RequestContext(BodyLimit(until_it_leaves, body_timeout_seconds=0.05))) as address,
        capture_logs() as lines,
    ):
        with RawClient(address) as client:
            client.send(b"GET / HTTP/1.1\r\n" + HOST + b"\r\n")
            assert not left.wait(0.3)
        assert left.wait(60)
    assert [line for line in lines if line["log_level"] == "error"] == []


def test_who_takes_nothing_of_its_answer_is_cut_off() -> None:
    ended = threading.Event()

    async def endless(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        leaving = asyncio.ensure_future(receive())
        while not leaving.done():
            await send({"type": "http.response.body", "body": b"x" * 65_536, "more_body": True})
        ended.set()

    with served(endless, Hasty) as address, RawClient(address) as client:
        client.send(b"GET / HTTP/1.1\r\n" + HOST + b"\r\n")
        assert ended.wait(60)


# Too many at once


def test_a_connection_too_many_is_answered_all_the_same(front_settings: Settings) -> None:
    with served(create_app(front_settings), protocol_class(1)) as address, RawClient(address) as first:
        first.send(b"GET /livez HTTP/1.1\r\n" + HOST + b"\r\n")
        assert first.receive().status == 200
        refused = ask(address, b"GET /v1/jobs HTTP/1.1\r\n" + HOST + b"\r\n")
        refused.problem(503, "too_many_connections")
        assert refused.headers["retry-after"] == "5"
        assert refused.closed
        assert ALWAYS.items() <= refused.headers.items()
        assert ask(address, b"GET /livez HTTP/1.1\r\n" + HOST + b"\r\n").status == 200


def test_there_is_room_for_every_connection_that_is_let_in() -> None:
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        most = max_connections()
        assert 0 < most < resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_refusals_have_codes_of_their_own() -> None:
    assert len({kind.code for kind in BEFORE_ROUTING}) == len(BEFORE_ROUTING)
