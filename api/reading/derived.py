"""Answers that are made from what is stored, such as pictures: with a tag of their content."""

from collections.abc import Mapping
from types import MappingProxyType

from fastapi import Request, Response

from api.http.etags import REVALIDATE, etag_of, if_none_match_of, matches, not_modified
from api.http.preconditions import check_preconditions

NO_HEADERS: Mapping[str, str] = MappingProxyType({})


def derived(request: Request, content: bytes, media_type: str, headers: Mapping[str, str] = NO_HEADERS) -> Response:
    """`content`, or 304 for a client that has it, with `headers` of its own. Raises PreconditionFailed."""
    etag, etags = etag_of(content), if_none_match_of(request)
    check_preconditions(request, etag)
    if etags and matches(etags, etag):
        return not_modified(etag, headers)
    return Response(content, headers={**REVALIDATE, **headers, "ETag": etag}, media_type=media_type)
