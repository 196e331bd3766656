"""Types of the API: webhooks.

Written by `make sdk` from the OpenAPI document of the API: change the schemas there, not this file.
"""

from __future__ import annotations

import datetime
from dataclasses import field
from typing import Any, Literal

from epochal.records import Record, record


@record(frozen=True, slots=True, kw_only=True)
class Webhook(Record):
    """A URL to which a project's events are sent. Its secret is not shown again."""

    id: str
    url: str
    description: str | None = None
    events: tuple[
        Literal[
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
        ],
        ...,
    ]
    """The types of the events that it is sent."""
    enabled: bool
    """False: nothing is sent. A receiver that answers 410 disables its webhook."""
    created_at: datetime.datetime


@record(frozen=True, slots=True, kw_only=True)
class WebhookWithSecret(Webhook):
    """A webhook with its new secret."""

    secret: str = field(repr=False)
    """Shown only this once. The libraries of https://www.standardwebhooks.com verify messages with it."""


@record(frozen=True, slots=True, kw_only=True)
class WebhookDelivery(Record):
    """A message to a webhook, and its outcome."""

    id: str
    """The `webhook-id` of the message. It is the same in every attempt."""
    type: Literal[
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
        "webhook.ping",
    ]
    """The type of the event; `webhook.ping` of a test message."""
    status: Literal["pending", "delivered", "failed"]
    """`failed`: it is not sent again unless a redelivery is requested."""
    payload: dict[str, Any]
    """The body that is sent: what happened, and to which job."""
    attempts: int
    """Attempts to send it so far, including one that is under way."""
    next_attempt_at: datetime.datetime | None = None
    """When it is sent next. None unless it is pending. During an attempt: when it is sent again if that attempt's
    outcome is never recorded."""
    delivered_at: datetime.datetime | None = None
    """None until it has arrived."""
    response_status: int | None = None
    """The receiver's answer to the last attempt. None if there was none."""
    error: str | None = None
    """Why the last attempt failed."""
    created_at: datetime.datetime
