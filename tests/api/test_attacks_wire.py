"""Addresses and headers that are made to be read in two ways, or to lead where nothing should."""

import json
import re
import socket
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from settings import Settings
from tests.api.attacks import TELLTALE, refused
from tests.api.serving import RawClient, ask, served
from tests.conftest import Databases
from tests.stage import Stage


@pytest.fixture
def _databases(postgresql_databases: Databases) -> Databases:
    """On the stricter of the two alone, which takes neither NUL nor a number that is too large."""
    return postgresql_databases


HOST = b"Host: 127.0.0.1\r\n"


# Addresses

ODD = [
    "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "..%2f..%2fetc%2fpasswd",
    "%252e%252e%252f",
    "..%5c..%5cwindows",
    "%00",
    "job_%00",
    "job_01kasm2pbk5s9d0w3g6vq8zrhf%00",
    "job_01kasm2pbk5s9d0w3g6vq8zrhf%0a",
    "job_01kasm2pbk5s9d0w3g6vq8zrhf%20",
    "JOB_01KASM2PBK5S9D0W3G6VQ8ZRHF",
    "job_%F0%9F%98%80",
    "%ff%fe",
    "%c0%ae%c0%ae",
    "%ed%a0%80",
    "%E2%80%AE",
    "'%20OR%20'1'='1",
    "1;DROP%20TABLE%20jobs",
    "%7B%7B7*7%7D%7D",
    "$%7Bjndi:ldap:%2f%2fx%7D",
    "*",
    "a" * 4000,
]


@pytest.mark.parametrize("odd", ODD)
def test_an_odd_id_names_nothing(client: TestClient, odd: str) -> None:
    for method, address in (
        ("GET", f"/v1/jobs/{odd}"),
        ("DELETE", f"/v1/jobs/{odd}"),
        ("GET", f"/v1/jobs/{odd}/weights"),
        ("GET", f"/v1/jobs/{odd}/stream"),
        ("GET", f"/v1/keys/{odd}"),
        ("DELETE", f"/v1/keys/{odd}"),
        ("GET", f"/v1/projects/{odd}"),
        ("GET", f"/v1/webhooks/{odd}"),
        ("GET", f"/v1/recipes/{odd}"),
    ):
        refused(client.request(method, address), 404, 405)


@pytest.mark.parametrize("odd", ODD)
def test_a_checkpoint_is_no_path(client: TestClient, stage: Stage, odd: str) -> None:
    claim = stage.start(stage.submit())
    stage.checkpoint(claim, 1, 0)
    for address in (f"{odd}/{odd}", f"attempt-0001/{odd}", f"{odd}/epoch-0001-step-000000.safetensors"):
        refused(client.get(f"/v1/jobs/{claim.job_id}/checkpoints/{address}"), 404)


@pytest.mark.parametrize("odd", ["..", "../..", "attempt-0001/../../..", "./attempt-0001", "%2e%2e/%2e%2e"])
def test_a_client_that_does_not_resolve_dots_gets_no_further(address: tuple[str, int], odd: str) -> None:
    path = f"/v1/jobs/job_01kasm2pbk5s9d0w3g6vq8zrhf/checkpoints/{odd}/x".encode()
    answer = ask(address, b"GET " + path + b" HTTP/1.1\r\n" + HOST + b"\r\n")
    assert answer.status in (404, 503)  # behind this address there is no database
    assert not TELLTALE.search(json.dumps({**json.loads(answer.body), "instance": ""}))


@pytest.mark.parametrize(
    "path", ["/docs/../settings.py", "/docs/%2e%2e/app.py", "/docs/..%2f..%2fsettings.py", "/docs//"]
)
def test_the_documentation_serves_nothing_else(address: tuple[str, int], path: str) -> None:
    assert ask(address, f"GET {path} HTTP/1.1\r\n".encode() + HOST + b"\r\n").status == 404


# The wire


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    """Of an API without a database or a broker."""
    folder = tmp_path_factory.mktemp("front")
    settings = Settings.model_validate({"redis_url": f"redis+socket://{folder}/no.sock", "data_dir": folder})
    with served(create_app(settings)) as address:
        yield address


SMUGGLED = b"GET /smuggled HTTP/1.1\r\n" + HOST + b"\r\n"


FRAMINGS = [
    b"Content-Length: 4\r\nContent-Length: 5\r\n",
    b"Content-Length: 4\r\nContent-Length: 4\r\n",
    b"Content-Length: 4, 5\r\n",
    b"Content-Length: 4, 4\r\n",
    b"Content-Length: +4\r\n",
    b"Content-Length: -1\r\n",
    b"Content-Length: 0x4\r\n",
    b"Content-Length: 4_0\r\n",
    b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: chunked\r\nContent-Length: 0\r\n",
    b"transfer-encoding: chunked\r\ncontent-length: 35\r\n",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: xchunked\r\n",
    b"Transfer-Encoding: identity\r\n",
    b"Transfer-Encoding: gzip, chunked\r\n",
    b"Transfer-Encoding: chunked, chunked\r\n",
    b"Transfer-Encoding: chunked, identity\r\n",
    b"Transfer-Encoding : chunked\r\n",
    b"Transfer-Encoding\t: chunked\r\n",
    b"Transfer-Encoding: \x0bchunked\r\n",
    b"Transfer-Encoding:\r\n chunked\r\n",
    b"X: 1\r\n Transfer-Encoding: chunked\r\n",
    b"X: 1\nTransfer-Encoding: chunked\r\n",
    b"X: 1\rTransfer-Encoding: chunked\r\n",
    b"X: 1\r\r\nTransfer-Encoding: chunked\r\n",
    b"X\x00: 1\r\n",
    b"X: a\x00b\r\n",
    b": 1\r\n",
    b"X 1\r\n",
    b"Host: elsewhere.example\r\n",
]
JOB = b'{"spec": {"dataset": "digits"}}\r\n'
# Of the two bodies that are there for whoever reads only one of the headers, each is as it should be.
BODIES = {"chunked": b"%x\r\n%b\r\n0\r\n\r\n" % (len(JOB), JOB), "of a length": JOB, "none": b""}


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("headers", FRAMINGS)
def test_no_request_hides_in_another(address: tuple[str, int], headers: bytes, body: str) -> None:
    """Two readers of one connection, a proxy and us, must not disagree where a request ends: what is not clear is
    refused, and the connection closed, before anything behind it is read as a request."""
    sent = b"POST /v1/jobs HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n" + headers + b"\r\n"
    answers = everything(address, sent + BODIES[body] + SMUGGLED)
    assert answers.startswith(b"HTTP/1.1 400 ")
    assert answers.count(b"HTTP/1.1 ") == 1
    assert b"\r\nconnection: close\r\n" in answers
    assert b'"malformed_request"' in answers
    assert b"bytearray" not in answers


def test_what_is_clear_is_read(address: tuple[str, int]) -> None:
    for head, body in (
        (b"Transfer-Encoding: chunked\r\n", b"4;name=value\r\n{}  \r\n0\r\nX: 1\r\n\r\n"),
        (b"transfer-encoding: Chunked\r\n", b"2\r\n{}\r\n00\r\n\r\n"),
        (b"Content-Length: 2\r\n", b"{}"),
    ):
        sent = b"POST /v1/jobs HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n" + head + b"\r\n" + body
        with RawClient(address) as client:
            client.send(sent)
            assert client.receive().problem(422, "invalid_request")["errors"][0]["pointer"] == "#/spec"


@pytest.mark.parametrize(
    "request_line",
    [
        b"POST /v1/jobs HTTP/1.0",
        b"POST /v1/jobs HTTP/1.1 ",
        b"POST  /v1/jobs HTTP/1.1",
        b"POST /v1/jobs",
        b"PRI * HTTP/2.0",
    ],
)
def test_a_first_line_is_clear_or_refused(address: tuple[str, int], request_line: bytes) -> None:
    answers = everything(
        address, request_line + b"\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n" + BODIES["chunked"] + SMUGGLED
    )
    assert answers.startswith(b"HTTP/1.1 400 ")
    assert answers.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize(
    ("target", "host", "status"),
    [
        (b"http://127.0.0.1:8000/livez", b"127.0.0.1:8000", 200),
        (b"HTTP://LOCALHOST/livez?", b"localhost", 200),
        (b"https://[::1]:8443/livez", b"[::1]:8443", 200),
        (b"http://127.0.0.1/livez", b"elsewhere.example", 200),  # the target's host is the one that counts
        (b"http://elsewhere.example/livez", b"127.0.0.1", 403),
        (b"http://127.0.0.1.elsewhere.example/livez", b"127.0.0.1", 403),
        (b"http://127.0.0.1", b"127.0.0.1", 200),
        (b"http://127.0.0.1?x=1", b"127.0.0.1", 200),
        (b"http://127.0.0.1//livez", b"127.0.0.1", 404),
        (b"http://127.0.0.1@elsewhere.example/livez", b"127.0.0.1", 400),
        (b"http://elsewhere.example#@127.0.0.1/livez", b"127.0.0.1", 400),
        (b"http://127.0.0.1:99999/livez", b"127.0.0.1", 400),
        (b"http:///livez", b"127.0.0.1", 400),
        (b"http://", b"127.0.0.1", 400),
        (b"http:/livez", b"127.0.0.1", 400),
        (b"ftp://127.0.0.1/livez", b"127.0.0.1", 400),
        (b"127.0.0.1:8000", b"127.0.0.1", 400),
        (b"livez", b"127.0.0.1", 400),
        (b"*", b"127.0.0.1", 400),
    ],
)
def test_a_target_is_a_path_or_a_whole_address(
    address: tuple[str, int], target: bytes, host: bytes, status: int
) -> None:
    assert ask(address, b"GET " + target + b" HTTP/1.1\r\nHost: " + host + b"\r\n\r\n").status == status


def test_a_whole_address_needs_a_host_header_all_the_same(address: tuple[str, int]) -> None:
    assert ask(address, b"GET http://127.0.0.1/livez HTTP/1.1\r\n\r\n").status == 400
    assert ask(address, b"GET http://127.0.0.1/livez HTTP/1.0\r\n\r\n").status == 200


def test_a_page_elsewhere_gains_nothing_by_a_whole_address(address: tuple[str, int]) -> None:
    head = (
        b"GET http://127.0.0.1:8000/livez HTTP/1.1\r\nHost: 127.0.0.1:8000\r\nOrigin: http://elsewhere.example\r\n\r\n"
    )
    assert ask(address, head).problem(403, "not_local")


@pytest.mark.parametrize("target", [b"*", b"http://127.0.0.1"])
def test_options_of_the_whole_server(address: tuple[str, int], target: bytes) -> None:
    answer = ask(address, b"OPTIONS " + target + b" HTTP/1.1\r\n" + HOST + b"\r\n")
    assert (answer.status, answer.body) == (204, b"")
    assert {"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST"} <= set(answer.headers["allow"].split(", "))


def test_it_is_no_proxy(address: tuple[str, int]) -> None:
    answer = ask(address, b"CONNECT elsewhere.example:443 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    answer.problem(405, "method_not_allowed")
    assert answer.closed
    assert "GET" in answer.headers["allow"]


def everything(address: tuple[str, int], data: bytes) -> bytes:
    """What comes back until the server closes the connection, as it does where it is asked to."""
    with socket.create_connection(address, timeout=240) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while piece := connection.recv(65_536):
            received += piece
        return received


@pytest.mark.parametrize(
    "odd", [b"a\rb", b"a\nSet-Cookie: x=1", b"a%0d%0aSet-Cookie: x=1", b"\xe5\x98\x8a\xe5\x98\x8dx: 1"]
)
def test_nothing_that_is_sent_comes_back_as_a_header(address: tuple[str, int], odd: bytes) -> None:
    for request in (
        b"GET /livez HTTP/1.1\r\n" + HOST + b"X-Request-ID: " + odd + b"\r\n\r\n",
        b"GET /"
        + odd.replace(b"\n", b"%0a").replace(b"\r", b"%0d").replace(b" ", b"%20")
        + b" HTTP/1.1\r\n"
        + HOST
        + b"\r\n",
    ):
        answer = ask(address, request)
        assert "set-cookie" not in answer.headers
        assert re.fullmatch(r"req_[0-9a-z]{26}|a", answer.headers["x-request-id"])


def test_a_file_s_name_is_ours(client: TestClient, stage: Stage) -> None:
    claim = stage.start(stage.submit(name='x"; filename="evil.exe'))
    stage.epoch(claim, 0)
    stage.succeed(claim)
    for part in ("weights", "metrics?format=csv"):
        said = client.get(f"/v1/jobs/{claim.job_id}/{part}").headers["Content-Disposition"]
        assert re.fullmatch(r'attachment; filename="job_[0-9a-z-]+(\.[a-z]+)+"', said.replace("attempt", "")), said
