"""Conditions on what is asked for: `If-Match`, that nobody has changed it since it was looked at (RFC 9110, 13.1.1).

A condition is never passed over. Where there is no `ETag` to compare with, no tag is that of what is there.
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
        description="The `ETag` of what this is meant for: 412 where that has changed since.",
        json_schema_extra={"minLength": 1, "pattern": r'^(\*|(W/)?"[!#-~]*"(, (W/)?"[!#-~]*")*)$'},
    ),
]


def check_preconditions(request: Request, etag: str | None) -> None:
    """That what is there, with this tag, is what `If-Match` names, and of a change also what `If-None-Match` does not.
    Raises PreconditionFailed and InvalidRequest.
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
    """Whether `require` has anything to compare."""
    return IF_MATCH in request.headers or (IF_NONE_MATCH in request.headers and request.method not in ("GET", "HEAD"))


def _tags(request: Request, header: str) -> str | None:
    given = request.headers.getlist(header)
    tags = ",".join(given)
    if not given or header == IF_NONE_MATCH:
        return tags.strip() if given else None
    if not tags.strip():
        return ""  # no tag, of which none is that of what is there
    if not _TAGS.fullmatch(tags):
        detail = "should be * or tags as ETag has them, each in double quotes, with commas between them"
        raise InvalidRequest([{"header": header, "detail": detail}], 1)
    return tags.strip()


def _is_named(etag: str, tags: str) -> bool:
    """A strong comparison: a weak tag names nothing."""
    return any(f'"{tag}"' == etag for weak, tag in _TAG.findall(tags) if not weak)
