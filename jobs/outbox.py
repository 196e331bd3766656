"""What webhooks are to be told of jobs: written in the transaction that makes it true, and sent from there later, by
`webhooks.sender`. What is rolled back is never told, and what is committed is.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, get_args

from sqlalchemy import select
from sqlalchemy.orm import Session
from ulid import ULID

from models import Event, Job, Webhook, WebhookDelivery
from models.columns import DatabaseNow

EventType = Literal[
    "job.queued",
    "job.starting",
    "job.running",
    "job.epoch",
    "job.epoch_revised",
    "job.requeued",
    "job.paused",
    "job.resumed",
    "job.succeeded",
    "job.failed",
    "job.cancelled",
    "job.stopped",
    "job.cancel_requested",
    "job.stop_requested",
    "job.pause_requested",
    "job.checkpoint_failed",
    "job.checkpoint_unusable",
    "job.storage_waiting",
    "job.step_chosen",
]
EVENT_TYPES: tuple[EventType, ...] = get_args(EventType)


def enqueue(session: Session, job: Job, event: Event) -> None:
    """Have every webhook of the job's project that asks for such events told of this one.

    One query where there is no webhook. A webhook that there is stays there until the transaction ends: were it deleted
    meanwhile, what happened to the job could not be stored.
    """
    kind = f"job.{event.type}"
    enabled = select(Webhook.id, Webhook.events, DatabaseNow()).where(Webhook.project == job.project, Webhook.enabled)
    with session.no_autoflush:
        found = session.execute(enabled.with_for_update(read=True, key_share=True)).all()
    for webhook_id, events, now in found:
        if kind in events:
            session.add(message(webhook_id, kind, now, _about(job, event)))


def message(webhook_id: str, kind: str, happened_at: datetime, data: Mapping[str, Any]) -> WebhookDelivery:
    """What is to be sent to one webhook, now and until it arrives. The same bytes each time: they are signed."""
    payload = {"type": kind, "timestamp": happened_at.isoformat().replace("+00:00", "Z"), "data": data}
    return WebhookDelivery(
        id=f"msg_{str(ULID()).lower()}",
        webhook_id=webhook_id,
        type=kind,
        payload=json.dumps(payload, separators=(",", ":")),
        attempts=0,
        next_attempt_at=happened_at,
    )


def _about(job: Job, event: Event) -> Mapping[str, Any]:
    """Which job, and where it is: the rest is asked of the API, which knows the latest and whom it tells."""
    about = {"id": job.id, "project": job.project, "status": job.status, "attempt": job.attempt}
    return about if event.epoch is None else {**about, "epoch": event.epoch}
