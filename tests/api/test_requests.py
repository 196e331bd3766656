"""Stop, pause and resume; what is asked of a job beside its cancellation."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from fastapi.testclient import TestClient

from tests.api.test_submit import next_message

if TYPE_CHECKING:
    from tests.stage import Stage


def ask(client: TestClient, job_id: str, verb: str) -> httpx2.Response:
    return client.post(f"/v1/jobs/{job_id}/{verb}")


def state(answer: httpx2.Response) -> tuple[int, str, str | None]:
    job: dict[str, Any] = answer.json()
    return answer.status_code, job["status"], job["requested"]


def refusal(answer: httpx2.Response) -> tuple[int, str, str | None, str | None]:
    problem = answer.json()
    return answer.status_code, problem["code"], problem.get("job_status"), problem.get("pending")


def test_pause_of_a_running_job_waits_for_its_worker(client: TestClient, stage: "Stage") -> None:
    job_id = stage.submit()
    claim = stage.start(job_id)
    for _ in range(2):
        assert state(ask(client, job_id, "pause")) == (202, "running", "pause")
    stage.release_job(claim)
    assert state(ask(client, job_id, "pause")) == (200, "paused", None)


def test_pause_of_a_queued_job_is_done_at_once(client: TestClient, stage: "Stage") -> None:
    job_id = stage.submit()
    for _ in range(2):
        assert state(ask(client, job_id, "pause")) == (200, "paused", None)
    assert client.get("/v1/queue").json()["data"] == []


def test_resume_queues_a_paused_job_and_tells_workers(client: TestClient, stage: "Stage", redis_socket: Path) -> None:
    job_id = stage.submit()
    stage.pause(job_id)
    answer = ask(client, job_id, "resume")
    assert state(answer) == (200, "queued", None)
    assert answer.json()["queue"]["position"] == 1
    assert next_message(redis_socket) == job_id


def test_resume_takes_back_a_pause_that_has_not_happened(client: TestClient, stage: "Stage") -> None:
    job_id = stage.submit()
    stage.start(job_id)
    ask(client, job_id, "pause")
    assert state(ask(client, job_id, "resume")) == (200, "running", None)


def test_only_what_is_paused_is_resumed(client: TestClient, stage: "Stage") -> None:
    queued, succeeded = stage.submit(), stage.submit()
    stage.succeed(stage.start(succeeded))
    assert refusal(ask(client, queued, "resume")) == (409, "job_not_paused", "queued", None)
    assert refusal(ask(client, succeeded, "resume")) == (409, "job_finished", "succeeded", None)


def test_stop_of_a_running_job_waits_for_its_worker(client: TestClient, stage: "Stage") -> None:
    job_id = stage.submit()
    claim = stage.start(job_id)
    for _ in range(2):
        assert state(ask(client, job_id, "stop")) == (202, "running", "stop")
    stage.release_job(claim)
    assert state(ask(client, job_id, "stop")) == (200, "stopped", None)


def test_stop_of_a_job_that_has_trained_nothing_is_done_at_once(client: TestClient, stage: "Stage") -> None:
    queued, paused = stage.submit(), stage.submit()
    stage.pause(paused)
    for job_id in (queued, paused):
        for _ in range(2):
            assert state(ask(client, job_id, "stop")) == (200, "stopped", None)


def test_stop_of_a_paused_job_goes_to_a_worker_once_more(
    client: TestClient, stage: "Stage", redis_socket: Path
) -> None:
    job_id = stage.submit()
    claim = stage.start(job_id)
    stage.checkpoint(claim, 1, 0)
    stage.pause(job_id)
    stage.release_job(claim)
    answer = ask(client, job_id, "stop")
    assert state(answer) == (202, "queued", "stop")
    assert answer.json()["weights"] is None
    assert next_message(redis_socket) == job_id


@pytest.mark.parametrize(
    ("first", "then"), [("cancel", "stop"), ("cancel", "pause"), ("stop", "pause")], ids=lambda verb: str(verb)
)
def test_what_is_asked_for_goes_before(client: TestClient, stage: "Stage", first: str, then: str) -> None:
    job_id = stage.submit()
    stage.start(job_id)
    ask(client, job_id, first)
    assert refusal(ask(client, job_id, then)) == (409, "request_pending", "running", first)


@pytest.mark.parametrize(("first", "then"), [("pause", "stop"), ("pause", "cancel"), ("stop", "cancel")])
def test_a_stronger_wish_takes_the_place_of_a_weaker(client: TestClient, stage: "Stage", first: str, then: str) -> None:
    job_id = stage.submit()
    stage.start(job_id)
    ask(client, job_id, first)
    assert state(ask(client, job_id, then)) == (202, "running", then)


@pytest.mark.parametrize("verb", ["stop", "pause", "resume", "cancel"])
def test_nothing_is_asked_of_a_job_that_has_failed(client: TestClient, stage: "Stage", verb: str) -> None:
    job_id = stage.submit()
    stage.fail(stage.start(job_id))
    assert refusal(ask(client, job_id, verb)) == (409, "job_finished", "failed", None)


@pytest.mark.parametrize("verb", ["stop", "pause", "resume", "cancel", "rerun"])
@pytest.mark.parametrize("job_id", ["job_", "job_01kasm2pbk5s9d0w3g6vq8zrhf", "a%00b"])
def test_job_that_is_not_there(client: TestClient, job_id: str, verb: str) -> None:
    assert refusal(ask(client, job_id, verb)) == (404, "job_not_found", None, None)


def test_links_lead_to_every_part_of_a_job(client: TestClient, stage: "Stage") -> None:
    job_id = stage.submit()
    stage.succeed(stage.start(job_id))
    links = client.get(f"/v1/jobs/{job_id}").json()["links"]
    asked = {"cancel", "stop", "pause", "resume"}
    assert {name: client.post(links[name]).json()["code"] for name in asked} == dict.fromkeys(asked, "job_finished")
    assert client.post(links["rerun"]).status_code == 201
    assert {client.get(links[name]).status_code for name in links.keys() - asked - {"rerun"}} == {200}
    described = client.get("/openapi.json").json()["paths"]
    published = {path for path in described if path.startswith("/v1/jobs/{job_id}") and path.count("{") == 1}
    # Made of predictions, whose address is in the job's `predictions`; and for an operator who has an MLflow server.
    made_of_them = ("evaluation", "confusion", "confusion.csv", "confusion.svg", "reliability.svg", "mistakes.png")
    few_have_them = {f"/v1/jobs/{{job_id}}/{part}" for part in ("predictions", *made_of_them, "export/mlflow")}
    assert {link.replace(job_id, "{job_id}") for link in links.values()} == published - few_have_them
