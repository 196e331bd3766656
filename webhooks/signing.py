"""Signatures as in Standard Webhooks 1.0 (https://www.standardwebhooks.com). Receivers verify them with its
libraries."""

import secrets
from base64 import b64encode
from collections.abc import Mapping
from datetime import datetime

from pydantic import SecretStr
from standardwebhooks.webhooks import Webhook

SECRET_BYTES = 32


def new_secret() -> SecretStr:
    """A secret that the service and the receiver share."""
    return SecretStr("whsec_" + b64encode(secrets.token_bytes(SECRET_BYTES)).decode())


def headers(secret: SecretStr, message_id: str, body: str, at: datetime) -> Mapping[str, str]:
    """The headers of a message that is sent at `at`. The id stays the same in each attempt: a receiver recognises a
    message that it has received already."""
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret.get_secret_value()).sign(message_id, at, body),
    }
