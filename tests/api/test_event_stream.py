"""The stream of everything that happens to a project's jobs."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx2

if TYPE_CHECKING:
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
    found: list[Told] = []
    while len(found) < count:
        message = next(messages)
        if message.id is not None:
            found.append(message)
    return found


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
    for place in range(5):
        with listening(live, after=seen[place].id if place else ready.id) as messages:
            rest = seen[place + 1 :] if place else seen
            assert [message.data for message in events(messages, len(rest))] == [message.data for message in rest]
