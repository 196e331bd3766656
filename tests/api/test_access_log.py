"""What whoever runs the service can see of it: metrics and access lines."""

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send
from structlog.testing import capture_logs

from access.keys import Caller
from api.app import create_app
from api.http.middleware import RequestContext
from api.service.access_log import AccessLog
from api.service.meters import Meters
from settings import Settings
from tests.api.conftest import LocalClient
from tests.api.serving import RawClient, served

if TYPE_CHECKING:
    from tests.stage import Stage

REPOSITORY = Path(__file__).parents[2]
A_JOB = "/v1/jobs/job_01kasm2pbk5s9d0w3g6vq8zrhf"


def scrape(client: TestClient) -> dict[str, float]:
    """Each sample by its name and labels, as Prometheus reads it."""
    answer = client.get("/metrics")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    found = {}
    for family in text_string_to_metric_families(answer.text):
        assert family.documentation
        for sample in family.samples:
            labels = ",".join(f'{name}="{value}"' for name, value in sorted(sample.labels.items()))
            key = f"{sample.name}{{{labels}}}" if labels else sample.name
            assert key not in found
            found[key] = sample.value
    return found


def test_the_service_in_numbers(client: TestClient, stage: "Stage") -> None:
    stage.submit()
    claim = stage.start(stage.submit())
    stage.epoch(claim, 0)
    stage.sign_on(slots=3)
    found = scrape(client)
    assert found['epochal_jobs{status="queued"}'] == found['epochal_jobs{status="running"}'] == 1
    assert found['epochal_workers{state="online"}'] == 2
    assert (found['epochal_worker_slots{state="busy"}'], found['epochal_worker_slots{state="free"}']) == (1, 3)
    assert found["epochal_training_images_per_second"] == 720
    assert found["epochal_oldest_queued_job_age_seconds"] > 0
    assert found['epochal_attempts_ended_total{reason="worker_lost"}'] == 0
    assert found["epochal_epochs_recorded_total"] == found["epochal_expired_leases"] == 0
    assert found["epochal_webhook_deliveries_waiting"] == 0
    assert found["epochal_database_up"] == found["epochal_broker_up"] == 1
    assert found["process_resident_memory_bytes"] > 0


def test_a_database_that_is_away_is_said(tmp_path: Path) -> None:
    absent = Settings.model_validate(
        {
            "database_url": f"postgresql://user@/name?host={tmp_path}",
            "redis_url": f"redis+socket://{tmp_path}/no.sock",
            "data_dir": tmp_path,
        }
    )
    with LocalClient(create_app(absent)) as client:
        found = scrape(client)
    assert found["epochal_database_up"] == found["epochal_broker_up"] == 0
    assert [name for name in found if name.startswith("epochal_jobs")] == []
    assert found["process_resident_memory_bytes"] > 0


def test_every_metric_is_explained(client: TestClient) -> None:
    explained = set(re.findall(r"`(epochal_\w+)", (REPOSITORY / "docs/operations.md").read_text()))
    client.get("/livez")
    families = {family.name for family in text_string_to_metric_families(client.get("/metrics").text)}
    ours = {name for name in families if name.startswith("epochal_") and not name.endswith("_created")}
    assert len(ours) >= 16
    assert {name for name in ours if name not in explained and f"{name}_total" not in explained} == set()


def requests_in(found: dict[str, float]) -> dict[str, float]:
    beginning = "epochal_http_requests_total"
    return {name.removeprefix(beginning): count for name, count in found.items() if name.startswith(beginning)}


def test_requests_are_counted_by_route_whatever_their_address(client: TestClient) -> None:
    client.get(A_JOB)
    client.get(A_JOB.replace("01ka", "01kb"))
    client.delete("/v1/queue")
    client.get("/nope")
    client.get("/nope/again?key=1")
    client.request("BREW", "/livez")
    client.get("/openapi.json")
    found = scrape(client)
    assert requests_in(found) == {
        '{method="GET",route="/v1/jobs/{job_id}",status="4xx"}': 2,
        '{method="DELETE",route="/v1/queue",status="4xx"}': 1,
        '{method="GET",route="unmatched",status="4xx"}': 2,
        '{method="other",route="/livez",status="4xx"}': 1,
        '{method="GET",route="/openapi.json",status="2xx"}': 1,
    }
    assert found['epochal_http_request_duration_seconds_count{method="GET",route="unmatched",status="4xx"}'] == 2
    assert found["epochal_http_requests_in_flight"] == 1  # this one


def test_two_applications_count_apart(front_settings: Settings) -> None:
    first, second = LocalClient(create_app(front_settings)), LocalClient(create_app(front_settings))
    with first, second:
        first.get("/livez")
        assert '{method="GET",route="/livez",status="2xx"}' in requests_in(scrape(first))
        assert requests_in(scrape(second)) == {}


def test_scrapes_at_once(client: TestClient) -> None:
    answers: list[dict[str, float]] = []
    threads = [threading.Thread(target=lambda: answers.append(scrape(client))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer["epochal_database_up"] for answer in answers] == [1] * 8


@pytest.fixture
def meters() -> Meters:
    return Meters()


def value(meters: Meters, name: str, **labels: str) -> float | None:
    return meters.registry.get_sample_value(name, labels)


def observed(meters: Meters, route: Route) -> FastAPI:
    app = FastAPI(routes=[route])
    app.add_middleware(AccessLog, meters=meters)
    return app


def test_a_stream_is_open_until_it_ends(meters: Meters) -> None:
    async def stream(_request: Request) -> StreamingResponse:
        def lines() -> Iterator[str]:
            yield "data: 1\n\n"
            assert (value(meters, "epochal_http_streams_open"), value(meters, "epochal_http_requests_in_flight")) == (
                1,
                1,
            )

        return StreamingResponse(lines(), media_type="text/event-stream")

    with LocalClient(observed(meters, Route("/stream", stream))) as client:
        assert client.get("/stream").text == "data: 1\n\n"
    labels = {"method": "GET", "route": "/stream", "status": "2xx"}
    assert (value(meters, "epochal_http_streams_open"), value(meters, "epochal_http_requests_in_flight")) == (0, 0)
    assert value(meters, "epochal_http_requests_total", **labels) == 1
    assert value(meters, "epochal_http_request_duration_seconds_count", **labels) is None


def test_who_asks_to_wait_is_not_slow(meters: Meters) -> None:
    async def answer(_request: Request) -> PlainTextResponse:
        return PlainTextResponse("new")

    with LocalClient(observed(meters, Route("/job", answer))) as client:
        client.get("/job", headers={"Prefer": "wait=20"})
        labels = {"method": "GET", "route": "/job", "status": "2xx"}
        assert value(meters, "epochal_http_requests_total", **labels) == 1
        assert value(meters, "epochal_http_request_duration_seconds_count", **labels) is None
        client.get("/job", headers={"Prefer": "return=minimal"})
        assert value(meters, "epochal_http_request_duration_seconds_count", **labels) == 1


def test_a_client_that_leaves_is_gone(meters: Meters) -> None:
    waiting, left = threading.Event(), threading.Event()

    async def wait(request: Request) -> PlainTextResponse:
        waiting.set()
        while (await request.receive())["type"] != "http.disconnect":
            pass
        raise ClientDisconnect

    app = FastAPI(routes=[Route("/job", wait)])
    app.add_middleware(RequestContext)
    app.add_middleware(AccessLog, meters=meters)

    async def noted(scope: Scope, receive: Receive, send: Send) -> None:
        await app(scope, receive, send)
        if scope["type"] == "http":
            left.set()

    with capture_logs() as lines, served(noted) as address:
        with RawClient(address) as client:
            client.send(b"GET /job HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert waiting.wait(60)
        assert left.wait(60)
    [line] = [line for line in lines if line["event"] == "request"]
    assert (line["status"], line["route"]) == (None, "/job")
    assert value(meters, "epochal_http_requests_total", method="GET", route="/job", status="gone") == 1


def access_lines(
    client: TestClient, method: str, address: str, headers: dict[str, str] | None = None
) -> dict[str, object]:
    with capture_logs() as lines:
        client.request(method, address, headers=headers)
    [line] = [line for line in lines if line["event"] == "request"]
    return dict(line)


def test_an_access_line(front: TestClient) -> None:
    line = access_lines(front, "GET", "/livez", {"X-Request-ID": "mine-1"})
    milliseconds = line.pop("milliseconds")
    assert isinstance(milliseconds, float)
    assert line == {
        "event": "request",
        "log_level": "debug",
        "method": "GET",
        "route": "/livez",
        "status": 200,
        "client": "testclient",
        "request_id": "mine-1",
    }


@pytest.mark.parametrize(
    ("method", "address", "level"),
    [
        ("GET", "/livez", "debug"),
        ("GET", "/v1/jobs?limit=x", "info"),
        ("POST", "/livez", "info"),
        ("GET", "/nope", "info"),
    ],
)
def test_reads_that_went_well_are_for_debugging(front: TestClient, method: str, address: str, level: str) -> None:
    assert access_lines(front, method, address)["log_level"] == level


def test_nothing_that_a_client_wrote_is_in_its_line(front: TestClient) -> None:
    secret = "epochal_admin.0123456789abcdef0123456789abcdef"
    line = access_lines(front, "GET", f"/v1/{secret}?key={secret}", {"Authorization": f"Bearer {secret}"})
    assert secret not in str(line)


def test_whose_request_it_was(meters: Meters) -> None:
    async def answer(request: Request) -> PlainTextResponse:
        request.state.caller = Caller("vision", frozenset({"read"}), "01ka")
        return PlainTextResponse("")

    with LocalClient(observed(meters, Route("/job", answer))) as client:
        line = access_lines(client, "GET", "/job")
    assert (line["project"], line["key_id"]) == ("vision", "01ka")
