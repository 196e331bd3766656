"""Following a job: each event once, in order, whatever becomes of the connection and of the service."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import httpx2
import pytest
from sdk.answers import EVENT_STREAM, Answers, Pieces, as_events, event_body, job_body, problem, streamed

from epochal import (
    APIConnectionError,
    AsyncEpochal,
    Epochal,
    EpochalError,
    StreamNotAvailableError,
    UnexpectedAnswerError,
)

# A message with what some readers take for the end of a line, and one of several bytes a character.
MESSAGES = ["Submitted.", "Begun\u2028on \x85 two GPUs.", "Époque 0: 95 %", "Succeeded."]
ALL = [event_body(number, message) for number, message in enumerate(MESSAGES, start=7)]
IDS = [7, 8, 9, 10]
WHOLE = as_events(*ALL, end=True)
PLACES = range(len(b"retry: 0\n\n"), len(WHOLE) + 1)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch, slept: list[float]) -> None:
    """The time that goes by is what somebody would have waited."""
    monkeypatch.setattr(time, "monotonic", lambda: sum(slept))


class CutOnce:
    """A service that cuts its next answer off behind so many bytes; from then on it does as it should."""

    def __init__(self) -> None:
        self.first: httpx2.Response | None = None

    def cut(self, place: int, error: Exception | None) -> None:
        self.first = streamed(WHOLE[:place], error=error)

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        if self.first is not None:
            answer, self.first = self.first, None
            return answer
        last = int(request.headers.get("Last-Event-ID", 0))
        behind = [row for row in ALL if row["id"] > last]
        return streamed(as_events(*behind, end=True)) if behind or not last else httpx2.Response(204)


def ids(rows: Sequence[Any]) -> list[int]:
    return [row.id for row in rows]


def test_events_come_until_the_end(connect: Any) -> None:
    answers = Answers(streamed(as_events(*ALL, end=True)))
    told = list(connect(answers).jobs.stream("job_1", after=6))
    assert [event.message for event in told] == MESSAGES
    assert answers.headers("Last-Event-ID", "Accept") == [("6", "text/event-stream")]
    [request] = answers.requests
    assert request.extensions["timeout"]["read"] == 45  # the service sends something every 15 seconds


@pytest.mark.parametrize(
    ("error", "step"), [(httpx2.ReadError("reset"), 1), (httpx2.ReadTimeout("silent"), 7), (None, 7)]
)
def test_wherever_a_connection_is_cut_no_event_is_missing_or_comes_twice(error: Exception | None, step: int) -> None:
    service = CutOnce()
    with Epochal("http://epochal.test", transport=httpx2.MockTransport(service)) as client:
        for place in PLACES[::step]:
            service.cut(place, error)
            assert ids(list(client.jobs.stream("job_1"))) == IDS


def test_nor_by_the_client_that_is_awaited() -> None:
    async def follow() -> None:
        service = CutOnce()
        async with AsyncEpochal("http://epochal.test", transport=httpx2.MockTransport(service)) as client:
            for place in PLACES[::7]:
                service.cut(place, httpx2.ReadError("reset"))
                assert [event.id async for event in client.jobs.stream("job_1")] == IDS

    asyncio.run(follow())


def test_what_was_told_already_is_not_told_again(connect: Any) -> None:
    """By something in between that keeps answers, and gives them again."""
    again = as_events(*ALL[:3], end=False)
    answers = Answers(streamed(again), streamed(again), streamed(as_events(*ALL, end=True)))
    assert ids(list(connect(answers).jobs.stream("job_1"))) == IDS
    assert answers.headers("Last-Event-ID") == [None, "9", "9"]


def test_a_service_that_is_away_for_a_while_is_waited_for(connect: Any, clock: None) -> None:
    away = [*[httpx2.ConnectError("refused")] * 9, *[httpx2.Response(502)] * 9]
    answers = Answers(streamed(as_events(*ALL[:1], end=False)), *away, streamed(as_events(*ALL[1:], end=True)))
    assert ids(list(connect(answers).jobs.stream("job_1"))) == IDS
    assert set(answers.headers("Last-Event-ID")[1:]) == {"7"}


def test_a_service_that_is_away_for_too_long_is_an_error(connect: Any, clock: None, slept: list[float]) -> None:
    answers = Answers(streamed(as_events(*ALL[:2], end=False)), *[httpx2.ConnectError("refused")] * 999)
    told = iter(connect(answers).jobs.stream("job_1"))
    assert [next(told).id, next(told).id] == [7, 8]
    with pytest.raises(APIConnectionError, match="refused"):
        next(told)
    assert 300 < sum(slept) < 330


def test_patience_begins_anew_with_each_connection(connect: Any, clock: None, slept: list[float]) -> None:
    """Of outages, each of which would be too long together with the one before."""
    away = [httpx2.ConnectError("refused")] * 15
    parts = [[streamed(as_events(row, end=False), error=httpx2.ReadError("reset")), *away] for row in ALL]
    answers = Answers(*[each for part in parts for each in part], httpx2.Response(204))
    assert ids(list(connect(answers).jobs.stream("job_1"))) == IDS
    assert 600 < sum(slept) < 700


def test_a_stream_that_is_closed_again_and_again_is_given_up(connect: Any, clock: None, slept: list[float]) -> None:
    first, closed = streamed(as_events(*ALL[:1], end=False)), [streamed(b": \n\n") for _ in range(99)]
    told = iter(connect(Answers(first, *closed)).jobs.stream("job_1"))
    assert next(told).id == 7
    with pytest.raises(APIConnectionError, match="again and again"):
        next(told)
    assert 300 < sum(slept) < 330


@pytest.mark.parametrize(("asked", "waited"), [("2500", 2.5), ("0", 0.25), ("99999999", 15.0), ("soon", 0.25)])
def test_it_comes_back_when_the_service_wants_it(connect: Any, asked: str, waited: float, slept: list[float]) -> None:
    first = streamed(f"retry: {asked}\n\n".encode() + as_events(*ALL, end=False)[len(b"retry: 0\n\n") :])
    assert ids(list(connect(Answers(first, httpx2.Response(204))).jobs.stream("job_1"))) == IDS
    assert slept == [waited]


@pytest.mark.parametrize(("status", "code"), [(404, "job_not_found"), (401, "key_invalid"), (501, "not_there")])
def test_what_will_not_pass_is_not_waited_for(connect: Any, status: int, code: str, slept: list[float]) -> None:
    """Also of a stream that was had: the job was deleted, or the key revoked."""
    with pytest.raises(EpochalError, match=code):
        list(connect(Answers(problem(status, code=code))).jobs.stream("job_1"))
    assert slept == []
    had = streamed(as_events(*ALL[:1], end=False))
    with pytest.raises(EpochalError, match=code):
        list(connect(Answers(had, problem(status, code=code))).jobs.stream("job_1"))
    assert slept == [0.25]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda: problem(404, code="route_not_found"), "there is nothing at /v1/jobs/job_1/stream"),
        (lambda: httpx2.Response(200, text="<html>"), "text/event-stream"),
        (lambda: httpx2.ReadTimeout(""), "held it back"),
        (lambda: streamed(error=httpx2.ReadTimeout("")), "held it back"),
        (lambda: streamed(b"data: hello\n\n"), "'hello' is no event"),
        (lambda: streamed(b'data: {"id": "seven"}\n\n'), "is no event"),
    ],
)
def test_where_there_is_no_stream_it_says_so(connect: Any, answer: Any, said: str) -> None:
    with pytest.raises(StreamNotAvailableError, match=said):
        list(connect(Answers(*[answer()] * 9)).jobs.stream("job_1"))


def test_who_looks_no_further_leaves_no_connection(connect: Any) -> None:
    body = Pieces(as_events(*ALL, end=False))
    answer = httpx2.Response(200, headers=EVENT_STREAM, stream=body)
    told = iter(connect(Answers(answer)).jobs.stream("job_1"))
    assert next(told).id == 7
    told.close()
    assert answer.is_closed


APPLIED = {"Preference-Applied": "wait=20"}


def polled(status: str, tag: str = '"a"', *, applied: bool = True) -> httpx2.Response:
    return httpx2.Response(200, headers={"ETag": tag} | (APPLIED if applied else {}), json=job_body(status=status))


def unchanged() -> httpx2.Response:
    return httpx2.Response(304, headers={"ETag": '"a"'} | APPLIED)


def test_who_waits_has_the_service_wait(connect: Any, slept: list[float]) -> None:
    answers = Answers(polled("queued"), unchanged(), polled("running", '"b"'), polled("stopped", '"c"'))
    assert connect(answers).jobs.wait("job_1").status == "stopped"
    assert answers.headers("Prefer", "If-None-Match") == [("wait=20", tag) for tag in (None, '"a"', '"a"', '"b"')]
    assert {request.extensions["timeout"]["read"] for request in answers.requests} == {30 + 20}
    assert slept == []


def test_a_job_is_seen_whenever_the_service_answers(connect: Any) -> None:
    answers = Answers(polled("queued"), unchanged(), polled("running", '"b"'), polled("failed", '"c"'))
    seen = [job.status for job in connect(answers).jobs.poll("job_1", wait=3)]
    assert seen == ["queued", "queued", "running", "failed"]
    assert set(answers.headers("Prefer")) == {"wait=3"}


def test_an_older_service_is_asked_now_and_then(connect: Any, slept: list[float]) -> None:
    answers = Answers(*[polled(status, applied=False) for status in ("queued", "running", "succeeded")])
    assert connect(answers).jobs.wait("job_1").status == "succeeded"
    assert slept == [0.5, 0.5]


def test_an_outage_is_waited_for_once_something_has_come(connect: Any, clock: None) -> None:
    away = [*[httpx2.ConnectError("refused")] * 9, *[httpx2.Response(502)] * 9, problem(429, {"Retry-After": "9"})]
    answers = Answers(polled("queued"), *away, polled("running", '"b"'), *away, polled("succeeded", '"c"'))
    assert connect(answers).jobs.wait("job_1").status == "succeeded"


def test_but_not_for_ever_nor_before(connect: Any, clock: None, slept: list[float]) -> None:
    for first, retries, least in [((), 2, 0.75), ((polled("queued"),), 2, 300)]:
        slept.clear()
        answers = Answers(*first, *[httpx2.ConnectError("refused")] * 999)
        with pytest.raises(APIConnectionError):
            connect(answers, max_retries=retries).jobs.wait("job_1")
        assert least <= sum(slept) < least + 30


@pytest.mark.parametrize("status", [401, 404, 410])
def test_a_job_that_is_gone_is_not_waited_for(connect: Any, status: int, slept: list[float]) -> None:
    with pytest.raises(EpochalError):
        connect(Answers(polled("queued"), problem(status, code="x"))).jobs.wait("job_1")
    assert slept == []


def test_who_waits_for_so_long_waits_no_longer(connect: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    asked: list[str] = []

    class Slow(Answers):
        """Holds each answer but the first back for as long as it is asked to."""

        def __call__(self, request: httpx2.Request) -> httpx2.Response:
            asked.append(request.headers["Prefer"])
            now[0] += int(asked[-1].partition("=")[2]) if len(asked) > 1 else 0
            return polled("running") if len(asked) == 1 else unchanged()

    with pytest.raises(TimeoutError, match="still running after 45 seconds"):
        connect(Slow()).jobs.wait("job_1", timeout=45)
    assert (asked, now) == (["wait=20", "wait=20", "wait=20", "wait=5"], [45.0])


def test_nor_for_a_service_that_is_away(connect: Any, clock: None, slept: list[float]) -> None:
    answers = Answers(polled("running"), *[httpx2.ConnectError("refused")] * 999)
    with pytest.raises(TimeoutError):
        connect(answers).jobs.wait("job_1", timeout=10)
    assert sum(slept) == pytest.approx(10)


def test_who_does_not_wait_at_all_asks_once(connect: Any) -> None:
    for status in ("running", "succeeded"):
        answers = Answers(polled(status))
        jobs = connect(answers).jobs
        if status == "running":
            with pytest.raises(TimeoutError):
                jobs.wait("job_1", timeout=0)
        else:
            assert jobs.wait("job_1", timeout=0).finished
        assert len(answers.requests) == 1


def test_another_service_is_not_polled(connect: Any) -> None:
    with pytest.raises(UnexpectedAnswerError):
        next(iter(connect(Answers(httpx2.Response(200, text="<html>"))).jobs.poll("job_1")))
