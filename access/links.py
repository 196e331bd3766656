"""Signed links: addresses of one file each, which a browser can load without an API key for a minute.

A link is signed with a key that is derived from the stored hash of the caller's API key. So there is no other secret,
every process of the service can check it, and a link ends with the API key that made it. The other way round, a link
tells nothing of the API key: HMAC-SHA256 cannot be turned back.

The signature is over what the address means, not over how it is written: over the path and the parameters decoded.
"""

import hmac
import json
import re
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Self

from sqlalchemy import select
from sqlalchemy.orm import Session

from access.errors import KeyInvalid, LinkExpired, LinkInvalid
from access.keys import Caller, caller_of, is_valid
from models import ApiKey
from models.columns import DatabaseNow

LINK_SECONDS = 60

_PURPOSE = b"epochal signed link 1"  # so that what is derived for another purpose signs no link
_FORM = re.compile(r"(?P<key_id>[a-z0-9]{1,32})\.(?P<expires>[0-9]{1,12})\.(?P<code>[A-Za-z0-9_-]{43})")


@dataclass(frozen=True, slots=True)
class Target:
    """What one link is for."""

    path: str  # decoded, without the path of a proxy
    query: Sequence[tuple[str, str]]  # decoded, in their order


@dataclass(frozen=True, slots=True)
class Signature:
    """What stands in a link beside its target."""

    key_id: str
    expires: int  # in seconds since 1970
    code: str

    @classmethod
    def read(cls, text: str) -> Self:
        """The signature as a link has it. Raises LinkInvalid."""
        form = _FORM.fullmatch(text)
        if form is None:
            raise LinkInvalid
        return cls(form["key_id"], int(form["expires"]), form["code"])

    def __str__(self) -> str:
        return f"{self.key_id}.{self.expires}.{self.code}"

    @property
    def expires_at(self) -> datetime:
        """When the link ends."""
        return datetime.fromtimestamp(self.expires, UTC)


def sign(session: Session, key_id: str, targets: Sequence[Target]) -> Sequence[Signature]:
    """A signature for each target, by a key that is valid. Raises KeyInvalid, where it was revoked meanwhile."""
    found = session.execute(
        select(ApiKey.secret_sha256, DatabaseNow(LINK_SECONDS)).where(ApiKey.id == key_id, is_valid())
    )
    row = found.one_or_none()
    if row is None:
        raise KeyInvalid
    stored, ends = row
    expires = int(ends.timestamp())
    return [Signature(key_id, expires, _code(stored, target, expires)) for target in targets]


def authenticate(session: Session, signature: Signature, target: Target) -> Caller:
    """The caller whose key has signed `target`. Raises LinkInvalid and LinkExpired."""
    row = session.execute(select(ApiKey, DatabaseNow()).where(ApiKey.id == signature.key_id, is_valid())).one_or_none()
    # As for a key: compared even where there is no such key, and in constant time.
    expected = _code(row[0].secret_sha256 if row else "", target, signature.expires)
    matches = hmac.compare_digest(expected, signature.code)
    if row is None or not matches:
        raise LinkInvalid
    key, now = row
    if now.timestamp() >= signature.expires:
        raise LinkExpired(LINK_SECONDS)
    return caller_of(key)


def _code(stored: str, target: Target, expires: int) -> str:
    key = hmac.digest(stored.encode(), _PURPOSE, sha256)
    # A list as JSON: no two targets are written alike.
    signed = json.dumps([expires, target.path, *target.query]).encode()
    return urlsafe_b64encode(hmac.digest(key, signed, sha256)).decode().rstrip("=")
