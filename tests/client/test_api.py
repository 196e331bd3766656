"""The SDK against answers as the API gives them."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest

from old_client import Client, EpochalError, EpochalUnreachable
from tests.client.answers import Answers, no_such_route, page, problem

Body = Callable[..., dict[str, Any]]


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("old_client.connection.RETRY_AFTER_SECONDS", (0.0, 0.0))


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


def test_jobs_are_filtered_and_sorted() -> None:
    answers = Answers(page())
    jobs = answers.client().jobs(
        ("failed", "stopped"),
        dataset="digits",
        architecture="resnet20",
        tags=["lab", "a b"],
        name="first",
        created_after=datetime(2026, 11, 1, tzinfo=timezone(timedelta(hours=1))),
        created_before=datetime(2026, 12, 1, tzinfo=UTC),
        sort="-best_accuracy",
        page_size=100,
    )
    assert list(jobs) == []
    assert answers.requests[0].url.params.multi_items() == [
        ("status", "failed"),
        ("status", "stopped"),
        ("dataset", "digits"),
        ("architecture", "resnet20"),
        ("tag", "lab"),
        ("tag", "a b"),
        ("name", "first"),
        ("created_after", "2026-11-01T00:00:00+01:00"),
        ("created_before", "2026-12-01T00:00:00+00:00"),
        ("sort", "-best_accuracy"),
        ("limit", "100"),
    ]


def test_only_points_of_a_curve() -> None:
    answers = Answers(page(), page())
    answers.client().metrics("job_1", max_points=500)
    answers.client().steps("job_1", max_points=200)
    assert answers.asked() == [
        "GET /v1/jobs/job_1/metrics?after_epoch=-1&max_points=500",
        "GET /v1/jobs/job_1/steps?after_epoch=-1&max_points=200",
    ]


def test_labels_are_changed_and_jobs_deleted(job_body: Body) -> None:
    answers = Answers(job_body(tags=["report"], description="The best."), httpx2.Response(204))
    epochal = answers.client()
    assert epochal.change("job_1", tags=["report"], name=None, description="The best.").description == "The best."
    epochal.delete("job_1")
    assert answers.asked() == ["PATCH /v1/jobs/job_1", "DELETE /v1/jobs/job_1"]
    assert answers.bodies()[0] == {"tags": ["report"], "name": None, "description": "The best."}


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
        httpx2.Response(200, text="# one\n"),
        page(worker),
    )
    epochal = answers.client()
    assert epochal.cancel("job_1").status == "cancelled"
    assert epochal.log("job_1") == "Test Accuracy: 9.78%\n"
    assert epochal.curves("job_1") == b"<svg/>"
    assert epochal.curves("job_1", "png") == b"\x89PNG"
    assert epochal.report("job_1", "md") == "# one\n"
    assert [worker.devices for worker in epochal.workers()] == [("cpu",)]
    assert answers.asked() == [
        "POST /v1/jobs/job_1/cancel",
        "GET /v1/jobs/job_1/log",
        "GET /v1/jobs/job_1/curves.svg",
        "GET /v1/jobs/job_1/curves.png",
        "GET /v1/jobs/job_1/report?format=md",
        "GET /v1/workers",
    ]


def test_waiting_ends_with_the_job(job_body: Body) -> None:
    """Of an older service, which has no stream."""
    answers = Answers(no_such_route(), job_body(), job_body(status="running"), job_body(status="stopped"))
    assert answers.client().wait("job_1", poll_seconds=0).status == "stopped"
    assert answers.asked() == ["GET /v1/jobs/job_1/stream", *["GET /v1/jobs/job_1"] * 3]


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
        Answers(*[httpx2.Response(502, text="<html>")] * 3).client().job("job_1")
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


class Broken(httpx2.SyncByteStream):
    """A body whose connection breaks."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def __iter__(self) -> Iterator[bytes]:
        yield self._content
        raise httpx2.ReadError("reset")


def part_of_weights(content: bytes, tag: str, status: int = 206, *, breaks: bool = False) -> httpx2.Response:
    body = {"stream": Broken(content)} if breaks else {"content": content}
    return httpx2.Response(status, headers={"ETag": tag}, **body)


def test_a_download_goes_on_from_where_it_broke_off(tmp_path: Path) -> None:
    tag = f'"{sha256(b"the weights").hexdigest()}"'
    answers = Answers(
        part_of_weights(b"the ", tag, 200, breaks=True),
        part_of_weights(b"wei", tag, breaks=True),
        httpx2.Response(503),
        part_of_weights(b"ghts", tag),
    )
    path = answers.client().download_weights("job_1", tmp_path / "weights.safetensors")
    assert path.read_bytes() == b"the weights"
    asked = [(request.headers.get("Range"), request.headers.get("If-Range")) for request in answers.requests]
    assert asked == [(None, None), ("bytes=4-", tag), ("bytes=7-", tag), ("bytes=7-", tag)]


def test_a_download_begins_anew_where_the_file_is_another(tmp_path: Path) -> None:
    answers = Answers(part_of_weights(b"the old", '"old"', 200, breaks=True), weights_answer(b"new"))
    path = answers.client().download_weights("job_1", tmp_path / "weights.safetensors")
    assert path.read_bytes() == b"new"


def test_a_download_that_gets_no_further_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("old_client.downloads.RETRY_AFTER_SECONDS", (0.0, 0.0))
    answers = Answers(*(part_of_weights(b"", '"tag"', 200, breaks=True) for _ in range(9)))
    with pytest.raises(EpochalUnreachable):
        answers.client().download_weights("job_1", tmp_path / "weights.safetensors")
    assert len(answers.requests) == 3
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (weights_answer(b"half", "0" * 64), "damaged_download"),
        (problem(404, code="weights_not_found"), "weights_not_found"),
        (httpx2.ReadError("reset"), "unreachable"),
        (httpx2.Response(503), "http_503"),
    ],
)
def test_weights_that_do_not_come_leave_what_was_there(tmp_path: Path, answer: Any, code: str) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(b"older")
    with pytest.raises(EpochalError) as caught:
        Answers(*[answer] * 3).client().download_weights("job_1", path)
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
