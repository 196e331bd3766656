"""Keys, refusals and patience."""

import logging
import traceback
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from old_client import (
    Client,
    EpochalError,
    EpochalForbidden,
    EpochalKeyRefused,
    EpochalTooManyRequests,
    EpochalUnreachable,
)
from tests.client.answers import Answers, page, problem

Body = Callable[..., dict[str, Any]]

KEY = "epochal_01kasm2pbk5s9d0w3g6vq8zrhf.c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"


@pytest.fixture(autouse=True)
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """For how long somebody would have waited."""
    seconds: list[float] = []
    monkeypatch.setattr("time.sleep", seconds.append)
    return seconds


def test_the_key_is_shown_with_every_request(job_body: Body) -> None:
    answers = Answers(job_body(), job_body(), httpx2.Response(204), page())
    epochal = answers.client(KEY)
    epochal.job("job_1")
    epochal.submit({"dataset": "digits"})
    epochal.delete("job_1")
    epochal.workers()
    assert [request.headers["Authorization"] for request in answers.requests] == [f"Bearer {KEY}"] * 4


def test_address_and_key_of_the_environment(monkeypatch: pytest.MonkeyPatch, job_body: Body) -> None:
    monkeypatch.setenv("EPOCHAL_URL", "https://epochal.example/")
    monkeypatch.setenv("EPOCHAL_API_KEY", f"{KEY}\n")
    seen: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return httpx2.Response(200, json=job_body())

    transport = httpx2.MockTransport(answer)
    Client(transport=transport).job("job_1")
    Client("http://other.test", "epochal_other.x", transport=transport).job("job_1")
    assert [str(request.url) for request in seen] == [
        "https://epochal.example/v1/jobs/job_1",
        "http://other.test/v1/jobs/job_1",
    ]
    assert [request.headers["Authorization"] for request in seen] == [f"Bearer {KEY}", "Bearer epochal_other.x"]
    monkeypatch.setenv("EPOCHAL_URL", "")
    monkeypatch.setenv("EPOCHAL_API_KEY", "")
    default = Client(transport=transport)
    default.job("job_1")
    assert default.base_url == "http://127.0.0.1:8000"
    assert "Authorization" not in seen[-1].headers


@pytest.mark.parametrize("elsewhere", ["http://other.test/v1/workers", "https://epochal.test/v1/workers"])
def test_the_key_goes_nowhere_else(elsewhere: str) -> None:
    answers = Answers(page(has_more=True, following=elsewhere), page())
    assert answers.client(KEY).workers() == []
    assert ["Authorization" in request.headers for request in answers.requests] == [True, False]


def test_the_key_is_in_no_text(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    answers = [problem(401, code="key_invalid"), httpx2.ReadTimeout("slow"), httpx2.Response(200, text="<html>")]
    epochal = Answers(*answers).client(KEY)
    said = [repr(epochal), str(epochal), repr(vars(epochal)), repr(epochal.keys)]
    for _answer in answers:
        with pytest.raises(EpochalError) as caught:
            epochal.job("job_1")
        said += ["".join(traceback.format_exception(caught.value)), repr(caught.value), repr(vars(caught.value))]
    secret = KEY.partition(".")[2]
    assert not [text for text in [*said, caplog.text] if secret in text]


@pytest.mark.parametrize("wrong", ["epochal_x.s3cret\nX-Other: 1", "epochal_x.s3crét", "epochal x.s3cret"])
def test_what_is_no_header_is_no_key(wrong: str) -> None:
    with pytest.raises(EpochalKeyRefused) as caught:
        Client("http://epochal.test", wrong)
    assert caught.value.code == "key_malformed"
    assert "s3cr" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (401, "key_missing", EpochalKeyRefused),
        (403, "scope_missing", EpochalForbidden),
        (403, "quota_exceeded", EpochalForbidden),
        (404, "job_not_found", EpochalError),
    ],
)
def test_a_refusal_has_its_kind(status: int, code: str, kind: type[EpochalError]) -> None:
    with pytest.raises(EpochalError) as caught:
        Answers(problem(status, code=code)).client().cancel("job_1")
    assert (type(caught.value), caught.value.code, caught.value.status) == (kind, code, status)


def test_who_has_no_key_hears_where_to_put_one() -> None:
    with pytest.raises(EpochalKeyRefused, match="api_key, or set EPOCHAL_API_KEY"):
        Answers(problem(401, code="key_missing")).client().workers()


@pytest.mark.parametrize("ask", [lambda epochal: epochal.job("job_1"), lambda epochal: epochal.cancel("job_1")])
def test_over_the_rate_limit_it_waits_as_long_as_it_is_told(
    ask: Callable[[Client], Any], slept: list[float], job_body: Body
) -> None:
    """Whatever was asked: nothing of it has happened."""
    over = problem(429, {"Retry-After": "7"}, code="too_many_requests")
    answers = Answers(over, over, job_body())
    assert ask(answers.client()).id == "job_1"
    assert (len(answers.requests), slept) == (3, [7.0, 7.0])


def test_in_the_end_the_rate_limit_is_an_error(slept: list[float]) -> None:
    with pytest.raises(EpochalTooManyRequests) as caught:
        Answers(*[problem(429, {"Retry-After": "60"}, code="too_many_requests")] * 5).client().workers()
    assert (caught.value.retry_after_seconds, slept) == (60.0, [60.0] * 4)


def test_who_is_told_to_wait_for_an_hour_does_not(slept: list[float]) -> None:
    with pytest.raises(EpochalTooManyRequests):
        Answers(problem(429, {"Retry-After": "3600"}, code="too_many_requests")).client().workers()
    assert slept == []


@pytest.mark.parametrize(
    ("said", "waited"), [("5", 5.0), ("0", 0.2), ("Wed, 25 Nov 2026 02:00:00 GMT", 0.2), ("", 0.2)]
)
def test_a_service_without_its_database_is_asked_again(
    said: str, waited: float, slept: list[float], job_body: Body
) -> None:
    answers = Answers(problem(503, {"Retry-After": said}, code="database_unavailable"), job_body())
    assert answers.client().job("job_1").id == "job_1"
    assert slept == [waited]


def test_what_changes_something_is_not_sent_again_to_a_service_that_may_have_done_it() -> None:
    answers = Answers(problem(503, {"Retry-After": "5"}, code="database_unavailable"))
    with pytest.raises(EpochalError, match="database_unavailable"):
        answers.client().keys.create("notebook", ["train"])
    assert len(answers.requests) == 1


@pytest.mark.parametrize("character", ["#", "/", "?", "@", ":", " ", "%zz", "\n", "%23", ""])
def test_no_piece_of_a_password_in_the_address_is_shown(character: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EPOCHAL_URL", f"http://u:hunter2{character}zebra@127.0.0.1:1")
    monkeypatch.setattr("old_client.connection.RETRY_AFTER_SECONDS", ())
    with pytest.raises(EpochalUnreachable) as raised, Client() as epochal:
        epochal.job("job_1")
    for said in (str(raised.value), raised.value.address):
        assert "hunter2" not in said
        assert "zebra" not in said
        assert "127.0.0.1:1" in said
    assert raised.value.__cause__ is None or "hunter2" not in str(raised.value.__cause__)


@pytest.mark.parametrize("proxy", ["http://u:hunter2#x@proxy:1", "http://u:hunter2/x@proxy:1", "foo://u:hunter2@p:1"])
def test_no_piece_of_a_proxy_s_password_is_shown(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy)
    with pytest.raises(EpochalUnreachable, match="HTTP_PROXY") as raised:
        Client("http://epochal.test")
    assert "hunter2" not in "".join(traceback.format_exception(raised.value))


def test_an_answer_without_a_problem_shows_no_password() -> None:
    answers = Answers(httpx2.Response(502))
    with pytest.raises(EpochalError) as raised:
        answers.client(url="http://u:hunter2@epochal.test").keys.create("notebook", ["train"])
    assert "hunter2" not in str(raised.value)


def test_an_address_that_is_none_is_an_answer_that_does_not_come() -> None:
    with pytest.raises(EpochalUnreachable, match=r"No answer from http://\[::1: "):
        Client("http://[::1")
