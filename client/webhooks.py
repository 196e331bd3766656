"""Webhooks: addresses that are told of a project's events, and what they were sent."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from client.connection import Connection, path_to


@dataclass(frozen=True, slots=True)
class Webhook:
    """An address that is told of a project's events."""

    id: str
    url: str
    description: str | None
    events: tuple[str, ...]  # such as "job.succeeded" and "job.epoch"
    enabled: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class WebhookWithSecret(Webhook):
    """A webhook whose secret is new: shown this once, and not part of what is printed. The libraries of
    https://www.standardwebhooks.com verify with it what arrives.
    """

    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class WebhookDelivery:
    """A message to a webhook, and what became of it."""

    id: str  # its `webhook-id`, the same each time that it is sent
    type: str
    status: str  # "pending", "delivered" or "failed"
    payload: dict[str, Any]
    attempts: int
    next_attempt_at: datetime | None  # None unless it is pending
    delivered_at: datetime | None
    response_status: int | None  # of the last attempt
    error: str | None  # why that did not arrive
    created_at: datetime


class Webhooks:
    """Those of the caller's project. All of it needs a key with the scope admin."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def create(
        self, url: str, events: Sequence[str], *, description: str | None = None, enabled: bool = True
    ) -> WebhookWithSecret:
        """From now on `url` is sent every event that has one of these types."""
        body = {"url": url, "events": list(events), "description": description, "enabled": enabled}
        return self._connection.send(WebhookWithSecret, "POST", path_to("webhooks"), body)

    def list(self) -> Iterator[Webhook]:
        """The newest first."""
        return self._connection.pages(Webhook, path_to("webhooks"))

    def get(self, webhook_id: str) -> Webhook:
        """What it is sent, and where."""
        return self._connection.get(Webhook, path_to("webhooks", webhook_id))

    def change(self, webhook_id: str, **changes: Any) -> Webhook:
        """Set what is given of what `create` takes."""
        return self._connection.send(Webhook, "PATCH", path_to("webhooks", webhook_id), changes)

    def delete(self, webhook_id: str) -> None:
        """It is sent nothing more."""
        self._connection.ask("DELETE", path_to("webhooks", webhook_id))

    def rotate_secret(self, webhook_id: str) -> WebhookWithSecret:
        """A new secret, which signs from now on."""
        return self._connection.send(WebhookWithSecret, "POST", path_to("webhooks", webhook_id, "rotate-secret"))

    def ping(self, webhook_id: str) -> WebhookDelivery:
        """Send a message to try it."""
        return self._connection.send(WebhookDelivery, "POST", path_to("webhooks", webhook_id, "ping"))

    def deliveries(self, webhook_id: str) -> Iterator[WebhookDelivery]:
        """What it was sent, and has yet to be sent, the newest first."""
        return self._connection.pages(WebhookDelivery, path_to("webhooks", webhook_id, "deliveries"))

    def redeliver(self, webhook_id: str, delivery_id: str) -> WebhookDelivery:
        """Send a message again, whatever became of it."""
        path = path_to("webhooks", webhook_id, "deliveries", delivery_id, "redeliver")
        return self._connection.send(WebhookDelivery, "POST", path)
