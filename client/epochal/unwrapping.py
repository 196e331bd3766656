"""Whether a message is from the service: the signatures of https://www.standardwebhooks.com."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import os
import re
import time
from collections.abc import Mapping
from typing import Any

from epochal.errors import LocalError, WebhookVerificationError

TOLERANCE_SECONDS = 300  # an older message may be one that somebody has recorded
PREFIX = "whsec_"


def unwrap(body: bytes | str, headers: Mapping[str, str], secret: str | None) -> dict[str, Any]:
    """See `client.webhooks.unwrap`. `body` is as it was received: not a byte of it may differ."""
    key = _key(secret or os.environ.get("EPOCHAL_WEBHOOK_SECRET") or "")
    named = {name.lower(): value for name, value in headers.items()}
    try:
        message, sent, signatures = (named[f"webhook-{name}"] for name in ("id", "timestamp", "signature"))
    except KeyError as error:
        raise WebhookVerificationError(f"it has no header {error.args[0]}") from None
    if not re.fullmatch("[0-9]{1,15}", sent):
        raise WebhookVerificationError("its webhook-timestamp is no time")
    if abs(time.time() - int(sent)) > TOLERANCE_SECONDS:
        raise WebhookVerificationError(f"it was sent more than {TOLERANCE_SECONDS} seconds ago, or later than now")
    content = body.encode() if isinstance(body, str) else body
    signed = b".".join([message.encode(), sent.encode(), content])
    expected = base64.b64encode(hmac.digest(key, signed, "sha256"))
    given = [part.removeprefix("v1,").encode() for part in signatures.split() if part.startswith("v1,")]
    # Every one is compared, in a time that does not depend on where they differ.
    if not any([hmac.compare_digest(expected, each) for each in given]):  # noqa: C419  # not `any` of a generator
        raise WebhookVerificationError("its signature was not made with this secret, or its content was changed")
    try:
        decoded = json.loads(content)
    except ValueError:
        decoded = None
    if not isinstance(decoded, dict):
        raise WebhookVerificationError("its content is no JSON object")
    return decoded


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not key:
        raise LocalError(
            "The secret of the webhook is missing, or is no secret.",
            code="webhook_secret_invalid",
            hint="The answer that made the webhook has it: whsec_… Give it as `secret`, or set EPOCHAL_WEBHOOK_SECRET.",
        )
    return key
