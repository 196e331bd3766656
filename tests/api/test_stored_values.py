"""A later release may have stored what this one has no name for: it is answered as it is stored."""

from typing import TYPE_CHECKING, Any

from fastapi.testclient import TestClient
from sqlalchemy import update

from access import keys
from models import DEFAULT_PROJECT, ApiKey, Attempt, Database, Job, Webhook, WebhookDelivery

if TYPE_CHECKING:
    from tests.stage import Stage


def answered(client: TestClient, path: str) -> Any:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_why_a_job_failed_and_its_attempt_ended(client: TestClient, stage: "Stage") -> None:
    job_id = stage.submit()
    claim = stage.start(job_id)
    stage.fail(claim)
    with stage.database.session() as session:
        job = session.get_one(Job, job_id)
        job.error = {**(job.error or {}), "code": "of_a_later_release"}
        session.execute(update(Attempt).values(end_reason="of_a_later_release"))
    listed = answered(client, "/v1/jobs")["data"][0]
    assert answered(client, f"/v1/jobs/{job_id}") == listed
    assert listed["error"]["code"] == listed["attempts"][0]["end_reason"] == "of_a_later_release"


def test_what_an_attempt_has_found(client: TestClient, stage: "Stage") -> None:
    job_id = stage.submit()
    stage.epoch(stage.start(job_id), 0)
    with stage.database.session() as session:
        attempt = session.query(Attempt).one()
        attempt.facts = {**(attempt.facts or {}), "precision": "fp8"}
    listed = answered(client, "/v1/jobs")["data"][0]
    assert (listed["attempts"][0]["facts"], listed["progress"]["steps_per_epoch"]) == (None, None)
    assert listed["latest"]["epoch"] == 0


def test_what_a_webhook_is_told(client: TestClient, database: Database) -> None:
    made = client.post("/v1/webhooks", json={"url": "https://example.com/x", "events": ["job.failed"]}).json()
    client.post(f"/v1/webhooks/{made['id']}/ping")
    with database.session() as session:
        session.execute(update(Webhook).values(events=["job.failed", "job.evaluated"]))
        session.execute(update(WebhookDelivery).values(type="job.evaluated"))
    assert answered(client, "/v1/webhooks")["data"][0]["events"] == ["job.failed", "job.evaluated"]
    assert answered(client, f"/v1/webhooks/{made['id']}/deliveries")["data"][0]["type"] == "job.evaluated"


def test_what_a_key_may_do(client: TestClient, database: Database) -> None:
    with database.session() as session:
        keys.make(session, DEFAULT_PROJECT, "notebook", ["read"])
        session.execute(update(ApiKey).values(scopes=["read", "annotate"]))
    assert answered(client, "/v1/keys")["data"][0]["scopes"] == ["read", "annotate"]
