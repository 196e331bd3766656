"""Between the look and the leap: many at once get no more than one after the other."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response
from sqlalchemy import update

from access import keys, projects
from models import Project
from tests.api.conftest import Tenants
from tests.stage import Stage
from webhooks.endpoints import MAX_WEBHOOKS

SPEC = {"dataset": "digits"}
AT_ONCE = 8


def at_once(ask: Callable[[int], Response]) -> list[Response]:
    """So many as if by one hand. Where the machine has so much else to do that one gets no turn to write, it asks
    again, as it is told."""
    barrier = Barrier(AT_ONCE)

    def wait_and_ask(number: int) -> Response:
        barrier.wait()
        while (answer := ask(number)).status_code == 503:
            assert "retry-after" in answer.headers
        return answer

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(wait_and_ask, range(AT_ONCE)))


def statuses(answers: list[Response]) -> Counter[int]:
    return Counter(answer.status_code for answer in answers)


def test_a_job_is_deleted_once(client: TestClient, stage: Stage) -> None:
    claim = stage.start(stage.submit())
    stage.succeed(claim)
    answers = at_once(lambda _: client.delete(f"/v1/jobs/{claim.job_id}"))
    assert statuses(answers) == {204: 1, 404: AT_ONCE - 1}


def test_a_job_that_is_deleted_comes_back_by_nothing(client: TestClient, stage: Stage) -> None:
    """Whatever is asked of it at that moment."""
    claim = stage.start(stage.submit())
    stage.succeed(claim)
    address = f"/v1/jobs/{claim.job_id}"
    asks: list[Callable[[], Response]] = [
        lambda: client.delete(address),
        lambda: client.patch(address, json={"name": "still here"}),
        lambda: client.post(f"{address}/cancel"),
        lambda: client.post(f"{address}/rerun", json={"spec": {"starting_weights": claim.job_id}}),
    ]
    answers = at_once(lambda number: asks[number % len(asks)]())
    assert {answer.status_code for answer in answers} <= {200, 201, 204, 404, 409, 422}
    assert client.get(address).status_code == 404
    assert client.get(f"{address}/weights").status_code == 404
    assert claim.job_id not in {row["id"] for row in client.get("/v1/jobs").json()["data"]}
    refused = client.post("/v1/jobs", json={"spec": {**SPEC, "starting_weights": claim.job_id}})
    assert (refused.status_code, refused.json()["code"]) == (422, "starting_weights_missing")


@pytest.mark.parametrize("verb", ["cancel", "stop", "pause"])
def test_a_verb_and_a_worker_at_once_leave_one_of_the_two(client: TestClient, stage: Stage, verb: str) -> None:
    job_id = stage.submit()
    answers = at_once(lambda _: client.post(f"/v1/jobs/{job_id}/{verb}"))
    assert statuses(answers) == {200: AT_ONCE}
    kinds = [event["type"] for event in client.get(f"/v1/jobs/{job_id}/events").json()["data"]]
    assert len(kinds) == 2  # queued, and what was asked for: once


def test_a_quota_holds_whoever_comes_at_once(guarded: TestClient, tenants: Tenants, stage: Stage) -> None:
    with stage.database.session() as session:
        session.execute(update(Project).where(Project.id == "first").values(max_queued_jobs=3))
    header = tenants.header("first")
    answers = at_once(lambda _: guarded.post("/v1/jobs", headers=header, json={"spec": SPEC}))
    assert statuses(answers) == {201: 3, 403: AT_ONCE - 3}
    assert stage.jobs() == 3
    reruns = at_once(lambda _: guarded.post(f"{next_to(answers)}/rerun", headers=header))
    assert statuses(reruns) == {403: AT_ONCE}


def next_to(answers: list[Response]) -> str:
    return next(answer.headers["Location"] for answer in answers if answer.status_code == 201)


def test_a_project_has_no_more_webhooks_than_it_may(guarded: TestClient, tenants: Tenants) -> None:
    header = tenants.header("first", "admin")
    body = {"url": "https://receiver.invalid/", "events": ["job.failed"]}
    for _ in range(MAX_WEBHOOKS - 2):
        assert guarded.post("/v1/webhooks", headers=header, json=body).status_code == 201
    answers = at_once(lambda _: guarded.post("/v1/webhooks", headers=header, json=body))
    assert statuses(answers) == {201: 2, 409: AT_ONCE - 2}


def test_a_project_has_no_more_keys_than_it_may(
    guarded: TestClient, tenants: Tenants, monkeypatch: pytest.MonkeyPatch
) -> None:
    header = tenants.header("first", "admin")
    there = len(guarded.get("/v1/keys", headers=header).json()["data"])
    monkeypatch.setattr(keys, "MAX_VALID_KEYS", there + 2)
    body = {"name": "one more", "scopes": ["read"]}
    answers = at_once(lambda _: guarded.post("/v1/keys", headers=header, json=body))
    assert statuses(answers) == {201: 2, 409: AT_ONCE - 2}


def test_a_project_is_made_once(guarded: TestClient, tenants: Tenants, stage: Stage) -> None:
    body = {"id": "third"}
    answers = at_once(lambda _: guarded.post("/v1/projects", headers=tenants.as_operator, json=body))
    assert statuses(answers) == {201: 1, 409: AT_ONCE - 1}
    with stage.database.snapshot() as session:
        assert projects.find(session, "third").id == "third"


def test_a_key_that_is_revoked_does_nothing_from_then_on(guarded: TestClient, tenants: Tenants, stage: Stage) -> None:
    """Not one job after the answer that said so, whoever is at it at that moment."""
    header = tenants.header("first", "train")
    key_id = tenants.keys["first"]["train"].partition(".")[0].removeprefix("epochal_")

    def revoke_or_submit(number: int) -> Response:
        if number == 0:
            return guarded.delete(f"/v1/keys/{key_id}", headers=tenants.as_operator)
        return guarded.post("/v1/jobs", headers=header, json={"spec": SPEC})

    answers = at_once(revoke_or_submit)
    made = sum(answer.status_code == 201 for answer in answers[1:])
    assert {answer.status_code for answer in answers[1:]} <= {201, 401}
    assert statuses(at_once(lambda _: guarded.post("/v1/jobs", headers=header, json={"spec": SPEC}))) == {401: AT_ONCE}
    assert stage.jobs() == made
