"""Entity tags: how they are made and compared (RFC 9110, 8.8.3)."""

from base64 import urlsafe_b64encode
from collections.abc import Mapping
from hashlib import sha256
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Header, Request, Response

REVALIDATE = {"Cache-Control": "private, no-cache"}  # a client may store it, and must revalidate it before each use

NOT_MODIFIED_RESPONSE: dict[int | str, dict[str, Any]] = {
    HTTPStatus.NOT_MODIFIED.value: {"description": "Nothing has changed: `If-None-Match` contains the current `ETag`."}
}

IfNoneMatch = Annotated[
    str | None,
    Header(
        alias="If-None-Match",
        description="The `ETag` of an earlier answer. If it is still current, the answer is 304 without a body.",
    ),
]


def if_none_match_of(request: Request) -> str | None:
    """The value of `If-None-Match`; several headers are joined with commas."""
    return ",".join(request.headers.getlist("if-none-match")) or None


def etag_of(body: str | bytes) -> str:
    """The strong tag of an answer with this body: a hash of its bytes."""
    content = body.encode() if isinstance(body, str) else body
    return f'"{urlsafe_b64encode(sha256(content).digest()[:15]).decode()}"'


def matches(etags: str, etag: str) -> bool:
    """Whether `etags`, an `If-None-Match`, contains this tag, by weak comparison."""
    return etags.strip() == "*" or etag in (tag.strip().removeprefix("W/") for tag in etags.split(","))


def not_modified(etag: str, headers: Mapping[str, str]) -> Response:
    """The 304 for a client that has the answer with this tag."""
    return Response(status_code=HTTPStatus.NOT_MODIFIED, headers={**REVALIDATE, **headers, "ETag": etag})
