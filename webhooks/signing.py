"""Signatures of Standard Webhooks 1.0 (https://www.standardwebhooks.com), which receivers verify with its libraries."""

import secrets
from base64 import b64encode
from collections.abc import Mapping
from datetime import datetime

from pydantic import SecretStr
from standardwebhooks.webhooks import Webhook

SECRET_BYTES = 32


def new_secret() -> SecretStr:
    """What service and receiver share."""
    return SecretStr("whsec_" + b64encode(secrets.token_bytes(SECRET_BYTES)).decode())


def headers(secret: SecretStr, message_id: str, body: str, at: datetime) -> Mapping[str, str]:
    """Those of a message that is sent now. The id is the same whenever the message is sent: a receiver that knows it
    has had the message already."""
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret.get_secret_value()).sign(message_id, at, body),
    }
