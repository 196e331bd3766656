"""What one tenant can do to another, and anybody to everybody: requests of every kind at once, on a real socket."""

import gzip
import json
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING

import httpx2
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import func, select, update
from starlette.datastructures import Headers, QueryParams
from starlette.types import Receive, Scope, Send

from access import keys
from api.app import create_app
from api.http.middleware import BodyLimit
from api.http.throttling import AddressThrottle, network_of
from api.service.request_costs import EXPENSIVE, cost_of
from models import Database, Event
from settings import Settings
from tests.api.conftest import LocalClient, serving
from tests.api.serving import served

if TYPE_CHECKING:
    from tests.api.conftest import Tenants
    from tests.stage import Stage


@pytest.fixture
def guarded_live(settings: Settings, tenants: "Tenants") -> Iterator[str]:
    with serving(create_app(settings.model_copy(update={"require_keys": True}))) as url:
        yield url


def test_one_tenant_s_waiting_holds_no_thread_that_another_needs(
    guarded_live: str, tenants: "Tenants", stage: "Stage", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sixty at once ask for what does not come, and the other tenant is answered."""
    stage.submit(project="second")
    go_on = threading.Event()

    def entries(_catalogue: object) -> list[object]:
        assert go_on.wait(60)
        return []

    monkeypatch.setattr("catalog.datasets.listing.Catalogue.entries", entries)
    header = tenants.header("second")
    with httpx2.Client(base_url=guarded_live, headers=header, timeout=60) as other, ExitStack() as stack:
        assert other.get("/v1/jobs").status_code == 200
        answers: list[int] = []

        def ask() -> None:
            with httpx2.Client(base_url=guarded_live, headers=tenants.header("first"), timeout=120) as client:
                answers.append(client.get("/v1/datasets").status_code)

        threads = [threading.Thread(target=ask) for _ in range(60)]
        for thread in threads:
            thread.start()
            stack.callback(thread.join)
        stack.callback(go_on.set)
        for _ in range(5):
            assert len(other.get("/v1/jobs?limit=1").json()["data"]) == 1
        assert not answers
        assert httpx2.get(f"{guarded_live}/livez", timeout=60).status_code == 200
    assert answers == [200] * 60


def test_a_body_that_does_not_come_holds_no_turn(
    settings: Settings, tenants: "Tenants", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of operations that take one and of those that do not. No body's time runs out before the others are answered."""
    monkeypatch.setattr("api.service.middleware_stack.BodyLimit", partial(BodyLimit, body_timeout_seconds=3600))
    head = "HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n"
    head += f"Authorization: {tenants.header('first')['Authorization']}\r\n\r\n{{"
    app = create_app(settings.model_copy(update={"require_keys": True}))
    with serving(app) as url, ExitStack() as stack:
        for request in ("POST /v1/jobs", "GET /v1/jobs", "POST /v1/jobs?dry_run=true") * 12:
            slow = stack.enter_context(socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2]))))
            slow.sendall(f"{request} {head}".encode())
        for tenant in ("first", "second"):
            answer = httpx2.get(f"{url}/v1/jobs", headers=tenants.header(tenant), timeout=60)
            assert answer.status_code == 200


def test_what_is_dear_is_charged_as_such(settings: Settings, tenants: "Tenants") -> None:
    narrow = settings.model_copy(update={"require_keys": True, "rate_limit": 100})
    with LocalClient(create_app(narrow)) as client:
        first = client.get("/v1/recipes", headers=tenants.header("first")).headers["RateLimit"]
        expensive = client.get("/v1/datasets", headers=tenants.header("first")).headers["RateLimit"]
    assert (first.split(";")[1], expensive.split(";")[1]) == ("r=99", "r=89")


@pytest.mark.parametrize(
    ("operation", "query", "headers"),
    [
        ("get_curves_svg", "", {}),
        ("get_tensorboard", "", {}),
        ("get_job_manifest", "", {}),
        ("get_job_report", "", {}),
        ("submit_sweep", "", {}),
        ("run_experiment", "", {}),
        ("get_answer", "", {}),
        ("get_answer_html", "", {}),
        ("get_answer_png", "", {}),
        ("list_metrics", "limit=10000", {}),
        ("list_steps", "max_points=50", {}),
        ("list_events", "limit=9999", {}),
        ("compare_jobs", "job=a&job=b", {}),
        ("list_job_summaries", "limit=1000", {}),
        ("list_job_summaries", "search=a", {}),
        ("get_curves", "&".join("job=a" for _ in range(50)), {}),
        ("get_repeats", "", {}),
        ("repeat_job", "", {}),
        ("submit_job", "dry_run=True", {}),
        ("submit_job", "", {"content-length": "190000"}),
        ("submit_job", "", {"transfer-encoding": "chunked"}),
        ("submit_job", "", {"content-length": "9" * 30}),
    ],
)
def test_what_takes_long_is_dear(operation: str, query: str, headers: dict[str, str]) -> None:
    assert cost_of(operation, QueryParams(query), Headers(headers)) >= EXPENSIVE


@pytest.mark.parametrize(
    ("operation", "less", "more"),
    [
        ("get_repeats", "max_points=50", "max_points=1000"),
        ("compare_jobs", "job=a&job=b&max_points=50", "job=a&job=b&max_points=500"),
        ("compare_jobs", "job=a&job=b&max_points=50", "job=a&job=b&job=c&job=d&job=e&max_points=50"),
        ("get_job_report", "", "sweep=a"),
        ("get_job_report", "sweep=a", "sweep=a&sweep=b"),
    ],
)
def test_more_costs_more(operation: str, less: str, more: str) -> None:
    one, other = (cost_of(operation, QueryParams(query), Headers({})) for query in (less, more))
    assert one < other


@pytest.mark.parametrize("query", ["", "limit=20", "limit=-1", "limit=²", "limit=1e9", "limit=" + "9" * 40])
def test_what_is_asked_all_the_time_costs_one(query: str) -> None:
    assert cost_of("list_metrics", QueryParams(query), Headers({})) == 1


def test_more_keys_buy_no_more_than_a_bound(settings: Settings, tenants: "Tenants", database: Database) -> None:
    with database.session() as session:
        made = [keys.make(session, "first", f"{n}", ["read"]).key.get_secret_value() for n in range(8)]
    narrow = settings.model_copy(update={"require_keys": True, "rate_limit": 2})
    with LocalClient(create_app(narrow)) as client:
        statuses = [
            client.get("/v1/recipes", headers={"Authorization": f"Bearer {key}"}).status_code for key in made * 2
        ]
        assert statuses.count(200) == 8
        assert client.get("/v1/recipes", headers=tenants.header("second")).status_code == 200


def test_a_project_has_so_many_keys(client: TestClient, tenants: "Tenants", monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "MAX_VALID_KEYS", 4)
    monkeypatch.setattr(keys, "MAX_STORED_KEYS", 5)
    body = {"name": "one more", "scopes": ["read"], "project": "first"}
    made = [client.post("/v1/keys", json=body) for _ in range(2)]
    assert [answer.status_code for answer in made] == [201, 409]  # three are there already
    problem = made[1].json()
    assert problem["code"] == "too_many_keys"
    assert "revoke" in problem["detail"]
    for _ in range(4):  # who revokes makes room, and does not fill the table either
        client.delete(f"/v1/keys/{made[0].json()['id']}")
        made[0] = client.post("/v1/keys", json=body)
        assert made[0].status_code == 201
    mine = [key for key in client.get("/v1/keys?limit=100").json()["data"] if key["project"] == "first"]
    assert len(mine) == 5
    assert len([key for key in mine if key["revoked_at"] is None]) == 4


class TestContract:
    def test_it_is_made_once(self, front: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
        first = front.get("/openapi.json")
        monkeypatch.setattr("api.contract.openapi.get_openapi", None)
        assert front.get("/openapi.json").content == first.content

    def test_it_is_not_sent_to_whoever_has_it(self, front: TestClient) -> None:
        etag = front.get("/openapi.json").headers["ETag"]
        again = front.get("/openapi.json", headers={"If-None-Match": etag})
        assert (again.status_code, again.content) == (304, b"")

    @pytest.mark.parametrize(("accepts", "packed"), [("gzip, br", True), ("gzip;q=0", False), ("identity", False)])
    def test_it_is_packed_for_whoever_reads_that(self, front: TestClient, accepts: str, *, packed: bool) -> None:
        with front.stream("GET", "/openapi.json", headers={"Accept-Encoding": accepts}) as answer:
            raw = b"".join(answer.iter_raw())
        assert answer.headers.get("Content-Encoding") == ("gzip" if packed else None)
        assert answer.headers["Vary"] == "Accept-Encoding"
        assert json.loads(gzip.decompress(raw) if packed else raw)["openapi"].startswith("3.")


def test_a_picture_is_kept_until_its_job_changes(
    client: TestClient, stage: "Stage", monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = stage.submit()
    drawn: list[str] = []

    def draw(_self: object, curve_data: object, form: str) -> bytes:
        drawn.append(form)
        return f"{len(drawn)}".encode()

    monkeypatch.setattr("api.service.curve_renderer.CurveRenderer.draw", draw)
    first, again = (client.get(f"/v1/jobs/{job_id}/curves.svg") for _ in range(2))
    assert (first.content, again.content) == (b"1", b"1")
    assert client.get(f"/v1/jobs/{job_id}/curves.png").content == b"2"
    known = client.get(f"/v1/jobs/{job_id}/curves.svg", headers={"If-None-Match": first.headers["ETag"]})
    assert known.status_code == 304
    client.patch(f"/v1/jobs/{job_id}", json={"name": "another"})
    assert client.get(f"/v1/jobs/{job_id}/curves.svg").content == b"3"


def test_events_count_their_job_s_alone(client: TestClient, stage: "Stage") -> None:
    first = stage.submit()
    for _ in range(3):
        stage.submit(project="default")
    claim = stage.start(first)
    stage.epoch(claim, 0)
    ids = [event["id"] for event in client.get(f"/v1/jobs/{first}/events").json()["data"]]
    assert ids == list(range(1, len(ids) + 1))
    behind = client.get(f"/v1/jobs/{first}/events?after=2").json()["data"]
    assert [event["id"] for event in behind] == ids[2:]


def test_events_of_the_release_before_keep_the_ids_that_they_were_called_by(
    client: TestClient, stage: "Stage", database: Database
) -> None:
    """Also where that release and this one write by turns, while it is being replaced."""
    stage.submit()
    job_id = stage.submit()
    claim = stage.start(job_id)
    unnumbered = update(Event).where(Event.job_id == job_id).values(number_in_job=None)
    with database.session() as session:
        session.execute(unnumbered)
        last = session.scalars(select(func.max(Event.id)).where(Event.job_id == job_id)).one()
    stage.epoch(claim, 0)
    (new,) = client.get(f"/v1/jobs/{job_id}/events?after={last}").json()["data"]
    assert new["id"] == last + 1
    stage.epoch(claim, 1)
    with database.session() as session:
        newest = session.scalars(select(func.max(Event.id)).where(Event.job_id == job_id)).one()
        session.execute(unnumbered.where(Event.id == newest))
    stage.epoch(claim, 2)
    events = client.get(f"/v1/jobs/{job_id}/events").json()["data"]
    ids = [event["id"] for event in events]
    assert ids == sorted(set(ids))
    for place, event_id in enumerate(ids):
        behind = client.get(f"/v1/jobs/{job_id}/events?after={event_id}").json()["data"]
        assert behind == events[place + 1 :]


class TestPace:
    def test_who_asks_without_end_waits(self) -> None:
        pace = AddressThrottle(per_second=10, at_once=5)
        waits = [pace.wait("10.0.0.1") for _ in range(20)]
        assert waits[:5] == [0] * 5
        assert 0.9 < waits[-1] <= 1.5
        assert pace.wait("10.0.0.2") == 0

    @pytest.mark.parametrize(
        ("address", "name"),
        [
            ("192.0.2.7", "192.0.2.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("no address", "no address"),
        ],
    )
    def test_an_ipv6_network_is_one_client(self, address: str, name: str) -> None:
        assert network_of(address) == name

    def test_a_caller_is_not_held_back(
        self, settings: Settings, tenants: "Tenants", monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pace = AddressThrottle(per_second=1, at_once=1)
        monkeypatch.setattr("api.service.middleware_stack.AddressThrottle", lambda: pace)
        app = create_app(settings.model_copy(update={"require_keys": True}))
        with LocalClient(app) as client:
            for _ in range(5):
                assert client.get("/v1/recipes", headers=tenants.header("first")).status_code == 200
            assert pace.wait("testclient", consume=0) == 0
            began = monotonic()
            assert [client.get("/livez").status_code for _ in range(2)] == [200, 200]
            assert client.get("/v1/nothing").status_code == 404
            assert monotonic() - began > 0.9

    @pytest.mark.usefixtures("tenants")
    def test_files_of_the_page_count_for_little(self, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
        """So that a class behind one address can load the page at once: each of its pages loads dozens of files."""
        pace = AddressThrottle(per_second=0.001, at_once=10)
        monkeypatch.setattr("api.service.middleware_stack.AddressThrottle", lambda: pace)
        app = create_app(settings.model_copy(update={"require_keys": True}))
        with LocalClient(app) as client:
            files = re.findall(r'(?:href|src)="([^"]+)"', client.get("/").text)  # the document counts as one answer
            assert len(files) > 10
            for file in (files * 8)[:80]:
                assert client.get(file).status_code == 200
            assert pace.wait("testclient", consume=0) == 0
            for _ in range(2):
                assert client.get("/assets/0123456789abcdef/none.js").status_code == 404
            assert pace.wait("testclient", consume=0) > 0, "what is not there is no file"


@pytest.mark.parametrize(
    ("trusted", "forwarded", "client"),
    [
        (["127.0.0.0/8"], "192.0.2.7", "192.0.2.7"),
        (["127.0.0.0/8"], "198.51.100.1, 192.0.2.7", "192.0.2.7"),  # what the client itself says does not count
        (["127.0.0.0/8", "192.0.2.0/24"], "198.51.100.1, 192.0.2.7", "198.51.100.1"),
        (["10.0.0.0/8"], "192.0.2.7", "127.0.0.1"),
        ([], "192.0.2.7", "127.0.0.1"),
    ],
)
def test_the_client_s_address_is_what_a_trusted_proxy_says(trusted: list[str], forwarded: str, client: str) -> None:
    seen: list[str] = []

    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            seen.append(scope["client"][0])
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body", "body": b""})

    settings = Settings.model_validate({"trusted_proxies": trusted})
    with served(app, trusted_proxies=settings.trusted_proxies) as (host, port):
        httpx2.get(f"http://{host}:{port}/", headers={"X-Forwarded-For": forwarded})
    assert seen == [client]


@pytest.mark.parametrize(
    ("fetch", "status"),
    [
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}, 403),
        ({"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "script"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, 200),
        ({"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}, 200),
        ({"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, 200),
    ],
)
def test_a_page_of_elsewhere_loads_nothing_without_a_key(front: TestClient, fetch: dict[str, str], status: int) -> None:
    assert front.get("/docs", headers=fetch).status_code == status


@pytest.mark.parametrize(
    "body",
    [
        {f"wrong{number}": 0 for number in range(12_000)},
        {"tags": [0] * 60_000, "spec": {}},
        {"spec": {"dataset": "digits", "optimizer": {f"wrong{number}": {} for number in range(9_000)}}},
    ],
)
def test_a_body_of_too_many_values_is_refused_before_each_is_looked_at(client: TestClient, body: object) -> None:
    problem = client.post("/v1/jobs", json=body).json()
    assert (problem["status"], problem["code"]) == (422, "invalid_request")
    assert problem["errors"] == [{"pointer": "#", "detail": "should have at most 4000 values in it"}]


def test_a_key_is_asked_for_before_a_body_is_read(guarded: TestClient) -> None:
    answer = guarded.post("/v1/jobs", content=b"{" * 1000, headers={"Content-Type": "application/json"})
    assert answer.status_code == 401
