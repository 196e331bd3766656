"""The SDK against answers as the API gives them."""

import json
import math
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from datetime import UTC, datetime
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest

import client.records
from api import schemas
from client import Client, EpochalError, EpochalUnreachable, Failure
from training.metrics import RunFacts, StepChoice, StepTiming

Body = Callable[..., dict[str, Any]]


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("client.api.RETRY_AFTER_SECONDS", (0.0, 0.0))


class Answers:
    """A transport that gives these answers, in order, and keeps the requests. An exception is raised instead."""

    def __init__(self, *answers: Any) -> None:
        self.requests: list[httpx2.Request] = []
        self._answers = iter(answers)

    def client(self) -> Client:
        return Client("http://epochal.test", transport=httpx2.MockTransport(self._handle))

    def asked(self) -> list[str]:
        return [f"{request.method} {request.url.raw_path.decode()}" for request in self.requests]

    def _handle(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        answer = next(self._answers)
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, httpx2.Response) else httpx2.Response(200, json=answer)


def page(*rows: dict[str, Any], has_more: bool = False, following: str | None = None) -> dict[str, Any]:
    return {"data": list(rows), "has_more": has_more, "next": following}


def problem(status: int, **members: Any) -> httpx2.Response:
    body = {"type": "/problems#x", "title": "Title", "status": status, "detail": "Detail.", **members}
    return httpx2.Response(status, headers={"Content-Type": "application/problem+json"}, content=json.dumps(body))


def test_a_submission_says_what_was_asked_for(job_body: Body) -> None:
    answers = Answers(httpx2.Response(201, json=job_body(name="first", tags=["lab"])))
    job = answers.client().submit({"dataset": "digits"}, name="first", tags=("lab",))
    assert answers.asked() == ["POST /v1/jobs"]
    assert json.loads(answers.requests[0].content) == {
        "spec": {"dataset": "digits"},
        "name": "first",
        "tags": ["lab"],
    }
    assert (job.id, job.name, job.tags, job.finished) == ("job_1", "first", ("lab",), False)


def test_a_job_is_read_with_all_its_parts(job_body: Body, attempt_body: Body, epoch_body: Body) -> None:
    error = {"code": "diverged", "message": "The loss is NaN.", "hint": "Lower it.", "retryable": False, "attempt": 1}
    body = job_body(status="failed", attempts=[attempt_body()], latest=epoch_body(2), best=epoch_body(1), error=error)
    job = Answers(body).client().job("job_1")
    assert job.finished
    assert job.created_at == datetime(2026, 11, 23, 10, tzinfo=UTC)
    assert [attempt.facts and attempt.facts.parameters for attempt in job.attempts] == [269_434]
    assert (job.latest and job.latest.epoch, job.best and job.best.epoch) == (2, 1)
    assert job.error == Failure("diverged", "The loss is NaN.", "Lower it.", retryable=False, attempt=1)


def test_a_newer_service_may_say_more_and_an_older_one_less(job_body: Body) -> None:
    body = job_body(colour=9)
    body["progress"]["eta_spread"] = 1
    for name in ("queue", "best", "priority", "max_retries", "accelerator", "weights"):
        del body[name]
    job = Answers(body).client().job("job_1")
    assert (job.queue, job.best, job.priority, job.weights) == (None, None, None, None)


def test_the_best_epoch_and_the_facts_of_a_newer_and_of_an_older_service(
    job_body: Body, attempt_body: Body, epoch_body: Body
) -> None:
    attempt = attempt_body()
    attempt["facts"] = attempt["facts"] | {
        "probed": [{"choice": attempt["facts"]["step"], "images_per_second": 900.0}],
        "devices": 2,
    }
    best = epoch_body(1, validation_accuracy=0.9) | {"chosen_on": "validation"}
    job = Answers(job_body(status="running", attempts=[attempt], best=best)).client().job("job_1")
    assert (job.best and job.best.chosen_on, job.best and job.best.validation_accuracy) == ("validation", 0.9)
    facts = job.attempts[0].facts
    assert facts
    assert facts.probed
    assert (facts.devices, facts.probed[0].choice, facts.probed[0].images_per_second) == (2, facts.step, 900.0)

    for name in ("validation_loss", "validation_accuracy", "chosen_on"):
        del best[name]
    for name in ("probed", "step", "devices"):
        del attempt["facts"][name]
    job = Answers(job_body(status="running", attempts=[attempt], best=best)).client().job("job_1")
    assert (job.best and job.best.chosen_on, job.best and job.best.validation_accuracy) == (None, None)
    assert job.attempts[0].facts
    assert (job.attempts[0].facts.step, job.attempts[0].facts.devices) == (None, None)


def test_an_epoch_that_was_not_evaluated(epoch_body: Body) -> None:
    [epoch] = Answers(page(epoch_body(test_loss=None, test_accuracy=None))).client().metrics("job_1")
    assert (epoch.test_loss, epoch.test_accuracy, epoch.train_loss) == (None, None, 0.5)


def test_numbers_that_json_lacks_become_floats(epoch_body: Body) -> None:
    row = epoch_body(train_loss="NaN", test_loss="Infinity", learning_rate="-Infinity")
    [epoch] = Answers(page(row)).client().metrics("job_1")
    assert math.isnan(epoch.train_loss)
    assert (epoch.test_loss, epoch.learning_rate) == (math.inf, -math.inf)


def test_pages_are_followed_by_path_and_by_url(epoch_body: Body) -> None:
    answers = Answers(
        page(epoch_body(4), has_more=True, following="/v1/jobs/job_1/metrics?after_epoch=4&limit=1"),
        page(epoch_body(5), has_more=True, following="http://epochal.test/v1/jobs/job_1/metrics?after_epoch=5&limit=1"),
        # `next` is where the epochs to come will be; nothing is there yet.
        page(epoch_body(6), following="/v1/jobs/job_1/metrics?after_epoch=6&limit=1"),
    )
    rows = answers.client().metrics("job_1", after_epoch=3)
    assert [row.epoch for row in rows] == [4, 5, 6]
    assert answers.asked() == [
        "GET /v1/jobs/job_1/metrics?after_epoch=3",
        "GET /v1/jobs/job_1/metrics?after_epoch=4&limit=1",
        "GET /v1/jobs/job_1/metrics?after_epoch=5&limit=1",
    ]


def test_jobs_are_fetched_as_they_are_looked_at(job_body: Body) -> None:
    answers = Answers(
        page(job_body(id="job_2"), has_more=True, following="/v1/jobs?after=job_2"), page(job_body(id="job_1"))
    )
    jobs = answers.client().jobs(status=["queued", "running"])
    assert next(jobs).id == "job_2"
    assert answers.asked() == ["GET /v1/jobs?status=queued&status=running"]
    assert [job.id for job in jobs] == ["job_1"]


@pytest.mark.parametrize(("status", "query"), [("failed", "?status=failed"), ((), "")])
def test_jobs_of_one_status_or_of_all(status: str | tuple[()], query: str) -> None:
    answers = Answers(page())
    assert list(answers.client().jobs(status)) == []
    assert answers.asked() == [f"GET /v1/jobs{query}"]


def test_steps_behind_a_step(job_body: Body) -> None:
    step = {"epoch": 2, "step": 20, "loss": 1.5, "learning_rate": 0.1, "attempt": 1, "recorded_at": "2026-11-23T10:00Z"}
    answers = Answers(page(step), page())
    epochal = answers.client()
    assert [(row.epoch, row.step, row.loss) for row in epochal.steps("job_1", 2, 10)] == [(2, 20, 1.5)]
    epochal.steps("job_1", 2)
    assert answers.asked() == [
        "GET /v1/jobs/job_1/steps?after_epoch=2&after_step=10",
        "GET /v1/jobs/job_1/steps?after_epoch=2",
    ]


def test_the_other_operations(job_body: Body) -> None:
    worker = {
        "id": "worker_a",
        "slots": 1,
        "devices": ["cpu"],
        "torch_version": "2.15.0",
        "started_at": "2026-11-23T10:00:00Z",
        "seen_at": "2026-11-23T10:00:05Z",
    }
    answers = Answers(
        job_body(status="cancelled"),
        httpx2.Response(200, text="Test Accuracy: 9.78%\n"),
        httpx2.Response(200, content=b"<svg/>"),
        httpx2.Response(200, content=b"\x89PNG"),
        page(worker),
    )
    epochal = answers.client()
    assert epochal.cancel("job_1").status == "cancelled"
    assert epochal.log("job_1") == "Test Accuracy: 9.78%\n"
    assert epochal.curves("job_1") == b"<svg/>"
    assert epochal.curves("job_1", "png") == b"\x89PNG"
    assert [worker.devices for worker in epochal.workers()] == [("cpu",)]
    assert answers.asked() == [
        "POST /v1/jobs/job_1/cancel",
        "GET /v1/jobs/job_1/log",
        "GET /v1/jobs/job_1/curves.svg",
        "GET /v1/jobs/job_1/curves.png",
        "GET /v1/workers",
    ]


def test_waiting_ends_with_the_job(job_body: Body) -> None:
    answers = Answers(job_body(), job_body(status="running"), job_body(status="stopped"))
    assert answers.client().wait("job_1", poll_seconds=0).status == "stopped"
    assert len(answers.requests) == 3


def test_ready_or_not() -> None:
    epochal = Answers({"status": "ready"}, problem(503, code="not_ready"), problem(500, code="internal_error")).client()
    assert epochal.ready() is True
    assert epochal.ready() is False
    with pytest.raises(EpochalError, match="internal_error"):
        epochal.ready()


def test_a_refusal_says_where_and_what() -> None:
    errors = [
        {"pointer": "#/spec/epochs", "detail": "should be at least 1"},
        {"parameter": "limit", "detail": "should be at most 100"},
        {"detail": "should be an object"},
    ]
    refused = problem(422, code="invalid_request", request_id="req_1", errors=errors)
    with pytest.raises(EpochalError) as caught:
        Answers(refused).client().submit({})
    error = caught.value
    assert (error.code, error.status, error.detail, error.request_id) == ("invalid_request", 422, "Detail.", "req_1")
    assert [part.place for part in error.errors] == ["#/spec/epochs", "limit", ""]
    assert str(error) == (
        "Detail. (invalid_request, request req_1)\n"
        "  #/spec/epochs: should be at least 1\n"
        "  limit: should be at most 100\n"
        "  should be an object"
    )


def test_what_stands_in_between_answers_without_a_problem() -> None:
    with pytest.raises(EpochalError) as caught:
        Answers(httpx2.Response(502, text="<html>")).client().job("job_1")
    assert str(caught.value) == "http://epochal.test/v1/jobs/job_1 answered 502 Bad Gateway. (http_502)"


@pytest.mark.parametrize(
    "answer",
    [httpx2.Response(200, text="<html>"), {"id": "job_1"}, ["job_1"], httpx2.Response(200, json=None)],
    ids=["html", "lacks fields", "a list", "null"],
)
def test_another_service_is_not_taken_for_epochal(answer: Any) -> None:
    with pytest.raises(EpochalError) as caught:
        Answers(answer).client().job("job_1")
    assert caught.value.code == "unexpected_answer"


def test_a_field_that_does_not_fit_is_named(job_body: Body) -> None:
    body = job_body()
    body["progress"]["percent"] = "half"
    with pytest.raises(EpochalError, match=r"Job\.progress: Progress\.percent: could not convert"):
        Answers(body).client().job("job_1")


def test_a_read_is_tried_again(job_body: Body) -> None:
    answers = Answers(httpx2.ConnectError("refused"), httpx2.RemoteProtocolError("closed"), job_body())
    assert answers.client().job("job_1").id == "job_1"


def test_a_submission_is_tried_again_under_its_key(job_body: Body) -> None:
    answers = Answers(
        httpx2.ReadError("reset"), httpx2.Response(503, text="<html>"), httpx2.Response(201, json=job_body())
    )
    epochal = answers.client()
    assert epochal.submit({"dataset": "digits"}).id == "job_1"
    keys = {request.headers["Idempotency-Key"] for request in answers.requests}
    assert (len(answers.requests), len(keys)) == (3, 1)
    assert len({request.content for request in answers.requests}) == 1


@pytest.mark.parametrize(
    ("last", "code"),
    [
        (httpx2.ReadTimeout("slow"), "unreachable"),
        (problem(503, code="database_unavailable"), "database_unavailable"),
        (httpx2.Response(502), "http_502"),
    ],
)
def test_a_submission_is_given_up_after_a_few_tries(last: Any, code: str) -> None:
    answers = Answers(*[last] * 3)
    with pytest.raises(EpochalError) as caught:
        answers.client().submit({"dataset": "digits"})
    assert (caught.value.code, len(answers.requests)) == (code, 3)


@pytest.mark.parametrize("status", [422, 500])
def test_what_will_be_refused_again_is_not_sent_again(status: int) -> None:
    answers = Answers(problem(status, code="x"))
    with pytest.raises(EpochalError):
        answers.client().submit({"dataset": "digits"})
    assert len(answers.requests) == 1


def test_every_submission_has_a_key_of_its_own(job_body: Body) -> None:
    answers = Answers(job_body(), job_body(), job_body())
    epochal = answers.client()
    epochal.submit({"dataset": "digits"}, priority=9, max_retries=0, accelerator="H100")
    epochal.submit({"dataset": "digits"})
    epochal.rerun("job_1", spec={"epochs": 2}, name=None)
    assert len({request.headers["Idempotency-Key"] for request in answers.requests}) == 3
    bodies = [json.loads(request.content) for request in answers.requests]
    assert bodies[0] == bodies[1] | {"priority": 9, "max_retries": 0, "accelerator": "H100"}
    assert bodies[2] == {"spec": {"epochs": 2}, "name": None}
    assert answers.asked()[2] == "POST /v1/jobs/job_1/rerun"


@pytest.mark.parametrize("verb", ["cancel", "stop", "pause", "resume"])
def test_what_is_asked_of_a_job_is_sent_once(job_body: Body, verb: str) -> None:
    answers = Answers(httpx2.Response(202, json=job_body(requested=verb)), httpx2.ReadError("reset"))
    ask = getattr(answers.client(), verb)
    assert ask("job_1").requested == verb
    assert answers.asked() == [f"POST /v1/jobs/job_1/{verb}"]
    with pytest.raises(EpochalUnreachable):
        ask("job_1")


def weights_answer(content: bytes, digest: str | None = None) -> httpx2.Response:
    tag = digest or sha256(content).hexdigest()
    return httpx2.Response(200, content=content, headers={"ETag": f'"{tag}"'})


def test_weights_are_saved(tmp_path: Path) -> None:
    answers = Answers(weights_answer(b"the weights"))
    path = answers.client().download_weights("job_1", tmp_path / "weights.safetensors")
    assert path.read_bytes() == b"the weights"
    assert answers.asked() == ["GET /v1/jobs/job_1/weights"]
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (weights_answer(b"half", "0" * 64), "damaged_download"),
        (problem(404, code="weights_not_found"), "weights_not_found"),
        (httpx2.ReadError("reset"), "unreachable"),
    ],
)
def test_weights_that_do_not_come_leave_what_was_there(tmp_path: Path, answer: Any, code: str) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(b"older")
    with pytest.raises(EpochalError) as caught:
        Answers(answer).client().download_weights("job_1", path)
    assert caught.value.code == code
    assert {file: file.read_bytes() for file in tmp_path.iterdir()} == {path: b"older"}


def test_checkpoints_and_the_queue(epoch_body: Body) -> None:
    checkpoint = {
        "name": "attempt-0001/epoch-0001-step-000000.safetensors",
        "attempt": 1,
        "epoch": 1,
        "step": 0,
        "size_bytes": 10,
        "sha256": "ab",
        "created_at": "2026-11-23T10:00:00Z",
        "metrics": epoch_body(0),
        "usable": True,
        "download": "/v1/jobs/job_1/checkpoints/x",
    }
    queued = {
        "job_id": "job_1",
        "name": None,
        "priority": 5,
        "devices": 1,
        "accelerator": None,
        "requested": None,
        "queued_at": "2026-11-23T10:00:00Z",
        "position": 1,
        "code": "no_worker",
        "reason": "No worker is connected.",
    }
    answers = Answers(page(checkpoint), page(queued, has_more=True, following="/v1/queue?after=job_1"), page(queued))
    epochal = answers.client()
    [found] = epochal.checkpoints("job_1")
    assert (found.epoch, found.metrics and found.metrics.epoch, found.usable) == (1, 0, True)
    assert [row.code for row in epochal.queue()] == ["no_worker"] * 2
    assert answers.asked() == ["GET /v1/jobs/job_1/checkpoints", "GET /v1/queue", "GET /v1/queue?after=job_1"]


def test_a_wrong_header_is_named() -> None:
    refused = problem(422, code="invalid_request", errors=[{"header": "Idempotency-Key", "detail": "too long"}])
    with pytest.raises(EpochalError, match="Idempotency-Key: too long"):
        Answers(refused).client().submit({})


def test_nobody_there_is_said_with_the_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with pytest.raises(EpochalUnreachable) as caught, Client(address) as epochal:
        epochal.ready()
    assert caught.value.address == address
    assert str(caught.value).startswith(f"No answer from {address}: ")
    assert not str(caught.value).endswith("(unreachable)")


def test_an_id_is_one_part_of_the_path(job_body: Body) -> None:
    answers = Answers(job_body())
    answers.client().job("../workers?a=b")
    assert answers.asked() == ["GET /v1/jobs/..%2Fworkers%3Fa%3Db"]


@contextmanager
def ready_service() -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_arguments: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_a_proxy_is_not_asked_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "")
    with ready_service() as address, Client(address) as epochal:
        assert epochal.ready()


@pytest.mark.parametrize(
    ("record", "schema"),
    [
        (client.records.Job, schemas.Job),
        (client.records.Progress, schemas.Progress),
        (client.records.QueuePlace, schemas.QueuePlace),
        (client.records.EpochRow, schemas.EpochRow),
        (client.records.BestEpoch, schemas.BestEpoch),
        (client.records.StepRow, schemas.StepRow),
        (client.records.Attempt, schemas.Attempt),
        (client.records.RunFacts, RunFacts),
        (client.records.StepChoice, StepChoice),
        (client.records.StepTiming, StepTiming),
        (client.records.Failure, schemas.JobError),
        (client.records.Worker, schemas.Worker),
        (client.records.Weights, schemas.Weights),
        (client.records.Checkpoint, schemas.Checkpoint),
        (client.records.QueuedJob, schemas.QueuedJob),
        (client.records.Page, schemas.Page),
    ],
)
def test_the_api_has_every_field_that_is_read(record: Any, schema: Any) -> None:
    assert {field.name for field in fields(record)} <= set(schema.model_fields)
