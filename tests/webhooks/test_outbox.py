"""What is written for webhooks, with the event that it tells of."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
from sqlalchemy import event, select

from jobs import lifecycle, recording, requests
from jobs.fence import Claim
from jobs.outbox import EVENT_TYPES, enqueue
from models import Database, Event, Job, JobStatus, Request, VersionStatus, Webhook, WebhookDelivery
from tests.jobs.conftest import epoch_metrics, running, submitted, take
from tests.webhooks.conftest import add_project, add_webhook, all_deliveries, happen, only_delivery
from worker.messages import Trouble

__all__ = ["running", "submitted"]  # fixtures

URL = "https://example.com/hook"
REPOSITORY = Path(__file__).parents[2]


def test_a_webhook_may_ask_for_every_status() -> None:
    assert {f"job.{status}" for status in JobStatus} <= set(EVENT_TYPES)


def payload_of(delivery: WebhookDelivery) -> dict[str, Any]:
    payload: dict[str, Any] = json.loads(delivery.payload)
    return payload


def test_message_is_thin(database: Database) -> None:
    webhook = add_webhook(database, URL)
    happen(database, "epoch", epoch=7)
    written = only_delivery(database)
    payload = payload_of(written)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", payload.pop("timestamp"))
    job = {"id": "job_01kasm2pbk5s9d0w3g6vq8zrhf", "project": "default", "status": "running", "attempt": 1, "epoch": 7}
    assert payload == {"type": "job.epoch", "data": job}
    assert re.fullmatch("msg_[0-9a-hjkmnp-tv-z]{26}", written.id)
    assert (written.webhook_id, written.type, written.attempts) == (webhook.id, "job.epoch", 0)
    assert written.next_attempt_at


def test_webhook_is_told_of_what_it_asks_for_alone(database: Database) -> None:
    ends, epochs = (
        add_webhook(database, URL, ["job.succeeded", "job.failed"]),
        add_webhook(database, URL, ["job.epoch"]),
    )
    happen(database, "failed", status=JobStatus.FAILED)
    happen(database, "epoch", epoch=0)
    happen(database, "running")
    assert {(told.webhook_id, told.type) for told in all_deliveries(database)} == {
        (ends.id, "job.failed"),
        (epochs.id, "job.epoch"),
    }


def test_project_is_told_of_its_own_jobs_alone(database: Database) -> None:
    add_project(database, "other")
    mine, _ = add_webhook(database, URL), add_webhook(database, URL, project="other")
    happen(database)
    assert only_delivery(database).webhook_id == mine.id


def test_disabled_webhook_is_told_nothing(database: Database) -> None:
    webhook = add_webhook(database, URL)
    with database.session() as session:
        session.get_one(Webhook, webhook.id).enabled = False
    happen(database)
    assert all_deliveries(database) == []


def test_what_is_rolled_back_is_not_told(database: Database) -> None:
    add_webhook(database, URL)
    job = Job(id="job_1", project="default", status=JobStatus.RUNNING, attempt=1)
    with pytest.raises(ZeroDivisionError), database.session() as session:
        enqueue(session, job, Event(job_id=job.id, attempt=1, type="running", message=""))
        session.flush()
        raise ZeroDivisionError
    assert all_deliveries(database) == []


def test_event_without_a_webhook_costs_one_query(database: Database) -> None:
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        statements.append(statement)

    job = Job(id="job_1", project="default", status=JobStatus.RUNNING, attempt=1)
    with database.session() as session:
        session.connection()
        event.listen(database.engine, "before_cursor_execute", note)
        enqueue(session, job, Event(job_id=job.id, attempt=1, type="running", message=""))
    assert [statement.split()[0] for statement in statements] == ["SELECT"]


def test_every_type_of_event_can_be_asked_for() -> None:
    """Those that the code records by name, those of a status, those of a wish, and those of a worker's trouble."""
    recorded = {"epoch"}
    for file in (REPOSITORY / "jobs").glob("*.py"):
        recorded |= set(re.findall(r'\badd_event\([^"\n]*, "([a-z_]+)"', file.read_text()))
    recorded |= {status.value for status in JobStatus}
    recorded |= {f"{request}_requested" for request in Request}
    recorded |= set(get_args(Trouble.model_fields["event"].annotation))
    assert len(recorded) > 15
    of_datasets = {f"dataset.{status.value}" for status in VersionStatus} - {"dataset.validating"}
    assert {f"job.{kind}" for kind in recorded} | of_datasets == set(EVENT_TYPES)


def test_life_of_a_job_is_told(database: Database, submitted: Callable[..., Job]) -> None:
    """Through the doors that a job really goes through, each message with its event in one transaction."""
    add_webhook(database, URL)
    job = submitted()
    claim: Claim = take(database, job.id)
    with database.session() as session:
        recording.record_epoch(session, claim, epoch_metrics(0))
    with database.session() as session:
        requests.request_cancel(session, job.id)
    with database.session() as session:
        lifecycle.release_job(session, claim)
    with database.snapshot() as session:
        happened = session.scalars(select(Event.type).where(Event.job_id == job.id).order_by(Event.id)).all()
    assert sorted(told.type for told in all_deliveries(database)) == sorted(f"job.{kind}" for kind in happened)
    assert {payload_of(told)["data"]["id"] for told in all_deliveries(database)} == {job.id}
    [last] = [told for told in all_deliveries(database) if told.type == "job.cancelled"]
    assert payload_of(last)["data"]["status"] == "cancelled"
