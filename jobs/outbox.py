"""Messages to webhooks. Each is stored in the transaction that stores its event, and sent later by `webhooks.sender`.
So an event that is rolled back sends no message, and one that is committed sends its message in any case.
"""

import json
from collections.abc import Callable, Mapping
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
    "job.predictions_left_out",
    "job.storage_waiting",
    "job.step_chosen",
    "job.files_removed",
    "dataset.ready",
    "dataset.failed",
]
EVENT_TYPES: tuple[EventType, ...] = get_args(EventType)


def enqueue(session: Session, job: Job, event: Event) -> None:
    """Store a message for every webhook of the job's project that receives events of this type.

    Costs one query if there is no webhook. The rows of webhooks are locked against deletion until the transaction ends:
    if one were deleted meanwhile, the message could not be stored, and with it the event.
    """
    enqueue_for_project(session, job.project, f"job.{event.type}", lambda: _about(job, event))


def enqueue_for_project(session: Session, project: str, kind: str, about: Callable[[], Mapping[str, Any]]) -> None:
    """The same for any event of a project."""
    enabled = select(Webhook.id, Webhook.events, DatabaseNow()).where(Webhook.project == project, Webhook.enabled)
    with session.no_autoflush:
        found = session.execute(enabled.with_for_update(read=True, key_share=True)).all()
    for webhook_id, events, now in found:
        if kind in events:
            session.add(message(webhook_id, kind, now, about()))


def message(webhook_id: str, kind: str, happened_at: datetime, data: Mapping[str, Any]) -> WebhookDelivery:
    """A message to one webhook, due at once. Every attempt sends the same bytes, because they are signed."""
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
    """The job and its state. Receivers ask the API for more: it knows the latest, and checks who asks."""
    about = {"id": job.id, "project": job.project, "status": job.status, "attempt": job.attempt}
    return about if event.epoch is None else {**about, "epoch": event.epoch}
