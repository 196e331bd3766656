"""Types of the API: keys.

Written by `make sdk` from the OpenAPI document of the API: change the schemas there, not this file.
"""

from __future__ import annotations

import datetime
from dataclasses import field
from typing import Literal

from epochal.records import Record, record


@record(frozen=True, slots=True, kw_only=True)
class Key(Record):
    """An API key, without its secret."""

    id: str
    """The part of the key between `_` and `.`."""
    name: str
    project: str
    """The project that it is for."""
    scopes: tuple[Literal["read", "train", "admin"], ...]
    """`train` includes `read`; `admin` includes both."""
    created_at: datetime.datetime
    expires_at: datetime.datetime | None = None
    """When it stops working. None: never."""
    revoked_at: datetime.datetime | None = None
    """Since when the service refuses it. None: it has not been revoked."""
    last_used_at: datetime.datetime | None = None
    """Accurate to some seconds."""


@record(frozen=True, slots=True, kw_only=True)
class NewKey(Key):
    """A key that has just been created."""

    key: str = field(repr=False)
    """The whole key, for `Authorization: Bearer <key>`. It is shown only this once."""
