# Made of epochal/_async/webhooks.py by client/unasync.py: change that one.
"""Webhooks: messages about jobs to addresses that asked for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from epochal import types
from epochal._http import path_to
from epochal._sync.pages import Pages
from epochal._sync.resource import Resource
from epochal.unwrapping import unwrap


class Webhooks(Resource):
    """`client.webhooks`. Every method but `unwrap` needs the scope admin."""

    def create(
        self, url: str, events: Sequence[str], *, description: str | None = None, enabled: bool = True
    ) -> types.WebhookWithSecret:
        """Make a webhook: from now on, `url` receives every event that has one of these types. Only this answer has its
        `secret`. The request is not repeated once it may have arrived."""
        body = {"url": url, "events": [*events], "description": description, "enabled": enabled}
        return self._requester.request("POST", path_to("webhooks"), json=body, cast=types.WebhookWithSecret)

    def list(self) -> Pages[types.Webhook]:
        """The newest first."""
        return Pages(self._requester, types.Webhook, path_to("webhooks"))

    def retrieve(self, webhook_id: str) -> types.Webhook:
        """The webhook, without its secret."""
        return self._requester.request("GET", path_to("webhooks", webhook_id), cast=types.Webhook)

    def update(self, webhook_id: str, **changes: Any) -> types.Webhook:
        """Set the arguments of `create` that are given."""
        path = path_to("webhooks", webhook_id)
        return self._requester.request("PATCH", path, json=changes, repeatable=True, cast=types.Webhook)

    def delete(self, webhook_id: str) -> None:
        """Delete a webhook. No more messages are sent to it."""
        self._requester.request("DELETE", path_to("webhooks", webhook_id))

    def rotate_secret(self, webhook_id: str) -> types.WebhookWithSecret:
        """Replace the secret. Messages are signed with the new one from now on."""
        path = path_to("webhooks", webhook_id, "rotate-secret")
        return self._requester.request("POST", path, cast=types.WebhookWithSecret)

    def ping(self, webhook_id: str) -> types.WebhookDelivery:
        """Send a test message."""
        return self._requester.request("POST", path_to("webhooks", webhook_id, "ping"), cast=types.WebhookDelivery)

    def deliveries(self, webhook_id: str) -> Pages[types.WebhookDelivery]:
        """The messages that were sent to the webhook, or are still to be sent, the newest first."""
        return Pages(self._requester, types.WebhookDelivery, path_to("webhooks", webhook_id, "deliveries"))

    def redeliver(self, webhook_id: str, delivery_id: str) -> types.WebhookDelivery:
        """Send a message again, whether it arrived or not."""
        path = path_to("webhooks", webhook_id, "deliveries", delivery_id, "redeliver")
        return self._requester.request("POST", path, cast=types.WebhookDelivery)

    def unwrap(self, body: bytes | str, headers: Mapping[str, str], *, secret: str | None = None) -> dict[str, Any]:
        """The message that a webhook has received, once it is certain that the service has sent it. `secret` is the
        webhook's, or EPOCHAL_WEBHOOK_SECRET. Raises WebhookVerificationError."""
        return unwrap(body, headers, secret)
