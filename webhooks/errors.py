"""Errors of webhooks. None of them knows HTTP.

WebhookError
├── WebhookNotFound
├── DeliveryNotFound
├── AddressRefused
├── WebhookDisabled
└── TooManyWebhooks
"""


class WebhookError(Exception):
    """Base of the errors."""


class WebhookNotFound(WebhookError):
    """The project has no such webhook."""

    def __init__(self, webhook_id: str) -> None:
        super().__init__(f"There is no webhook {webhook_id!r}.")


class DeliveryNotFound(WebhookError):
    """The webhook has no such delivery, or it is deleted by now."""

    def __init__(self, webhook_id: str, delivery_id: str) -> None:
        super().__init__(f"Webhook {webhook_id} has no delivery {delivery_id!r}.")


class AddressRefused(WebhookError):
    """Messages are not sent to such a URL. `reason` says what it should be."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"The address {reason}.")
        self.reason = reason


class WebhookDisabled(WebhookError):
    """Messages are not sent to a disabled webhook."""

    def __init__(self, webhook_id: str) -> None:
        super().__init__(f"Webhook {webhook_id} is disabled: enable it first, with PATCH.")


class TooManyWebhooks(WebhookError):
    """The project has as many webhooks as a project may have."""

    def __init__(self, most: int) -> None:
        super().__init__(f"A project may have {most} webhooks: delete one, or give one of them more events.")
