"""Preconditions (RFC 9110, 13.1): with `If-Match`, a request succeeds only if the resource has not changed.

No precondition is ignored, on any route. On a resource without an `ETag`, `If-Match` with a tag always fails.
"""

import re
from typing import Annotated

from fastapi import Header, Request

from api.http.errors import InvalidRequest, PreconditionFailed
from api.http.etags import matches

IF_MATCH, IF_NONE_MATCH = "If-Match", "If-None-Match"

_TAGS = re.compile(r'\s*(?:\*|(?:W/)?"[^"\s]*"(?:\s*,\s*(?:W/)?"[^"\s]*")*)\s*')
_TAG = re.compile(r'(W/)?"([^"\s]*)"')

IfMatch = Annotated[
    str | None,
    Header(
        alias=IF_MATCH,
        description="The `ETag` that the client last saw. If the current one differs, the answer is 412.",
        json_schema_extra={"minLength": 1, "pattern": r'^(\*|(W/)?"[!#-~]*"(, (W/)?"[!#-~]*")*)$'},
    ),
]


def check_preconditions(request: Request, etag: str | None) -> None:
    """Compare `etag`, the resource's current tag, with the request's preconditions: `If-Match` must name it; unless
    the request is a GET or HEAD, `If-None-Match` must not. Raises PreconditionFailed and InvalidRequest.
    """
    wanted = _tags(request, IF_MATCH)
    if wanted is not None and wanted != "*" and (etag is None or not _is_named(etag, wanted)):
        raise PreconditionFailed(etag)
    if request.method in ("GET", "HEAD"):
        return
    unwanted = _tags(request, IF_NONE_MATCH)
    if unwanted is not None and (unwanted == "*" or (etag is not None and matches(unwanted, etag))):
        raise PreconditionFailed(etag)


def has_preconditions(request: Request) -> bool:
    """Whether the request has a precondition that `check_preconditions` would check."""
    return IF_MATCH in request.headers or (IF_NONE_MATCH in request.headers and request.method not in ("GET", "HEAD"))


def _tags(request: Request, header: str) -> str | None:
    given = request.headers.getlist(header)
    tags = ",".join(given)
    if not given or header == IF_NONE_MATCH:
        return tags.strip() if given else None
    if not tags.strip():
        return ""  # an empty list of tags, which matches no resource
    if not _TAGS.fullmatch(tags):
        detail = "should be * or tags as ETag has them, each in double quotes, with commas between them"
        raise InvalidRequest([{"header": header, "detail": detail}], 1)
    return tags.strip()


def _is_named(etag: str, tags: str) -> bool:
    """By strong comparison: a weak tag never matches."""
    return any(f'"{tag}"' == etag for weak, tag in _TAG.findall(tags) if not weak)
