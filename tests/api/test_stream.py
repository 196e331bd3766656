"""Server-sent events: each once, in order, for every watcher, until the job ends."""

import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from fastapi import FastAPI
from sqlalchemy import event
from sqlalchemy.orm import Session

from access import keys
from api.app import create_app
from jobs import changes, requests
from jobs.following import Position, Updates, find_updates
from settings import Settings
from tests.api.conftest import serving

if TYPE_CHECKING:
    from tests.api.conftest import Tenants
    from tests.stage import Stage


@dataclass(frozen=True, slots=True)
class Told:
    id: str | None
    kind: str
    data: Any


def told(response: httpx2.Response) -> Iterator[Told]:
    """As the standard has a client read it."""
    fields: dict[str, str] = {}
    for line in response.iter_lines():
        if not line:
            if "data" in fields:
                yield Told(fields.get("id"), fields.get("event", "message"), json.loads(fields["data"]))
            fields = {}
        elif not line.startswith(":"):
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")


def follow(client: httpx2.Client, job_id: str, **options: Any) -> list[Told]:
    with client.stream("GET", f"/v1/jobs/{job_id}/stream", **options) as response:
        assert response.status_code == 200
        assert response.headers["Content-Type"].startswith("text/event-stream")
        return list(told(response))


def test_the_past_and_then_the_end(live: httpx2.Client, stage: "Stage") -> None:
    job_id = stage.submit()
    claim = stage.start(job_id)
    for epoch in range(3):
        stage.epoch(claim, epoch, test_accuracy=0.1 * epoch)
    stage.succeed(claim)
    seen = follow(live, job_id)
    kinds = ["queued", "starting", "running", "epoch", "epoch", "epoch", "succeeded", "end"]
    assert [message.kind for message in seen] == kinds
    assert seen[-1] == Told(None, "end", {"status": "succeeded"})
    assert [message.data["metrics"]["test_accuracy"] for message in seen[3:6]] == [0.0, 0.1, 0.2]
    listed = live.get(f"/v1/jobs/{job_id}/events").json()["data"]
    assert [message.data for message in seen[:-1]] == listed
    assert [message.id for message in seen[:-1]] == [str(row["id"]) for row in listed]


def test_whoever_comes_back_is_told_the_rest_and_then_to_stay_away(live: httpx2.Client, stage: "Stage") -> None:
    job_id = stage.submit()
    stage.succeed(stage.start(job_id))
    first = follow(live, job_id)
    rest = follow(live, job_id, headers={"Last-Event-ID": str(first[1].id)}, params={"after": 0})
    assert rest == first[2:]
    assert follow(live, job_id, params={"after": first[1].id}) == first[2:]
    over = live.get(f"/v1/jobs/{job_id}/stream", headers={"Last-Event-ID": str(first[-2].id)})
    assert (over.status_code, over.content) == (204, b"")


@pytest.mark.parametrize("wrong", ["x", "-1", "1.5", "9" * 20])
def test_an_id_that_is_none_is_refused(live: httpx2.Client, stage: "Stage", wrong: str) -> None:
    answer = live.get(f"/v1/jobs/{stage.submit()}/stream", headers={"Last-Event-ID": wrong})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["header"] == "last-event-id"


def test_a_job_that_is_not_there_is_no_stream(live: httpx2.Client) -> None:
    answer = live.get("/v1/jobs/job_01kasm2pbk5s9d0w3g6vq8zrhf/stream")
    assert (answer.status_code, answer.json()["code"]) == (404, "job_not_found")


def test_every_watcher_is_told_each_epoch_once(live: httpx2.Client, stage: "Stage") -> None:
    """Some come early, some in the middle of it; all see the same."""
    job_id = stage.submit(epochs=40)
    claim = stage.start(job_id)
    with ThreadPoolExecutor(12) as pool:
        watchers = []
        for epoch in range(40):
            if epoch % 4 == 0:
                watchers.append(pool.submit(follow, live, job_id))
            stage.epoch(claim, epoch)
        stage.succeed(claim)
        seen = [watcher.result(60) for watcher in watchers]
    kinds = ["queued", "starting", "running", *["epoch"] * 40, "succeeded", "end"]
    for messages in seen:
        assert [message.kind for message in messages] == kinds
        assert [message.data["epoch"] for message in messages if message.kind == "epoch"] == list(range(40))


def test_an_epoch_that_is_trained_again_is_told_again_only_if_it_went_otherwise(
    live: httpx2.Client, stage: "Stage"
) -> None:
    job_id = stage.submit()
    claim = stage.start(job_id)
    stage.epoch(claim, 0, test_accuracy=0.5, seconds=1.0)
    stage.epoch(claim, 1, test_loss=float("nan"))
    stage.lose(claim)
    second = stage.start(job_id)
    stage.epoch(second, 0, test_accuracy=0.5, seconds=9.0)
    stage.epoch(second, 1, test_loss=float("nan"))
    stage.epoch(second, 2)
    stage.lose(second)
    third = _after_backoff(stage, job_id)
    stage.epoch(third, 2, test_accuracy=0.75)
    stage.succeed(third)
    seen = [message for message in follow(live, job_id) if message.kind.startswith("epoch")]
    assert [(message.kind, message.data["epoch"]) for message in seen] == [
        ("epoch", 0),
        ("epoch", 1),
        ("epoch", 2),
        ("epoch_revised", 2),
    ]
    assert seen[1].data["metrics"]["test_loss"] == "NaN"


def _after_backoff(stage: "Stage", job_id: str) -> Any:
    from tests.jobs.conftest import change

    change(stage.database, job_id, not_before=None)
    return stage.start(job_id)


def test_watchers_cost_queries_a_tick_and_not_each(
    app: FastAPI, stage: "Stage", monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = [stage.submit() for _ in range(20)]
    looks: list[int] = []

    def counted(session: Session, positions: Mapping[str, Position]) -> Updates:
        looks.append(0)

        @event.listens_for(session, "do_orm_execute")
        def count(_state: object) -> None:
            looks[-1] += 1

        return find_updates(session, positions)

    monkeypatch.setattr("api.service.tailer.find_updates", counted)
    with serving(app) as url, httpx2.Client(base_url=url, timeout=30) as client, ThreadPoolExecutor(40) as pool:
        watchers = [pool.submit(follow, client, job_id) for job_id in jobs * 2]
        for job_id in jobs:
            stage.pause(job_id)
        for job_id in jobs:
            with stage.database.session() as session:
                requests.request_cancel(session, job_id)
        seen = [watcher.result(60) for watcher in watchers]
    assert {tuple(message.kind for message in messages) for messages in seen} == {
        ("queued", "paused", "cancelled", "end")
    }
    assert max(looks) <= 2


def test_a_job_that_is_deleted_ends_its_stream(live: httpx2.Client, stage: "Stage") -> None:
    job_id = stage.submit()
    claim = stage.start(job_id)
    with ThreadPoolExecutor(1) as pool, live.stream("GET", f"/v1/jobs/{job_id}/stream") as response:
        messages = told(response)
        assert [next(messages).kind for _ in range(3)] == ["queued", "starting", "running"]
        stage.fail(claim)
        assert pool.submit(lambda: [message.kind for message in messages]).result(60) == ["failed", "end"]
    with stage.database.session() as session:
        changes.delete_job(session, job_id)
    assert live.get(f"/v1/jobs/{job_id}/stream").status_code == 404


def test_a_key_that_is_revoked_ends_its_streams(
    settings: Settings, tenants: "Tenants", stage: "Stage", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.service.polling.CHECK_KEYS_SECONDS", 0.1)
    job_id = stage.submit(project="first")
    app = create_app(settings.model_copy(update={"require_keys": True}))
    with serving(app) as url, httpx2.Client(base_url=url, timeout=240) as client:
        path = f"/v1/jobs/{job_id}/stream"
        with client.stream("GET", path, headers=tenants.header("first", "read")) as response:
            messages = told(response)
            assert next(messages).kind == "queued"
            with stage.database.session() as session:
                keys.revoke(session, None, tenants.keys["first"]["read"].partition(".")[0].removeprefix("epochal_"))
            assert list(messages) == []


def test_what_happened_last_is_told_of_a_job_that_is_deleted_at_once(live: httpx2.Client, stage: "Stage") -> None:
    job_id = stage.submit()
    stage.pause(job_id)
    with live.stream("GET", f"/v1/jobs/{job_id}/stream") as response:
        messages = told(response)
        assert [next(messages).kind for _ in range(2)] == ["queued", "paused"]
        live.post(f"/v1/jobs/{job_id}/cancel")
        live.delete(f"/v1/jobs/{job_id}")
        assert [message.kind for message in messages] == ["cancelled", "end"]
