"""The stream of everything that happens to a project's jobs."""

import json
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from sqlalchemy import event

from access import keys
from api.app import create_app
from api.reading import all_events
from api.service import event_reader
from epochal import Epochal
from epochal.types import JobEvent
from jobs import event_feed
from jobs.fence import for_update
from jobs.queries import EventWithEpoch
from jobs.transitions import add_event
from models import Event, ProjectSession
from settings import Settings
from tests.api.conftest import serving
from tests.api.cutting import Cutter

if TYPE_CHECKING:
    from tests.api.conftest import Tenants
    from tests.stage import Stage

STREAM = "/v1/events/stream"


@dataclass(frozen=True, slots=True)
class Told:
    id: str | None
    kind: str
    data: Any


def told(response: httpx2.Response) -> Iterator[Told]:
    """As the standard has a client read it, but that `id` is the message's own."""
    fields: dict[str, str] = {}
    for line in response.iter_lines():
        if not line:
            if "data" in fields:
                yield Told(fields.get("id"), fields["event"], json.loads(fields["data"]))
            fields = {}
        elif not line.startswith(":"):
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")


@contextmanager
def listening(client: httpx2.Client, after: str | None = None, **headers: str) -> Iterator[Iterator[Told]]:
    last = {"Last-Event-ID": after} if after else {}
    with client.stream("GET", STREAM, headers={**last, **headers}) as response:
        assert response.status_code == 200, response.read()
        assert response.headers["Content-Type"].startswith("text/event-stream")
        yield told(response)


def events(messages: Iterator[Told], count: int) -> list[Told]:
    """The next so many events of jobs."""
    return [next(message for message in messages if message.id is not None) for _ in range(count)]


def next_of(messages: Iterator[Told], kind: str) -> Told:
    return next(message for message in messages if message.kind == kind)


def say(stage: "Stage", job_id: str, *messages: str) -> None:
    with stage.database.session() as session:
        job = session.scalar(for_update(job_id))
        assert job
        for message in messages:
            add_event(session, job, "note", message)


def wait_until(is_so: Callable[[], bool], seconds: float = 20.0) -> None:
    until = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.02)


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_reader, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(all_events, "RETRY_MILLISECONDS", 1)


def test_everything_from_now_on(live: httpx2.Client, stage: "Stage") -> None:
    stage.submit()
    with listening(live) as messages:
        ready = next(messages)
        assert (ready.kind, ready.data) == ("ready", {})
        assert ready.id
        claim = stage.start(stage.submit())
        stage.epoch(claim, 0, test_loss=float("nan"))
        stage.succeed(claim)
        seen = events(messages, 5)
    assert [message.kind for message in seen] == ["queued", "starting", "running", "epoch", "succeeded"]
    listed = live.get(f"/v1/jobs/{claim.job_id}/events").json()["data"]
    assert [message.data for message in seen] == [{"job_id": claim.job_id, **row} for row in listed]
    for place, last in enumerate([ready, *seen[:-1]]):
        with listening(live, after=last.id) as messages:
            rest = events(messages, 5 - place)
        assert rest == seen[place:]  # with the same ids


def test_progress_comes_where_a_job_has_changed(live: httpx2.Client, stage: "Stage") -> None:
    claim, other, over = stage.start(stage.submit()), stage.submit(), stage.start(stage.submit())
    stage.fail(over)
    with listening(live) as messages:
        next(messages)
        stage.steps(claim, 0, {5: 1.5})
        found = next(messages)
        job = live.get(f"/v1/jobs/{claim.job_id}").json()
        assert (found.id, found.kind) == (None, "progress")
        names = ("status", "requested", "progress", "queue")
        assert found.data == {"job_id": claim.job_id, **{name: job[name] for name in names}}
        assert found.data["progress"]["percent"] > 0
        live.patch(f"/v1/jobs/{other}", json={"priority": 9})
        found = next(messages)
        assert (found.kind, found.data["job_id"]) == ("progress", other)
        assert found.data["queue"]["code"]
        live.patch(f"/v1/jobs/{over.job_id}", json={"name": "over"})  # which no look at open jobs finds
        found = next(messages)
        assert (found.kind, found.data["job_id"], found.data["status"]) == ("progress", over.job_id, "failed")
        stage.succeed(claim)
        found = next_of(messages, "progress")
        assert (found.data["job_id"], found.data["status"], found.data["progress"]["percent"]) == (
            claim.job_id,
            "succeeded",
            100,
        )


def test_a_job_that_is_deleted(live: httpx2.Client, stage: "Stage") -> None:
    claims = [stage.start(stage.submit()) for _ in range(2)]
    with listening(live) as messages:
        ready = next(messages)
        for claim in claims:
            stage.fail(claim)
        last = events(messages, 2)[-1]
        live.delete(f"/v1/jobs/{claims[0].job_id}")
        assert next_of(messages, "deleted").data == {"job_id": claims[0].job_id}
    with listening(live, after=ready.id) as messages:  # its events are not told any more
        assert {next(messages).data["job_id"] for _ in range(2)} == {claims[0].job_id, claims[1].job_id}
    with listening(live, after=last.id) as messages:
        assert next(messages).kind == "deleted"


def test_who_was_away_for_too_long_begins_anew(
    live: httpx2.Client, stage: "Stage", monkeypatch: pytest.MonkeyPatch
) -> None:
    assert event_feed.MOST_MISSED == 10_000
    monkeypatch.setattr(event_feed, "MOST_MISSED", 25)
    monkeypatch.setattr(event_feed, "BATCH_SIZE", 10)
    job_id = stage.submit()
    with listening(live) as messages:
        ready = next(messages)
    say(stage, job_id, *map(str, range(25)))
    with listening(live, after=ready.id) as messages:
        assert [each.data["message"] for each in events(messages, 25)] == [str(number) for number in range(25)]
    say(stage, job_id, "one more")
    with listening(live, after=ready.id) as messages:
        reset = next(messages)
        assert (reset.kind, reset.data) == ("reset", {"reason": "too_far_behind"})
        say(stage, job_id, "later")
        assert events(messages, 1)[0].data["message"] == "later"
    with listening(live, after=reset.id) as messages:
        assert events(messages, 1)[0].data["message"] == "later"


def test_an_id_of_another_database_is_none(live: httpx2.Client, stage: "Stage") -> None:
    for unknown in ("A" * 40, "_" * 41):
        with listening(live, after=unknown) as messages:
            assert next(messages).data == {"reason": "unknown_position"}
    job_id = stage.submit()
    with listening(live) as messages:
        next(messages)
        say(stage, job_id, "a", "b")
        last = events(messages, 2)[-1]
    with stage.database.session() as session:  # a backup is restored, which does not have them yet
        session.query(Event).where(Event.message.in_(["a", "b"])).delete()
    with listening(live, after=last.id) as messages:
        assert next(messages).data == {"reason": "unknown_position"}


@pytest.mark.parametrize("wrong", ["1", "job 1", "=" * 30, "A" * 2001])
def test_what_is_no_id_is_refused(live: httpx2.Client, wrong: str) -> None:
    answer = live.get(STREAM, headers={"Last-Event-ID": wrong})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["header"] == "last-event-id"


def test_each_project_has_its_own(settings: Settings, tenants: "Tenants", stage: "Stage") -> None:
    app = create_app(settings.model_copy(update={"require_keys": True}))
    with serving(app) as url, httpx2.Client(base_url=url, timeout=60) as client:
        first, second = (tenants.header(name, "read") for name in ("first", "second"))
        with listening(client, **first) as mine, listening(client, **second) as theirs:
            ready = next(mine)
            next(theirs)
            made = {project: stage.submit(project=project) for project in ("first", "second")}
            again = {project: stage.submit(project=project) for project in ("second", "first")}
            for messages, project in ((mine, "first"), (theirs, "second")):
                seen = events(messages, 2)
                assert [each.data["job_id"] for each in seen] == [made[project], again[project]]
        with listening(client, after=ready.id, **first) as mine:
            assert [each.data["job_id"] for each in events(mine, 2)] == [made["first"], again["first"]]
        with listening(client, after=ready.id, **second) as theirs:  # what another project was told is no position
            assert next(theirs).data == {"reason": "unknown_position"}
        assert client.get(STREAM).status_code == 401


def test_a_key_that_is_revoked_ends_its_streams(
    settings: Settings, tenants: "Tenants", stage: "Stage", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.service.polling.CHECK_KEYS_SECONDS", 0.1)
    app = create_app(settings.model_copy(update={"require_keys": True}))
    with serving(app) as url, httpx2.Client(base_url=url, timeout=60) as client:
        with listening(client, **tenants.header("first", "read")) as messages:
            assert next(messages).kind == "ready"
            with stage.database.session() as session:
                keys.revoke(session, None, tenants.keys["first"]["read"].partition(".")[0].removeprefix("epochal_"))
            assert list(messages) == []
        assert client.get(STREAM, headers=tenants.header("first", "read")).status_code == 401


def test_a_key_has_so_many_streams(settings: Settings, tenants: "Tenants", monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.service.tailer.MAX_WAITING", 1)
    app = create_app(settings.model_copy(update={"require_keys": True}))
    with serving(app) as url, httpx2.Client(base_url=url, timeout=60) as client:
        first, second = (tenants.header(name, "read") for name in ("first", "second"))
        with listening(client, **first) as messages:
            assert next(messages).kind == "ready"
            assert client.get(STREAM, headers=first).status_code == 429
            with listening(client, **second) as others:
                assert next(others).kind == "ready"


def test_who_reads_too_slowly_comes_back(live: httpx2.Client, stage: "Stage", monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages of one look are more than may wait."""
    monkeypatch.setattr("api.service.tailer.MAX_UNREAD", 5)
    job_id = stage.submit()
    with listening(live) as messages:
        next(messages)
        say(stage, job_id, *map(str, range(20)))
        seen = [message for message in messages if message.id]  # until it is ended
    assert 5 <= len(seen) < 20
    monkeypatch.undo()
    with listening(live, after=seen[-1].id) as messages:
        seen += events(messages, 20 - len(seen))
    assert [each.data["message"] for each in seen] == [str(number) for number in range(20)]


def test_many_listeners_cost_as_much_as_one_and_none_costs_nothing(
    live: httpx2.Client, stage: "Stage", monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[int] = []
    made: list[EventWithEpoch] = []
    read, body_of = event_reader.EventReader.read, event_reader.event_body

    def counted(reader: Any, session: ProjectSession, projects: Collection[str]) -> Any:
        reads.append(0)

        @event.listens_for(session, "do_orm_execute")
        def count(_state: object) -> None:
            reads[-1] += 1

        return read(reader, session, projects)

    def noted(record: EventWithEpoch) -> bytes:
        made.append(record)
        return body_of(record)

    for _ in range(5):
        stage.submit()
    monkeypatch.setattr(event_reader, "LOOK_SECONDS", 60.0)
    monkeypatch.setattr(event_reader.EventReader, "read", counted)
    monkeypatch.setattr(event_reader, "event_body", noted)
    with ExitStack() as stack:
        listeners = [stack.enter_context(listening(live)) for _ in range(8)]
        for messages in listeners:
            next(messages)
        reads.clear()
        job_id = stage.submit()
        say(stage, job_id, "a")
        for messages in listeners:
            assert [message.kind for message in events(messages, 2)] == ["queued", "note"]
    assert len(made) == 2  # once for all of them
    assert max(reads) <= 2
    wait_until(lambda: live.get("/metrics").text.count("epochal_http_streams_open 0.0") == 1)
    reads.clear()
    time.sleep(0.3)  # nothing can be awaited that does not happen
    assert reads == []


class Cutting(Cutter):
    """Cuts answers, after so many bytes that a few messages pass."""

    def _limits(self) -> tuple[float, float]:
        if self.left <= 0:
            return float("inf"), float("inf")
        self.left -= 1
        return float("inf"), self._random.randrange(600, 2500)


def test_a_network_that_breaks_loses_and_doubles_nothing(live: httpx2.Client, stage: "Stage") -> None:
    host, port = str(live.base_url).removeprefix("http://").rstrip("/").split(":")
    jobs = [stage.submit() for _ in range(3)]
    proxy = Cutting((host, int(port)), 7, cuts=8, most_bytes=0)
    threading.Thread(target=proxy.serve, daemon=True).start()
    seen: list[tuple[str, str]] = []
    with Epochal(proxy.url, "") as client:
        stream = client.events.stream()

        def listen() -> None:
            for message in stream:
                if isinstance(message, JobEvent):
                    seen.append((message.job_id, message.message))
                if len(seen) == 60:
                    return

        listener = threading.Thread(target=listen, daemon=True)
        listener.start()
        wait_until(lambda: stream.position is not None)
        for number in range(60):
            say(stage, jobs[number % 3], str(number))
        listener.join(30)
    proxy.close()
    assert proxy.cut >= 5
    assert seen == [(jobs[number % 3], str(number)) for number in range(60)]
