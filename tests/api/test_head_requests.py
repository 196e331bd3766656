"""HEAD is GET without the body, wherever there is GET."""

from collections.abc import Iterator
from http.client import HTTPConnection
from typing import TYPE_CHECKING

import httpx2
import pytest
from fastapi.testclient import TestClient

from storage import Storage

if TYPE_CHECKING:
    from tests.stage import Stage

# What differs from one answer to the next.
OWN = {"date", "x-request-id", "ratelimit"}

PARTS = (
    *("", "/metrics", "/steps", "/events", "/log", "/curves.svg", "/tensorboard.zip", "/checkpoints", "/weights"),
    *("/manifest", "/report"),
)
ADDRESSES = ("/livez", "/readyz", "/docs", "/openapi.json", "/problems", "/v1/jobs", "/v1/workers", "/v1/none")


def _told(answer: httpx2.Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name not in OWN}


@pytest.fixture
def job(stage: "Stage") -> str:
    """The address of a job that has succeeded."""
    job_id = stage.submit()
    claim = stage.start(job_id)
    stage.epoch(claim, 0)
    stage.succeed(claim)
    return f"/v1/jobs/{job_id}"


def test_every_address_has_it(client: TestClient, job: str) -> None:
    for address in (*(job + part for part in PARTS), *ADDRESSES):
        got, head = client.get(address), client.head(address)
        assert (head.status_code, head.content) == (got.status_code, b""), address
        assert _told(head) == _told(got), address


def test_of_a_file_nothing_is_read(client: TestClient, job: str, monkeypatch: pytest.MonkeyPatch) -> None:
    size = len(client.get(f"{job}/weights").content)
    monkeypatch.delattr(Storage, "stream")
    for headers in ({}, {"Range": "bytes=0-1"}, {"Range": f"bytes={size}-"}):  # a range is of a body
        answer = client.head(f"{job}/weights", headers=headers)
        assert (answer.status_code, answer.headers["Content-Length"]) == (200, str(size))
    tag = answer.headers["ETag"]
    assert client.head(f"{job}/weights", headers={"If-None-Match": tag}).status_code == 304


def test_it_is_counted_where_it_belongs(client: TestClient, job: str) -> None:
    client.head(job)
    client.head("/v1/none")
    counted = [line for line in client.get("/metrics").text.splitlines() if 'method="HEAD"' in line]
    routes = {line.partition('route="')[2].partition('"')[0] for line in counted}
    assert routes == {"/v1/jobs/{job_id}", "unmatched"}


def test_it_changes_nothing(client: TestClient, job: str) -> None:
    answer = client.head(f"{job}/cancel")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


@pytest.fixture
def connection(live: httpx2.Client) -> Iterator[HTTPConnection]:
    """To the same server, kept alive."""
    connection = HTTPConnection(live.base_url.host, live.base_url.port, timeout=240)
    yield connection
    connection.close()


@pytest.mark.parametrize("part", ["/log", "/weights", ""])
def test_a_connection_can_be_used_again(connection: HTTPConnection, job: str, part: str) -> None:
    for _ in range(3):
        connection.request("HEAD", job + part)
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (200, b"")


def test_a_stream_ends_with_its_headers(connection: HTTPConnection, stage: "Stage", live: httpx2.Client) -> None:
    job_id = stage.submit()
    stage.start(job_id)
    for _ in range(3):
        connection.request("HEAD", f"/v1/jobs/{job_id}/stream")
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (200, b"")
        assert str(answer.headers["Content-Type"]).startswith("text/event-stream")
    assert "epochal_http_streams_open 0.0" in live.get("/metrics").text
