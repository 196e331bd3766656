"""Below a path of a proxy, every address that an answer names leads back through that proxy."""

import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi.testclient import TestClient
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from api.app import create_app
from api.http.server import protocol_class
from epochal import Epochal
from settings import Settings
from tests.api.conftest import LocalClient
from tests.api.serving import ask, served
from tests.conftest import Databases
from tests.stage import Stage

ROOT = "/lab/epochal"


@pytest.fixture
def _databases(sqlite_databases: Databases) -> Databases:
    """Addresses are the same on both."""
    return sqlite_databases


class Proxy:
    """Shows what is at `upstream` below ROOT, and nothing else."""

    def __init__(self, upstream: str, *, strips: bool) -> None:
        self._upstream = upstream
        self._strips = strips

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return
        await (await self._answer(Request(scope, receive)))(scope, receive, send)

    async def _answer(self, request: Request) -> ASGIApp:
        path = request.scope["raw_path"].decode()
        if not path.startswith(f"{ROOT}/"):
            return PlainTextResponse("outside of the proxy's path", 502)
        path = path.removeprefix(ROOT) if self._strips else path
        http = httpx2.AsyncClient(timeout=240)
        asked = http.build_request(
            request.method,
            f"{self._upstream}{path}?{request.url.query}".rstrip("?"),
            headers=[(name, value) for name, value in request.headers.items() if name != "host"],
            content=await request.body(),
        )
        answer = await http.send(asked, stream=True)

        async def content() -> AsyncIterator[bytes]:
            try:
                async for block in answer.aiter_raw():
                    yield block
            finally:
                await http.aclose()

        return StreamingResponse(content(), answer.status_code, dict(answer.headers))


@pytest.fixture(params=["stripped", "kept"])
def behind(request: pytest.FixtureRequest, settings: Settings) -> Iterator[str]:
    """Where a client finds the API."""
    app = create_app(settings.model_copy(update={"root_path": ROOT}))
    with served(app) as (host, port):
        proxy = Proxy(f"http://{host}:{port}", strips=request.param == "stripped")
        with served(proxy) as (shown, at):
            yield f"http://{shown}:{at}{ROOT}"


def addresses(value: Any) -> Iterator[str]:
    """Every text in an answer that is an address."""
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from addresses(item)
    elif isinstance(value, str) and value.startswith("/"):
        yield value


def test_every_address_leads_back_through_the_proxy(behind: str, stage: Stage) -> None:
    claim = stage.start(stage.submit())
    stage.epoch(claim, 0)
    stage.epoch(claim, 1)
    stage.checkpoint(claim, 1, 0)
    stage.checkpoint(claim, 2, 0)
    stage.succeed(claim)
    stage.submit()
    here = f"/v1/jobs/{claim.job_id}"
    named = set()
    with httpx2.Client(timeout=240) as http:
        for path in ("/v1/jobs?limit=1", here, f"{here}/metrics?limit=1", f"{here}/events?limit=1",
                     f"{here}/checkpoints?limit=1", "/v1/queue", "/problems"):  # fmt: skip
            named |= set(addresses(http.get(f"{behind}{path}").raise_for_status().json()))
        made = http.post(f"{behind}{here}/rerun")
        csv = http.get(f"{behind}{here}/metrics?format=csv&limit=1")
        following = re.fullmatch('<(.+)>; rel="next"', csv.headers["Link"])
        assert following
        named |= {made.headers["Location"], following[1]}
        named |= set(addresses(http.get(f"{behind}/v1/nope").json()))
        assert len(named) > 25
        assert all(address.startswith(f"{ROOT}/") for address in named)
        for address in named:
            if "?" in address or address.endswith(claim.job_id):
                http.get(httpx2.URL(behind).join(address)).raise_for_status()


def test_two_apps_of_one_process_each_name_their_own_addresses(settings: Settings) -> None:
    for root in ("", ROOT, "/other"):
        with LocalClient(create_app(settings.model_copy(update={"root_path": root}))) as http:
            named = list(addresses(http.get("/problems").raise_for_status().json()))
            assert named
            assert all(address.startswith(f"{root}/problems#") for address in named)


def test_the_contract_and_its_page_are_there(behind: str) -> None:
    with httpx2.Client(timeout=240) as http:
        page = http.get(f"{behind}/docs").raise_for_status()
        loaded = re.findall('(?:href|src)="([^"]+)"', page.text)
        assert len(loaded) > 3
        for address in loaded:
            http.get(page.url.join(address)).raise_for_status()
        document = http.get(f"{behind}/openapi.json").json()
        server = httpx2.URL(f"{behind}/openapi.json").join(document["servers"][0]["url"])
        assert str(server) == behind


def test_the_client_works_through_it(behind: str, stage: Stage, tmp_path: Path) -> None:
    with Epochal(behind) as epochal:
        first = epochal.jobs.create({"dataset": "digits"}, tags=["here"])
        second = epochal.jobs.rerun(first.id)
        assert {job.id for job in epochal.jobs.list(limit=1)} == {first.id, second.id}
        claim = stage.start(first.id)
        stage.epoch(claim, 0)
        stage.checkpoint(claim, 1, 0)
        [checkpoint] = epochal.jobs.checkpoints(first.id)
        assert epochal.jobs.download_checkpoint(checkpoint, tmp_path / "there").read_bytes() == b"checkpoint"
        stage.succeed(claim)
        assert [event.type for event in epochal.jobs.stream(first.id)][-1] == "succeeded"
        assert epochal.jobs.wait(first.id).status == "succeeded"
        assert len(epochal.jobs.metrics(first.id)) == 1


def test_what_is_no_request_is_refused_with_an_address_that_is_there(front: TestClient) -> None:
    with served(front.app, protocol_class(100, ROOT)) as address:
        assert ask(address, b"HELLO\r\n\r\n").problem(400, "malformed_request")["type"].startswith(f"{ROOT}/problems#")


def test_a_connection_too_many_sees_that_the_process_lives(front_settings: Settings) -> None:
    app = create_app(front_settings.model_copy(update={"root_path": ROOT}))
    with served(app, protocol_class(0, ROOT)) as address:
        head = b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        for path in (b"/livez", ROOT.encode() + b"/livez"):
            assert ask(address, b"GET " + path + head).status == 200
        ask(address, b"GET " + ROOT.encode() + b"/v1/jobs" + head).problem(503, "too_many_connections")


def test_without_a_proxy_nothing_is_below_anything(client: TestClient) -> None:
    made = client.post("/v1/jobs", json={"spec": {"dataset": "digits"}})
    assert made.headers["Location"].startswith("/v1/jobs/")
    assert client.get("/openapi.json").json()["servers"] == [{"url": "/"}]
    assert client.get(f"{ROOT}/v1/jobs").status_code == 404


def test_only_whole_parts_of_a_path_are_the_proxy_s(front_settings: Settings) -> None:
    app = create_app(front_settings.model_copy(update={"root_path": "/lab"}))
    with LocalClient(app) as client:
        assert [client.get(path).status_code for path in ("/lab/livez", "/livez", "/labs/livez", "/lab/lab/livez")] == [
            200, 200, 404, 404
        ]  # fmt: skip


@pytest.mark.parametrize(
    "path", ["lab", "/lab?x", "/la b", "/v1", "/v1/lab", "/docs", "/../lab", "//lab", "http://x/lab", "/%2e"]
)
def test_what_is_no_path_of_a_proxy_is_refused(path: str) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate({"root_path": path})


def test_a_slash_at_its_end_makes_no_difference() -> None:
    assert [Settings.model_validate({"root_path": path}).root_path for path in ("/lab/", "/", "")] == ["/lab", "", ""]
