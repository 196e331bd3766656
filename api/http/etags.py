"""Entity tags, as RFC 9110 compares them."""

from base64 import urlsafe_b64encode
from collections.abc import Mapping
from hashlib import sha256
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Header, Request, Response

REVALIDATE = {"Cache-Control": "private, no-cache"}  # to be kept, but asked about each time

NOT_MODIFIED_RESPONSE: dict[int | str, dict[str, Any]] = {
    HTTPStatus.NOT_MODIFIED.value: {"description": "As the client has it: `If-None-Match` has its `ETag`."}
}

IfNoneMatch = Annotated[
    str | None,
    Header(alias="If-None-Match", description="The `ETag` of an earlier answer: 304 where that is still the answer."),
]


def if_none_match_of(request: Request) -> str | None:
    """What `If-None-Match` has, on one line or on several."""
    return ",".join(request.headers.getlist("if-none-match")) or None


def etag_of(body: str | bytes) -> str:
    """The tag of an answer."""
    content = body.encode() if isinstance(body, str) else body
    return f'"{urlsafe_b64encode(sha256(content).digest()[:15]).decode()}"'


def matches(etags: str, etag: str) -> bool:
    """Whether an `If-None-Match` has this tag: a weak comparison."""
    return etags.strip() == "*" or etag in (tag.strip().removeprefix("W/") for tag in etags.split(","))


def not_modified(etag: str, headers: Mapping[str, str]) -> Response:
    """In place of what the client has."""
    return Response(status_code=HTTPStatus.NOT_MODIFIED, headers={**REVALIDATE, **headers, "ETag": etag})
