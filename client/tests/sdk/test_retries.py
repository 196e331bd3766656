"""Which requests are sent again, how often, and how long each waits for that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from sdk.answers import Answers, job_body, page, problem

from epochal import APIConnectionError, APITimeoutError, ConflictError, EpochalError, LocalError, RateLimitError

Ask = Callable[[Any], Any]

DATE = "Wed, 25 Nov 2026 02:00:00 GMT"  # of a service whose clock says another day than ours
A_MINUTE_LATER = "Wed, 25 Nov 2026 02:01:00 GMT"

READS: list[Ask] = [
    lambda client: client.jobs.retrieve("job_1"),
    lambda client: client.jobs.create({"dataset": "digits"}),
    lambda client: client.jobs.rerun("job_1"),
    lambda client: client.jobs.cancel("job_1"),
    lambda client: client.jobs.update("job_1", name="n"),
]
ACTS: list[Ask] = [  # each time that it arrives
    lambda client: client.keys.create("notebook", ["train"]),
    lambda client: client.projects.create("course"),
    lambda client: client.webhooks.create("https://a.test", ["job.failed"]),
    lambda client: client.uploads.append("upl_1", 0, b"x"),
]
LOST = [httpx2.ReadError("reset"), httpx2.ReadTimeout("slow"), httpx2.RemoteProtocolError("closed")]
NOT_SENT = [httpx2.ConnectError("refused"), httpx2.ConnectTimeout("slow"), httpx2.PoolTimeout("slow")]


def over(code: str = "too_many_requests", **headers: str) -> httpx2.Response:
    return problem(429, headers, code=code)


@pytest.mark.parametrize("ask", READS)
@pytest.mark.parametrize(
    "passing", [*LOST, *NOT_SENT, *[httpx2.Response(status) for status in (408, 429, 500, 502, 503, 504)]]
)
def test_what_may_arrive_twice_is_sent_again(connect: Any, ask: Ask, passing: Any) -> None:
    answers = Answers(passing, passing, job_body())
    assert ask(connect(answers)).id == "job_1"
    assert len(set(answers.asked())) == 1
    assert len({request.content for request in answers.requests}) == 1


@pytest.mark.parametrize("ask", ACTS)
@pytest.mark.parametrize("passing", [*LOST, *[httpx2.Response(status) for status in (408, 500, 502, 503, 504)]])
def test_what_acts_each_time_is_not_sent_again_to_a_service_that_may_have_done_it(
    connect: Any, ask: Ask, passing: Any
) -> None:
    answers = Answers(passing)
    with pytest.raises(EpochalError):
        ask(connect(answers))
    assert len(answers.requests) == 1


@pytest.mark.parametrize("ask", ACTS)
@pytest.mark.parametrize("undone", [*NOT_SENT, httpx2.Response(429)])
def test_what_certainly_was_not_done_is_sent_again(connect: Any, ask: Ask, undone: Any) -> None:
    answers = Answers(undone, undone, httpx2.Response(422))
    with pytest.raises(EpochalError, match="422"):
        ask(connect(answers))
    assert len(answers.requests) == 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 412, 413, 422, 501, 505, 507])
def test_what_will_not_pass_is_not_sent_again(connect: Any, status: int) -> None:
    answers = Answers(httpx2.Response(status))
    with pytest.raises(EpochalError):
        connect(answers).jobs.retrieve("job_1")
    assert len(answers.requests) == 1


@pytest.mark.parametrize(
    ("last", "kind", "code"),
    [
        (httpx2.ReadError("reset"), APIConnectionError, "unreachable"),
        (httpx2.ReadTimeout("slow"), APITimeoutError, "timeout"),
        (problem(503, code="database_unavailable"), EpochalError, "database_unavailable"),
    ],
)
@pytest.mark.parametrize("retries", [0, 1, 5])
def test_in_the_end_it_is_given_up(
    connect: Any, last: Any, kind: type[EpochalError], code: str, retries: int, slept: list[float]
) -> None:
    answers = Answers(*[last] * 9)
    with pytest.raises(kind) as caught:
        connect(answers, max_retries=retries).jobs.create({"dataset": "digits"})
    assert (caught.value.code, len(answers.requests)) == (code, 1 + retries)
    assert slept == [0.25, 0.5, 1.0, 2.0, 4.0][:retries]


def test_waits_grow_to_a_limit_and_differ_from_client_to_client(
    connect: Any, slept: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("random.uniform", lambda low, high: high)
    with pytest.raises(EpochalError):
        connect(Answers(*[httpx2.Response(503)] * 9), max_retries=8).jobs.retrieve("job_1")
    assert slept == [1.25 * seconds for seconds in (0.25, 0.5, 1, 2, 4, 8, 8, 8)]


@pytest.mark.parametrize(
    ("headers", "waited"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "0"}, 0.25),
        ({"Retry-After": A_MINUTE_LATER, "Date": DATE}, 60.0),
        ({"Retry-After": DATE, "Date": A_MINUTE_LATER}, 0.25),
        ({"Retry-After": A_MINUTE_LATER}, 0.25),  # since when is not said
        ({"Retry-After": "soon", "Date": DATE}, 0.25),
        ({"Retry-After": "-3"}, 0.25),
        ({}, 0.25),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_it_waits_as_long_as_it_is_told(
    connect: Any, headers: dict[str, str], waited: float, status: int, slept: list[float]
) -> None:
    answers = Answers(problem(status, headers, code="busy"), job_body())
    connect(answers).jobs.retrieve("job_1")
    assert slept == [waited]


def test_each_wait_that_it_is_told_counts_as_a_retry(connect: Any, slept: list[float]) -> None:
    with pytest.raises(RateLimitError) as caught:
        connect(Answers(*[problem(429, {"Retry-After": "60"}, code="busy")] * 9), max_retries=2).jobs.retrieve("job_1")
    assert (caught.value.retry_after, slept) == (60.0, [60.0] * 2)


def test_who_is_told_to_wait_for_an_hour_does_not(connect: Any, slept: list[float]) -> None:
    with pytest.raises(RateLimitError) as caught:
        connect(Answers(problem(429, {"Retry-After": "3600"}, code="busy"))).jobs.retrieve("job_1")
    assert (caught.value.retry_after, slept) == (3600.0, [])


def test_a_request_that_is_being_worked_on_is_waited_for(connect: Any, slept: list[float]) -> None:
    pending = problem(409, {"Retry-After": "1"}, code="request_pending")
    answers = Answers(httpx2.ReadError("reset"), pending, pending, job_body())
    assert connect(answers).jobs.create({"dataset": "digits"}).id == "job_1"
    assert slept == [0.25, 1.0, 1.0]
    assert len(set(answers.headers("Idempotency-Key"))) == 1


def test_another_conflict_is_none(connect: Any) -> None:
    answers = Answers(problem(409, {"Retry-After": "1"}, code="job_finished"))
    with pytest.raises(ConflictError):
        connect(answers).jobs.cancel("job_1")


CREATES: list[Ask] = [
    lambda client: client.jobs.create({"dataset": "digits"}),
    lambda client: client.jobs.rerun("job_1"),
    lambda client: client.sweeps.create({"dataset": "digits"}, {"seed": [1, 2]}),
    lambda client: client.experiments.run("optimizers"),
]


@pytest.mark.parametrize("ask", CREATES)
def test_the_key_of_a_request_is_the_same_in_each_try_and_another_for_another_call(connect: Any, ask: Ask) -> None:
    answers = Answers(*[httpx2.ReadError("reset"), httpx2.Response(502), httpx2.Response(422)] * 2)
    client = connect(answers)
    for _call in range(2):
        with pytest.raises(EpochalError, match="422"):
            ask(client)
    keys = answers.headers("Idempotency-Key")
    assert keys == [keys[0]] * 3 + [keys[3]] * 3
    assert None not in keys
    assert keys[0] != keys[3]


def test_what_makes_nothing_has_no_key(connect: Any) -> None:
    answers = Answers(job_body(), httpx2.Response(422))
    client = connect(answers)
    client.jobs.cancel("job_1")
    with pytest.raises(EpochalError):
        client.jobs.dry_run({"dataset": "digits"})
    assert answers.headers("Idempotency-Key") == [None, None]


@pytest.mark.parametrize("lost", [*LOST, httpx2.Response(502)])
def test_what_was_deleted_though_the_answer_was_lost_is_deleted(connect: Any, lost: Any) -> None:
    connect(Answers(lost, problem(404, code="job_not_found"))).jobs.delete("job_1")
    for not_done in [(), (httpx2.ConnectError("refused"),), (httpx2.Response(429),)]:
        with pytest.raises(EpochalError, match="job_not_found"):
            connect(Answers(*not_done, problem(404, code="job_not_found"))).jobs.delete("job_1")


@pytest.mark.parametrize("lost", [*LOST, httpx2.Response(502)])
def test_what_was_resumed_though_the_answer_was_lost_is_resumed(connect: Any, lost: Any) -> None:
    not_paused = problem(409, code="job_not_paused")
    assert connect(Answers(lost, not_paused, job_body(status="queued"))).jobs.resume("job_1").status == "queued"
    for answers in [(not_paused,), (httpx2.Response(429), not_paused), (lost, problem(409, code="job_finished"))]:
        with pytest.raises(ConflictError):
            connect(Answers(*answers)).jobs.resume("job_1")


def test_options_of_some_requests(connect: Any, slept: list[float]) -> None:
    answers = Answers(*[httpx2.Response(503)] * 3, page(), page())
    client = connect(answers, timeout=7)
    other = client.with_options(timeout=1, max_retries=1)
    with pytest.raises(EpochalError):
        other.jobs.retrieve("job_1")
    assert len(answers.requests) == 2
    assert list(client.workers.list()) == []  # which still has its own
    assert list(other.with_options(max_retries=0).workers.list()) == []
    assert [request.extensions["timeout"]["read"] for request in answers.requests] == [1, 1, 7, 7, 1]


@pytest.mark.parametrize("options", [{"timeout": 0}, {"timeout": -1}, {"timeout": float("nan")}, {"max_retries": -1}])
def test_options_that_are_none_are_refused(connect: Any, options: dict[str, Any]) -> None:
    with pytest.raises(LocalError):
        connect(Answers(), **options)
    with pytest.raises(LocalError):
        connect(Answers()).with_options(**options)
