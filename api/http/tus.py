"""Headers of resumable uploads: those of tus 1.0 (https://tus.io/protocols/resumable-upload), and those of the IETF's
draft on resumable uploads (draft-ietf-httpbis-resumable-upload) that mean the same."""

import base64
import binascii
import re
from collections.abc import Mapping
from datetime import datetime
from email.utils import format_datetime

from fastapi import Depends, Request

from api.http.errors import InvalidRequest, UnknownTusVersion

VERSION = "1.0.0"
RESUMABLE, OFFSET, LENGTH, DEFERRED = "Tus-Resumable", "Upload-Offset", "Upload-Length", "Upload-Defer-Length"
METADATA, EXPIRES, COMPLETE, LIMIT = "Upload-Metadata", "Upload-Expires", "Upload-Complete", "Upload-Limit"

# What a PATCH of an upload says that its body is.
PART_TYPES = ("application/offset+octet-stream", "application/partial-upload", "application/octet-stream")

# That tus has, and this service has not: a client that sends them must not believe that they are heeded.
_NOT_HEEDED = {"Upload-Checksum": "sha256 in Upload-Metadata", "Upload-Concat": "one upload for the whole file"}

_NUMBER = re.compile(r"[0-9]{1,15}")
LARGEST_NUMBER = 10**15 - 1


def speaks_tus(request: Request) -> bool:
    """Whether the client says that it speaks tus."""
    return RESUMABLE in request.headers


def options(most_bytes: int) -> dict[str, str]:
    """What the service offers, for OPTIONS."""
    return {
        RESUMABLE: VERSION,
        "Tus-Version": VERSION,
        "Tus-Extension": "creation,creation-defer-length,expiration,termination",
        "Tus-Max-Size": str(most_bytes),
        LIMIT: f"max-size={most_bytes}",
        "Accept-Patch": ", ".join(PART_TYPES[:2]),
    }


def headers(request: Request, offset: int, length: int | None, expires_at: datetime | None) -> dict[str, str]:
    """Where an upload stands. `expires_at` is None once it is complete."""
    found = {OFFSET: str(offset), COMPLETE: "?1" if expires_at is None else "?0", "Cache-Control": "no-store"}
    if length is not None:
        found[LENGTH] = str(length)
    elif speaks_tus(request):
        found[DEFERRED] = "1"
    if expires_at is not None:
        found[EXPIRES] = format_datetime(expires_at, usegmt=True)
    return found


async def _speak(request: Request) -> None:
    """Answer a client of tus as one, whatever the answer is. Raises UnknownTusVersion, and InvalidRequest for what
    the service does not heed."""
    if speaks_tus(request) and request.method != "OPTIONS":
        request.state.headers = {**request.scope["state"].get("headers", {}), RESUMABLE: VERSION}
        if request.headers[RESUMABLE].strip() != VERSION:
            raise UnknownTusVersion(VERSION)
    for name, instead in _NOT_HEEDED.items():
        if name in request.headers:
            raise InvalidRequest([{"header": name, "detail": f"is not supported here: use {instead}"}], 1)


SPOKEN = Depends(_speak)


def number(request: Request, name: str) -> int:
    """A header that must be there, and a number. Raises InvalidRequest."""
    text = request.headers.get(name, "").strip()
    if not _NUMBER.fullmatch(text):
        raise InvalidRequest([{"header": name, "detail": "should be a number of bytes"}], 1)
    return int(text)


def is_deferred(request: Request) -> bool:
    """Whether the client does not know yet how long the file is. Raises InvalidRequest."""
    if DEFERRED not in request.headers:
        return False
    if request.headers[DEFERRED].strip() != "1" or LENGTH in request.headers:
        raise InvalidRequest([{"header": DEFERRED, "detail": f"should be 1, and there be no {LENGTH} then"}], 1)
    return True


def is_complete(request: Request) -> bool:
    """Whether the client says that this is the last part of an upload whose length it has not stated."""
    return request.headers.get(COMPLETE, "").strip() == "?1"


def metadata(request: Request) -> Mapping[str, str]:
    """The pairs of Upload-Metadata: a key, and text in Base64. Raises InvalidRequest."""
    found = {}
    for pair in filter(None, (part.strip() for part in request.headers.get(METADATA, "").split(","))):
        key, _, value = pair.partition(" ")
        try:
            found[key] = base64.b64decode(value.strip(), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            detail = "should be pairs of a key and text in Base64, with commas between them"
            raise InvalidRequest([{"header": METADATA, "detail": detail}], 1) from None
    return found
