"""Following a job: each event once, in order, whatever becomes of the connection and of the service."""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import httpx2
import pytest

from old_client import Client, EpochalError, EpochalNoStream, EpochalUnreachable
from tests.client.answers import Answers, no_such_route, problem

Body = Callable[..., dict[str, Any]]

EVENT_STREAM = {"Content-Type": "text/event-stream"}
# A message with what some readers take for the end of a line, and one of several bytes a character.
MESSAGES = ["Submitted.", "Begun\u2028on \x85 two GPUs.", "Époque 0: 95 %", "Succeeded."]


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("old_client.connection.RETRY_AFTER_SECONDS", (0.0, 0.0))
    monkeypatch.setattr("old_client.following.RECONNECT_AFTER_SECONDS", (0.0, 0.0, 0.0))


def event(number: int, message: str) -> dict[str, Any]:
    time = "2026-11-23T10:00:00Z"
    rest = {"attempt": 0, "epoch": None, "metrics": None, "created_at": time}
    return {"id": number, "type": "queued", "message": message, **rest}


def written(events: Sequence[dict[str, Any]], *, end: bool) -> bytes:
    parts = ["retry: 0\n\n", ": \n\n"]
    parts += [f"event: queued\ndata: {json.dumps(row, ensure_ascii=False)}\nid: {row['id']}\n\n" for row in events]
    return "".join([*parts, 'event: end\ndata: {"status": "succeeded"}\n\n' if end else ""]).encode()


def streamed(*pieces: bytes, error: Exception | None = None) -> httpx2.Response:
    """An answer that comes in pieces, and is cut off by `error`."""

    def content() -> Iterator[bytes]:
        yield from pieces
        if error:
            raise error

    return httpx2.Response(200, headers=EVENT_STREAM, content=content())


class CutOnce:
    """A service whose first answer is `first`; from then on it does as it should."""

    def __init__(self, first: httpx2.Response) -> None:
        self._coming = iter([first])

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        if first := next(self._coming, None):
            return first
        last = int(request.headers.get("Last-Event-ID", 0))
        behind = [row for row in ALL if row["id"] > last]
        return streamed(written(behind, end=True)) if behind or not last else httpx2.Response(204)


ALL = [event(number, message) for number, message in enumerate(MESSAGES, start=7)]


def test_events_come_until_the_end() -> None:
    answers = Answers(streamed(written(ALL, end=True)))
    assert [told.message for told in answers.client().stream("job_1", after=6)] == MESSAGES
    assert [request.headers.get("Last-Event-ID") for request in answers.requests] == ["6"]


@pytest.mark.parametrize("error", [httpx2.ReadError("reset"), httpx2.ReadTimeout("silent"), None])
def test_wherever_a_connection_is_cut_no_event_is_missing_or_comes_twice(error: Exception | None) -> None:
    whole = written(ALL, end=True)
    for place in range(len(b"retry: 0\n\n"), len(whole) + 1):
        service = CutOnce(streamed(whole[:place], error=error))
        epochal = Client("http://epochal.test", transport=httpx2.MockTransport(service))
        assert [told.id for told in epochal.stream("job_1")] == [7, 8, 9, 10]


def test_what_was_told_already_is_not_told_again() -> None:
    """By something in between that keeps answers, and gives them again."""
    again = written(ALL[:3], end=False)
    answers = Answers(streamed(again), streamed(again), streamed(written(ALL, end=True)))
    assert [told.id for told in answers.client().stream("job_1")] == [7, 8, 9, 10]
    assert [request.headers.get("Last-Event-ID") for request in answers.requests] == [None, "9", "9"]


def test_a_service_that_is_away_for_a_while_is_waited_for() -> None:
    away = [httpx2.ConnectError("refused")] * 3 + [httpx2.Response(502)] * 3
    answers = Answers(streamed(written(ALL[:1], end=False)), *away, streamed(written(ALL[1:], end=True)))
    assert [told.id for told in answers.client().stream("job_1")] == [7, 8, 9, 10]


def test_patience_begins_anew_with_each_connection() -> None:
    """Of 4 tries, each of which would be the last but for what came in between."""
    cuts = [streamed(written([row], end=False), error=httpx2.ReadError("reset")) for row in ALL]
    silent = [streamed(b"retry: 0\n\n") for _ in range(9)]
    answers = Answers(*cuts, *silent, httpx2.Response(204))
    assert [told.id for told in answers.client().stream("job_1")] == [7, 8, 9, 10]


def test_in_the_end_a_service_that_is_away_is_an_error() -> None:
    answers = Answers(streamed(written(ALL[:2], end=False)), *[httpx2.ConnectError("refused")] * 12)
    told = answers.client().stream("job_1")
    assert [next(told).id, next(told).id] == [7, 8]
    with pytest.raises(EpochalUnreachable, match="refused"):
        next(told)
    assert len(answers.requests) == 1 + 3 * 3  # it comes back three times, and tries three times each


@pytest.mark.parametrize("code", ["job_not_found", "key_invalid", "internal_error"])
def test_what_will_not_pass_is_not_waited_for(code: str) -> None:
    """Also of a stream that was had: the job was deleted, or the key revoked."""
    status = {"job_not_found": 404, "key_invalid": 401, "internal_error": 500}[code]
    for had in ([], [streamed(written(ALL[:1], end=False))]):
        with pytest.raises(EpochalError, match=code):
            list(Answers(*had, problem(status, code=code)).client().stream("job_1"))


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (no_such_route(), "there is nothing at /v1/jobs/job_1/stream"),
        (httpx2.Response(200, text="<html>"), "text/event-stream"),
        (httpx2.ReadTimeout(""), "held it back"),
        (streamed(error=httpx2.ReadTimeout("")), "held it back"),
        (streamed(b"data: hello\n\n"), "'hello' is no event"),
    ],
)
def test_where_there_is_no_stream_it_says_so(answer: Any, said: str) -> None:
    with pytest.raises(EpochalNoStream, match=said):
        list(Answers(answer).client().stream("job_1"))


def test_who_waits_is_told_by_the_stream_and_asks_once(job_body: Body) -> None:
    answers = Answers(streamed(written(ALL, end=True)), job_body(status="succeeded"))
    assert answers.client().wait("job_1").status == "succeeded"
    assert answers.asked() == ["GET /v1/jobs/job_1/stream", "GET /v1/jobs/job_1"]


def test_without_a_stream_the_service_is_asked_to_wait(monkeypatch: pytest.MonkeyPatch, job_body: Body) -> None:
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    applied = {"ETag": '"a"', "Preference-Applied": "wait=20"}
    answers = Answers(
        httpx2.Response(200, text="<html>"),
        httpx2.Response(200, headers=applied, json=job_body(status="running")),
        httpx2.Response(304, headers=applied),
        httpx2.Response(200, headers=applied, json=job_body(status="stopped")),
    )
    assert answers.client().wait("job_1").status == "stopped"
    asked = [(r.headers.get("Prefer"), r.headers.get("If-None-Match")) for r in answers.requests[1:]]
    assert asked == [("wait=20", None), ("wait=20", '"a"'), ("wait=20", '"a"')]
    assert slept == []
    assert {r.extensions["timeout"]["read"] for r in answers.requests[1:]} == {30 + 20}
