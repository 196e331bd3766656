"""Where requests go, and who learns the key."""

from __future__ import annotations

import logging
import traceback
from typing import Any

import httpx2
import pytest
from sdk.answers import Answers, job_body, page, problem

from epochal import APIStatusError, AuthenticationError, EpochalError, LocalError

KEY = "epochal_01kasm2pbk5s9d0w3g6vq8zrhf.c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"
SECRET = KEY.partition(".")[2]
FIRST, SECOND = "hunter2", "zebra"  # two pieces of a password


def test_the_key_is_shown_with_every_request(connect: Any) -> None:
    answers = Answers(job_body(), job_body(), httpx2.Response(204), page())
    client = connect(answers, KEY)
    client.jobs.retrieve("job_1")
    client.jobs.create({"dataset": "digits"})
    client.jobs.delete("job_1")
    list(client.workers.list())
    assert answers.headers("Authorization") == [f"Bearer {KEY}"] * 4


def test_address_and_key_of_the_environment(connect: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EPOCHAL_URL", "https://epochal.example/")
    monkeypatch.setenv("EPOCHAL_API_KEY", f"{KEY}\n")
    answers = Answers(*[job_body()] * 3)
    connect(answers, url=None).jobs.retrieve("job_1")
    connect(answers, "epochal_other.x", url="http://other.test/below").jobs.retrieve("job_1")
    monkeypatch.setenv("EPOCHAL_URL", "")
    monkeypatch.setenv("EPOCHAL_API_KEY", "")
    default = connect(answers, url=None)
    default.jobs.retrieve("job_1")
    assert default.base_url == "http://127.0.0.1:8000"
    assert [str(request.url) for request in answers.requests] == [
        "https://epochal.example/v1/jobs/job_1",
        "http://other.test/below/v1/jobs/job_1",
        "http://127.0.0.1:8000/v1/jobs/job_1",
    ]
    assert answers.headers("Authorization") == [f"Bearer {KEY}", "Bearer epochal_other.x", None]


@pytest.mark.parametrize(
    "elsewhere", ["http://other.test/v1/workers", "https://epochal.test/v1/workers", "http://epochal.test:8080/v1/jobs"]
)
@pytest.mark.parametrize("login", ["", "u:hunter2@"])
def test_the_key_goes_nowhere_else(connect: Any, elsewhere: str, login: str) -> None:
    answers = Answers(page(following=elsewhere), page())
    client = connect(answers, None if login else KEY, url=f"http://{login}epochal.test")
    assert list(client.workers.list()) == []
    assert [header is not None for header in answers.headers("Authorization")] == [True, False]


def test_a_redirection_is_not_followed(connect: Any) -> None:
    """The key, and what is submitted, are for one service."""
    answers = Answers(httpx2.Response(307, headers={"Location": "http://other.test/v1/jobs"}))
    with pytest.raises(APIStatusError) as caught:
        connect(answers, KEY).jobs.create({"dataset": "digits"})
    assert (caught.value.status_code, len(answers.requests)) == (307, 1)


def test_the_key_is_in_no_text(connect: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    wrong = [problem(401, code="key_invalid"), httpx2.ReadTimeout("slow"), httpx2.Response(200, text="<html>")]
    client = connect(Answers(*wrong), KEY, max_retries=0)
    said = [repr(client), repr(vars(client)), repr(client.keys), repr(vars(client.keys))]
    for _answer in wrong:
        with pytest.raises(EpochalError) as caught:
            client.jobs.retrieve("job_1")
        said += ["".join(traceback.format_exception(caught.value)), repr(caught.value), repr(vars(caught.value))]
    assert "epochal.test" in caplog.text
    assert not [text for text in [*said, caplog.text] if SECRET in text]


@pytest.mark.parametrize("wrong", ["epochal_x.s3cret\nX-Other: 1", "epochal_x.s3crét", "epochal x.s3cret"])
def test_what_is_no_header_is_no_key(connect: Any, wrong: str) -> None:
    with pytest.raises(AuthenticationError) as caught:
        connect(Answers(), wrong)
    assert caught.value.code == "key_malformed"
    assert "s3cr" not in "".join(traceback.format_exception(caught.value))


def test_who_has_no_key_hears_where_to_put_one(connect: Any) -> None:
    with pytest.raises(AuthenticationError, match="api_key, set EPOCHAL_API_KEY"):
        connect(Answers(problem(401, code="key_missing"))).jobs.retrieve("job_1")


@pytest.mark.parametrize("character", ["#", "/", "?", "@", ":", " ", "%zz", "\n", "%23", ""])
@pytest.mark.parametrize("start", [FIRST, "12"])  # the second one may be read as a port
def test_no_piece_of_a_password_in_the_address_is_shown(
    connect: Any, character: str, start: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    said = []
    with pytest.raises(EpochalError) as raised:
        answers = Answers(httpx2.ConnectError("refused"), httpx2.Response(502))
        client = connect(answers, url=f"http://u:{start}{character}{SECOND}@127.0.0.1:1", max_retries=1)
        said += [repr(client), client.base_url]
        client.jobs.retrieve("job_1")
    said += ["".join(traceback.format_exception(raised.value)), caplog.text]
    assert not [text for text in said if SECOND in text or FIRST in text or ":12" in text]
    assert "127.0.0.1:1" in str(raised.value)


def test_a_user_and_a_password_of_the_address_are_sent(connect: Any) -> None:
    answers = Answers(job_body(), job_body())
    connect(answers, url="http://u:p%40ss@epochal.test").jobs.retrieve("job_1")
    connect(answers, KEY, url="http://u:p%40ss@epochal.test").jobs.retrieve("job_1")
    assert answers.headers("Authorization") == ["Basic dTpwQHNz", f"Bearer {KEY}"]


@pytest.mark.parametrize(
    "proxy", [f"http://u:{FIRST}#x@proxy:1", f"http://u:{FIRST}/x@proxy:1", f"foo://u:{FIRST}@p:1"]
)
def test_no_piece_of_a_proxy_s_password_is_shown(connect: Any, proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy)
    with pytest.raises(LocalError, match="HTTP_PROXY") as raised:
        connect()
    assert FIRST not in "".join(traceback.format_exception(raised.value))


@pytest.mark.parametrize("wrong", ["http://[::1", "ftp://epochal.test", "epochal.test", "http://", "http://a.test/?b"])
def test_what_is_no_address_is_refused(connect: Any, wrong: str) -> None:
    with pytest.raises(LocalError) as raised:
        connect(Answers(), url=wrong)
    assert raised.value.code == "address_invalid"


def test_an_id_is_one_part_of_the_path(connect: Any) -> None:
    answers = Answers(job_body())
    client = connect(answers)
    client.jobs.retrieve("../workers?a=b")
    assert answers.asked() == ["GET /v1/jobs/..%2Fworkers%3Fa%3Db"]
    for none in ("", ".", ".."):
        with pytest.raises(LocalError):
            client.jobs.retrieve(none)


def test_addresses_of_answers_may_have_the_path_of_a_proxy_in_front(connect: Any) -> None:
    answers = Answers(page(job_body("job_2"), following="/lab/v1/jobs?after=job_2"), page(job_body("job_1")))
    client = connect(answers, url="http://epochal.test/lab")
    assert [job.id for job in client.jobs.list()] == ["job_2", "job_1"]
    assert answers.asked() == ["GET /lab/v1/jobs", "GET /lab/v1/jobs?after=job_2"]
