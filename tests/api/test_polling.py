"""ETags, and waiting for news in place of asking in vain."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from access import keys
from api.app import create_app
from api.reading.polling import Poll, wait_seconds_of
from api.service.tailer import Tailer
from models import DatabaseUnavailable
from settings import Settings
from tests.api.conftest import serving

if TYPE_CHECKING:
    from tests.api.conftest import Tenants
    from tests.stage import Stage

IN_TIME_SECONDS = 45.0  # on a machine however busy; who waits in vain waits for 60

PARTS = ("", "/events", "/metrics", "/steps")


@pytest.mark.parametrize("part", PARTS)
def test_what_the_client_has_is_not_sent_again(client: TestClient, stage: "Stage", part: str) -> None:
    job_id = stage.submit()
    claim = stage.start(job_id)
    stage.steps(claim, 0, {0: 1.0})
    stage.epoch(claim, 0)
    address = f"/v1/jobs/{job_id}{part}"
    first = client.get(address)
    tag = first.headers["ETag"]
    assert first.headers["Cache-Control"] == "private, no-cache"
    for etags in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        answer = client.get(address, headers={"If-None-Match": etags})
        assert (answer.status_code, answer.content, answer.headers["ETag"]) == (304, b"", tag)
    assert client.get(address, headers={"If-None-Match": '"other"'}).json() == first.json()
    stage.steps(claim, 1, {0: 0.5})
    stage.epoch(claim, 1)
    news = client.get(address, headers={"If-None-Match": tag})
    assert news.status_code == 200
    assert news.headers["ETag"] != tag


def test_a_step_is_no_news_of_the_epochs(client: TestClient, stage: "Stage") -> None:
    job_id = stage.submit()
    claim = stage.start(job_id)
    address = f"/v1/jobs/{job_id}/metrics"
    tag = client.get(address).headers["ETag"]
    stage.steps(claim, 0, {0: 1.0})
    assert client.get(address, headers={"If-None-Match": tag}).status_code == 304


def test_pages_and_forms_have_tags_of_their_own(client: TestClient, stage: "Stage") -> None:
    job_id = stage.submit()
    claim = stage.start(job_id)
    for epoch in range(3):
        stage.epoch(claim, epoch)
    tags = {
        client.get(f"/v1/jobs/{job_id}/metrics", params=query).headers["ETag"]
        for query in ({}, {"limit": 1}, {"after_epoch": 0}, {"format": "csv"})
    }
    assert len(tags) == 4


@pytest.mark.parametrize("part", ["/metrics?after_epoch=0", "/events?after=LAST", "/steps?after_epoch=0", ""])
def test_a_poll_waits_for_news(app: FastAPI, live: httpx2.Client, stage: "Stage", part: str) -> None:
    job_id = stage.submit()
    claim = stage.start(job_id)
    stage.steps(claim, 0, {0: 1.0})
    stage.epoch(claim, 0)
    last = live.get(f"/v1/jobs/{job_id}/events").json()["data"][-1]["id"]
    address = f"/v1/jobs/{job_id}{part.replace('LAST', str(last))}"
    headers = {"Prefer": "wait=60", "If-None-Match": live.get(address).headers["ETag"]}
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(live.get, address, headers=headers, timeout=120)
        _wait_until_somebody_waits(app)
        assert not waiting.done()
        stage.steps(claim, 1, {0: 1.0})
        stage.epoch(claim, 1)
        answer = waiting.result(IN_TIME_SECONDS)
    assert answer.status_code == 200
    assert answer.headers["Preference-Applied"] == "wait=60"


def test_a_poll_without_a_tag_waits_for_rows(live: httpx2.Client, stage: "Stage") -> None:
    job_id = stage.submit()
    claim = stage.start(job_id)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(live.get, f"/v1/jobs/{job_id}/metrics", headers={"Prefer": "wait=60"}, timeout=120)
        stage.epoch(claim, 0)
        assert [row["epoch"] for row in waiting.result(IN_TIME_SECONDS).json()["data"]] == [0]


def test_in_vain_it_waits_as_long_as_was_asked(live: httpx2.Client, stage: "Stage") -> None:
    job_id = stage.submit()
    began = time.monotonic()
    answer = live.get(f"/v1/jobs/{job_id}/metrics", headers={"Prefer": "wait=1"})
    assert time.monotonic() - began > 0.9
    assert answer.json()["data"] == []
    tag = answer.headers["ETag"]
    assert live.get(f"/v1/jobs/{job_id}/metrics", headers={"Prefer": "wait=1", "If-None-Match": tag}).status_code == 304


@pytest.mark.parametrize("part", ["", "/metrics"])
def test_who_waits_asks_the_database_nothing(
    live: httpx2.Client, stage: "Stage", monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    monkeypatch.setattr("api.reading.polling.CHECK_CLIENT_SECONDS", 0.05)
    reads, read = [], Poll._read

    def counted(poll: Poll, *arguments: Any, **named: Any) -> Any:
        reads.append(arguments)
        return read(poll, *arguments, **named)

    monkeypatch.setattr(Poll, "_read", counted)
    address = f"/v1/jobs/{stage.submit()}{part}"
    tag = live.get(address).headers["ETag"]
    reads.clear()
    assert live.get(address, headers={"Prefer": "wait=2", "If-None-Match": tag}).status_code == 304
    assert len(reads) == 2  # before and after


def test_what_has_ended_is_not_waited_for(live: httpx2.Client, stage: "Stage") -> None:
    job_id = stage.submit()
    stage.succeed(stage.start(job_id))
    for part in PARTS:
        address = f"/v1/jobs/{job_id}{part}"
        tag = live.get(address).headers["ETag"]
        headers = {"Prefer": "wait=60", "If-None-Match": tag}
        assert live.get(address, headers=headers, timeout=IN_TIME_SECONDS).status_code == 304


def test_a_job_that_ends_or_goes_ends_the_wait(live: httpx2.Client, stage: "Stage") -> None:
    job_id = stage.submit()
    claim = stage.start(job_id)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(live.get, f"/v1/jobs/{job_id}/metrics", headers={"Prefer": "wait=60"}, timeout=120)
        stage.fail(claim)
        assert waiting.result(IN_TIME_SECONDS).json()["data"] == []


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("wait=20", 20.0),
        ("respond-async, wait=5", 5.0),
        ("Wait = 5", 5.0),
        ("wait=100000", 60.0),
        ("wait=-1", None),
        ("wait", None),
        ("", None),
        (None, None),
    ],
)
def test_preferences(header: str | None, seconds: float | None) -> None:
    assert wait_seconds_of(header) == seconds


def test_many_who_wait_hold_no_thread(app: FastAPI, live: httpx2.Client, stage: "Stage") -> None:
    """The pool has forty."""
    job_id = stage.submit()
    with ThreadPoolExecutor(80) as pool:
        options: dict[str, Any] = {"headers": {"Prefer": "wait=60"}, "timeout": 120}
        waiting = [pool.submit(live.get, f"/v1/jobs/{job_id}/metrics", **options) for _ in range(80)]
        _wait_until_somebody_waits(app, 80)
        assert live.get("/v1/recipes", timeout=IN_TIME_SECONDS).status_code == 200
        stage.pause(job_id)
        assert not any(future.done() for future in waiting)
        claim_id = live.post(f"/v1/jobs/{job_id}/cancel").json()["status"]
        assert claim_id == "cancelled"
        assert {future.result(IN_TIME_SECONDS).status_code for future in waiting} == {200}


def test_a_304_says_what_it_varies_by_however_it_was_found(client: TestClient, stage: "Stage") -> None:
    address = f"/v1/jobs/{stage.submit()}/metrics"
    tag = client.get(address).headers["ETag"]
    answers = [client.get(address, headers={"If-None-Match": tag}) for _ in range(2)]
    assert [(answer.status_code, answer.headers["Vary"]) for answer in answers] == [(304, "Accept")] * 2


def test_preferences_on_several_lines_are_one_list(live: httpx2.Client, stage: "Stage") -> None:
    began = time.monotonic()
    headers = [("Prefer", "respond-async"), ("Prefer", "wait=1")]
    live.get(f"/v1/jobs/{stage.submit()}/metrics", headers=headers)
    assert time.monotonic() - began > 0.9


def test_a_key_that_is_revoked_meanwhile_is_told_nothing(
    settings: Settings, tenants: "Tenants", stage: "Stage"
) -> None:
    job_id = stage.submit(project="first")
    app = create_app(settings.model_copy(update={"require_keys": True}))
    with serving(app) as url, httpx2.Client(base_url=url, timeout=30) as client, ThreadPoolExecutor(1) as pool:
        headers = {**tenants.header("first", "read"), "Prefer": "wait=60"}
        waiting = pool.submit(client.get, f"/v1/jobs/{job_id}/metrics", headers=headers, timeout=120)
        _wait_until_somebody_waits(app)
        with stage.database.session() as session:
            keys.revoke(session, None, tenants.keys["first"]["read"].partition(".")[0].removeprefix("epochal_"))
        stage.start(job_id)
        answer = waiting.result(IN_TIME_SECONDS)
    assert (answer.status_code, answer.json()["code"]) == (401, "key_invalid")


def test_whoever_hangs_up_waits_no_longer(settings: Settings, stage: "Stage", monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.reading.polling.CHECK_CLIENT_SECONDS", 0.2)
    app = create_app(settings)
    with serving(app) as url, httpx2.Client(base_url=url, timeout=0.5) as client:
        with pytest.raises(httpx2.ReadTimeout):
            client.get(f"/v1/jobs/{stage.submit()}/metrics", headers={"Prefer": "wait=60"})
        client.close()
        deadline = time.monotonic() + IN_TIME_SECONDS
        while _tailer(app)._jobs and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not _tailer(app)._jobs


def test_one_key_holds_so_many_and_no_more(
    settings: Settings, tenants: "Tenants", stage: "Stage", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.service.tailer.MAX_WAITING", 1)
    first, second = stage.submit(project="first"), stage.submit(project="second")
    app = create_app(settings.model_copy(update={"require_keys": True}))
    with serving(app) as url, httpx2.Client(base_url=url, timeout=240) as client:
        mine, theirs = tenants.header("first"), tenants.header("second")
        with client.stream("GET", f"/v1/jobs/{first}/stream", headers=mine):
            _wait_until_somebody_waits(app)
            refused = [
                client.get(f"/v1/jobs/{first}/stream", headers=mine),
                client.get(f"/v1/jobs/{first}/metrics", headers={**mine, "Prefer": "wait=1"}),
            ]
            assert [(answer.status_code, answer.json()["code"]) for answer in refused] == [
                (429, "too_many_waiting")
            ] * 2
            assert client.get(f"/v1/jobs/{first}/metrics", headers=mine).status_code == 200
            with client.stream("GET", f"/v1/jobs/{second}/stream", headers=theirs) as other:
                assert other.status_code == 200


def test_a_service_that_stops_sends_everybody_away_at_once(settings: Settings, stage: "Stage") -> None:
    job_id = stage.submit()
    app = create_app(settings)
    with ThreadPoolExecutor(2) as pool:
        with serving(app) as url:
            client = httpx2.Client(base_url=url, timeout=240)
            poll = pool.submit(client.get, f"/v1/jobs/{job_id}/metrics", headers={"Prefer": "wait=60"})
            stream = pool.submit(lambda: client.get(f"/v1/jobs/{job_id}/stream").text)
            _wait_until_somebody_waits(app, 2)
        assert poll.result(IN_TIME_SECONDS).json()["data"] == []
        assert "event: queued" in stream.result(IN_TIME_SECONDS)
        client.close()


def test_a_database_that_is_away_is_not_asked_all_the_time(
    settings: Settings, stage: "Stage", monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = stage.submit()
    app, asked = create_app(settings), []

    def away(*_: object) -> None:
        asked.append(time.monotonic())
        raise DatabaseUnavailable("nobody there")

    with serving(app) as url, httpx2.Client(base_url=url, timeout=30) as client, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(client.get, f"/v1/jobs/{job_id}/metrics", headers={"Prefer": "wait=20"})
        _wait_until_somebody_waits(app)
        with monkeypatch.context() as outage:
            outage.setattr("api.service.tailer.find_updates", away)
            deadline = time.monotonic() + 20
            while len(asked) < 3 and time.monotonic() < deadline:
                time.sleep(0.05)
        stage.epoch(stage.start(job_id), 0)
        assert len(waiting.result(20).json()["data"]) == 1
    assert asked[2] - asked[0] > 1.5


def _tailer(app: Any) -> Tailer:
    """As the running service has it."""
    tailer: Tailer = app.state.tailer
    return tailer


def _wait_until_somebody_waits(app: Any, count: int = 1) -> None:
    deadline = time.monotonic() + IN_TIME_SECONDS
    while _tailer(app)._waiting.total() < count:
        assert time.monotonic() < deadline
        time.sleep(0.02)
