"""Types of the API: uploads.

Written by `make sdk` from the OpenAPI document of the API: change the schemas there, not this file.
"""

from __future__ import annotations

import datetime
from typing import Literal

from epochal.records import Record, record


@record(frozen=True, slots=True, kw_only=True)
class UploadLinks(Record):
    """URLs of an upload."""

    self: str
    version: str | None = None
    """The data set's version, once the upload is complete."""


@record(frozen=True, slots=True, kw_only=True)
class Upload(Record):
    """A file on its way into a data set."""

    id: str
    dataset: str
    bytes: int | None = None
    """Size of the whole file; None while it is not known."""
    received_bytes: int
    """How many have arrived: where to go on."""
    sha256: str | None = None
    test_fraction: float
    """As it was made with, as is `seed`: how images without a split are divided."""
    seed: int
    status: Literal["uploading", "complete"]
    version: int | None = None
    """Of the data set, once the upload is complete."""
    created_at: datetime.datetime
    expires_at: datetime.datetime | None = None
    """When it is deleted if nothing more arrives. None: complete."""
    links: UploadLinks
