"""What an error says, and of which class it is."""

from __future__ import annotations

import pickle
import socket
from typing import Any

import httpx2
import pytest
from cli.samples import sample
from sdk.answers import Answers, job_body, page, problem

import epochal
from epochal import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    EpochalError,
    LocalError,
    UnexpectedAnswerError,
    types,
)
from epochal.errors import InvalidPart

KINDS = {
    400: "BadRequestError",
    401: "AuthenticationError",
    403: "PermissionDeniedError",
    404: "NotFoundError",
    409: "ConflictError",
    412: "PreconditionFailedError",
    413: "PayloadTooLargeError",
    418: "APIStatusError",
    422: "UnprocessableEntityError",
    429: "RateLimitError",
    500: "InternalServerError",
    503: "InternalServerError",
}
PARTS = [
    {"detail": "should be an object"},
    {"pointer": "#/spec/epochs", "detail": "should be at least 1"},
    {"parameter": "limit", "detail": "should be at most 100"},
    {"header": "Idempotency-Key", "detail": "too long"},
]


@pytest.mark.parametrize(("status", "name"), KINDS.items())
def test_each_status_has_its_class(connect: Any, status: int, name: str) -> None:
    answer = problem(status, {"X-Request-ID": "req_1"}, code="a_code", hint="Do this.")
    with pytest.raises(EpochalError) as caught:
        connect(Answers(answer), max_retries=0).jobs.retrieve("job_1")
    error = caught.value
    assert type(error) is getattr(epochal, name)
    assert isinstance(error, APIStatusError)
    assert (error.status_code, error.code, error.message, error.hint) == (status, "a_code", "Detail.", "Do this.")
    assert (error.request_id, error.pointer, error.errors) == ("req_1", None, ())
    assert isinstance(error.body, dict)
    assert error.body["title"] == "Title"


def test_an_error_says_where_and_what(connect: Any) -> None:
    with pytest.raises(APIStatusError) as caught:
        connect(Answers(problem(422, code="invalid_request", request_id="req_1", errors=PARTS))).jobs.create({})
    error = caught.value
    assert [part.place for part in error.errors] == ["", "#/spec/epochs", "limit", "Idempotency-Key"]
    assert (error.pointer, error.request_id) == ("#/spec/epochs", "req_1")
    assert str(error) == (
        "Detail. (invalid_request, request req_1)\n"
        "  should be an object\n"
        "  #/spec/epochs: should be at least 1\n"
        "  limit: should be at most 100\n"
        "  Idempotency-Key: too long"
    )


def test_a_single_wrong_part_is_said_once(connect: Any) -> None:
    detail = "#/spec/epochs: should be at least 1"
    parts = [{"pointer": "#/spec/epochs", "detail": "should be at least 1"}]
    with pytest.raises(APIStatusError) as caught:
        connect(Answers(problem(422, code="invalid_request", detail=detail, errors=parts))).jobs.create({})
    assert str(caught.value) == f"{detail} (invalid_request)"


@pytest.mark.parametrize("errors", ["text", {"a": 1}, ["text", None, {}], 3, None])
def test_a_problem_of_another_form_is_an_error_all_the_same(connect: Any, errors: Any) -> None:
    with pytest.raises(APIStatusError, match="a_code"):
        connect(Answers(problem(422, code="a_code", errors=errors))).jobs.create({})


def test_what_stands_in_between_answers_without_a_problem(connect: Any) -> None:
    with pytest.raises(APIStatusError) as caught:
        connect(Answers(httpx2.Response(502, text="<html>")), max_retries=0).jobs.retrieve("job_1")
    assert str(caught.value) == "http://epochal.test/v1/jobs/job_1 answered 502 Bad Gateway. (http_502)"


@pytest.mark.parametrize(
    "answer",
    [httpx2.Response(200, text="<html>"), {"id": "job_1"}, ["job_1"], httpx2.Response(200, json=None)],
    ids=["html", "lacks fields", "a list", "null"],
)
def test_another_service_is_not_taken_for_epochal(connect: Any, answer: Any) -> None:
    for ask in (lambda jobs: jobs.retrieve("job_1"), lambda jobs: list(jobs.list())):
        with pytest.raises(UnexpectedAnswerError):
            ask(connect(Answers(answer)).jobs)


def test_an_address_in_an_answer_that_is_none(connect: Any) -> None:
    rows = iter(connect(Answers(page(job_body(), following="http://a:b/")), max_retries=0).jobs.list())
    assert next(rows).id == "job_1"
    with pytest.raises(UnexpectedAnswerError, match="an address that is none"):
        next(rows)


@pytest.mark.parametrize("value", [float("nan"), {1, 2}, object()])
def test_what_json_cannot_say_is_refused_here(connect: Any, value: Any) -> None:
    answers = Answers()
    with pytest.raises(LocalError, match="JSON"):
        connect(answers).jobs.create({"dataset": "digits", "epochs": value})
    assert answers.requests == []


def test_nobody_there_is_said_with_the_address(connect: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with pytest.raises(APIConnectionError) as caught:
        connect(url=address, max_retries=0).ready()
    assert caught.value.address == address
    assert str(caught.value).startswith(f"No answer from {address}: ")


def test_ready_or_not(connect: Any) -> None:
    ready: dict[str, Any] = sample(types.Ready)
    client = connect(Answers(ready, problem(503, code="not_ready"), problem(500, code="internal_error")))
    assert client.ready() is True
    assert client.ready() is False
    with pytest.raises(EpochalError, match="internal_error"):
        client.ready()


REST: dict[str, Any] = {"code": "c", "hint": "h", "errors": [InvalidPart("#/a", "d")], "request_id": "r"}
REST |= {"retry_after": 1.5, "body": {"a": 1}}
EVERY = [
    APIConnectionError("http://u:secret@a.test", "refused"),
    APITimeoutError("http://a.test", "slow"),
    epochal.StreamNotAvailableError("no"),
    UnexpectedAnswerError("no"),
    epochal.WebhookVerificationError("no"),
    epochal.DatasetFailedError("none", code="dataset_invalid", hint="Look."),
    LocalError("none", code="invalid_request", hint="Look."),
    *[getattr(epochal, name)("m", status_code=status, **REST) for status, name in KINDS.items()],
]


@pytest.mark.parametrize("error", EVERY, ids=lambda error: type(error).__name__)
def test_an_error_survives_its_way_to_another_process(error: EpochalError) -> None:
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        other = pickle.loads(pickle.dumps(error, protocol))
        assert (type(other), str(other), vars(other)) == (type(error), str(error), vars(error))
        assert (other.args, getattr(other, "pointer", None)) == (error.args, getattr(error, "pointer", None))


def test_every_class_of_errors_was_tried() -> None:
    named = {getattr(epochal, name) for name in epochal.__all__ if name.endswith("Error")}
    assert named - {EpochalError} == {type(error) for error in EVERY}
