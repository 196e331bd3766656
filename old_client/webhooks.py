"""Webhooks: URLs that receive the events of a project, and the messages that were sent to them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from old_client.connection import Connection, path_to


@dataclass(frozen=True, slots=True)
class Webhook:
    """A URL that receives the events of a project."""

    id: str
    url: str
    description: str | None
    events: tuple[str, ...]  # such as "job.succeeded" and "job.epoch"
    enabled: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class WebhookWithSecret(Webhook):
    """A webhook with a new secret. Only this answer contains it; `repr` does not show it. The libraries of
    https://www.standardwebhooks.com verify messages with it.
    """

    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class WebhookDelivery:
    """A message to a webhook, and whether it arrived."""

    id: str  # the header `webhook-id`, the same in each attempt
    type: str
    status: str  # "pending", "delivered" or "failed"
    payload: dict[str, Any]
    attempts: int
    next_attempt_at: datetime | None  # None unless it is pending
    delivered_at: datetime | None
    response_status: int | None  # of the last attempt
    error: str | None  # why the last attempt failed
    created_at: datetime


class Webhooks:
    """The webhooks of the caller's project. Every method needs the scope admin."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def create(
        self, url: str, events: Sequence[str], *, description: str | None = None, enabled: bool = True
    ) -> WebhookWithSecret:
        """Make a webhook. From now on, `url` receives every event that has one of these types."""
        body = {"url": url, "events": list(events), "description": description, "enabled": enabled}
        return self._connection.send(WebhookWithSecret, "POST", path_to("webhooks"), body)

    def list(self) -> Iterator[Webhook]:
        """The newest first."""
        return self._connection.pages(Webhook, path_to("webhooks"))

    def get(self, webhook_id: str) -> Webhook:
        """The webhook."""
        return self._connection.get(Webhook, path_to("webhooks", webhook_id))

    def change(self, webhook_id: str, **changes: Any) -> Webhook:
        """Set the arguments of `create` that are given."""
        return self._connection.send(Webhook, "PATCH", path_to("webhooks", webhook_id), changes)

    def delete(self, webhook_id: str) -> None:
        """Delete a webhook. No more messages are sent to it."""
        self._connection.request("DELETE", path_to("webhooks", webhook_id))

    def rotate_secret(self, webhook_id: str) -> WebhookWithSecret:
        """Replace the secret. Messages are signed with the new one from now on."""
        return self._connection.send(WebhookWithSecret, "POST", path_to("webhooks", webhook_id, "rotate-secret"))

    def ping(self, webhook_id: str) -> WebhookDelivery:
        """Send a test message."""
        return self._connection.send(WebhookDelivery, "POST", path_to("webhooks", webhook_id, "ping"))

    def deliveries(self, webhook_id: str) -> Iterator[WebhookDelivery]:
        """The messages that were sent to the webhook, or are still to be sent, the newest first."""
        return self._connection.pages(WebhookDelivery, path_to("webhooks", webhook_id, "deliveries"))

    def redeliver(self, webhook_id: str, delivery_id: str) -> WebhookDelivery:
        """Send a message again, whether it arrived or not."""
        path = path_to("webhooks", webhook_id, "deliveries", delivery_id, "redeliver")
        return self._connection.send(WebhookDelivery, "POST", path)
