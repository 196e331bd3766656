"""Files of jobs, from the storage to the client, a block at a time: whole, or from where an earlier download broke off.

A file never changes, so that its SHA-256 is its ETag, and a part of it fits any other.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any

import structlog
from fastapi import Depends, Header, Request, Response
from fastapi.responses import StreamingResponse

from api.http.errors import RangeNotSatisfiable, StorageUnavailable
from api.http.etags import NOT_MODIFIED_RESPONSE, IfNoneMatch, if_none_match_of, matches, not_modified
from api.http.head_requests import HEAD_ONLY
from api.http.preconditions import IfMatch, check_preconditions
from api.reading.streaming import piece_by_piece
from api.service.fair_limiter import Slot
from storage import Storage, StoredFile

MEDIA_TYPE = "application/octet-stream"

_RANGE = re.compile(r"\s*bytes\s*=\s*(?P<first>[0-9]{0,18})\s*-\s*(?P<last>[0-9]{0,18})\s*", re.IGNORECASE)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Wanted:
    """What of a file a client asks for."""

    request: Request  # with its conditions
    etags: str | None  # that the client has
    range: str | None
    if_range: str | None  # what the file must still be for `range` to count
    head_only: bool  # nothing is to be read


async def _wanted(
    request: Request,
    _declared: IfNoneMatch = None,
    _expected: IfMatch = None,
    asked: Annotated[
        str | None,
        Header(
            alias="Range",
            description="`bytes=1000-`, `bytes=0-999` or `bytes=-1000`: only that part. Of several: all.",
        ),
    ] = None,
    if_range: Annotated[
        str | None, Header(description="The `ETag` that the rest has: the whole file where it is another.")
    ] = None,
) -> Wanted:
    return Wanted(
        request, if_none_match_of(request), asked, if_range, head_only=getattr(request.state, HEAD_ONLY, False)
    )


WantedDep = Annotated[Wanted, Depends(_wanted)]

_HEADERS = {
    name: {"schema": {"type": "string"}} for name in ("Accept-Ranges", "Content-Disposition", "Content-Length", "ETag")
}
_CONTENT = {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}}

FILE: dict[int | str, dict[str, Any]] = {
    HTTPStatus.OK.value: {
        "content": _CONTENT,
        "description": "A safetensors file; `ETag` is its SHA-256.",
        "headers": _HEADERS,
    },
    HTTPStatus.PARTIAL_CONTENT.value: {
        "content": _CONTENT,
        "description": "The part that `Range` asks for.",
        "headers": {**_HEADERS, "Content-Range": {"schema": {"type": "string"}}},
    },
    **NOT_MODIFIED_RESPONSE,
}


def download(storage: Storage, file: StoredFile, wanted: Wanted, slot: Slot) -> Response:
    """`file`, to be saved under a name of its own. Raises StorageUnavailable, RangeNotSatisfiable and
    PreconditionFailed.

    A storage that stops answering in the middle cuts the connection: whoever reads sees that `Content-Length` is more.
    """
    etag, size = f'"{file.sha256}"', file.size_bytes
    headers = {
        "Accept-Ranges": "bytes",
        "Content-Disposition": f'attachment; filename="{file.name.replace("/", "-")}"',
        "ETag": etag,
    }
    check_preconditions(wanted.request, etag)
    if wanted.etags and matches(wanted.etags, etag):
        return not_modified(etag, headers)
    # RFC 9110, 13.1.5: a strong comparison, and never with a date, since a file has none.
    part = _part(wanted.range, size) if wanted.range and wanted.if_range in (None, etag) else None
    status, asked = HTTPStatus.OK, range(size)
    if part is not None:
        status, asked = HTTPStatus.PARTIAL_CONTENT, part
        headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{size}"
    headers["Content-Length"] = str(len(asked))
    if wanted.head_only:
        return Response(status_code=status, headers=headers, media_type=MEDIA_TYPE)
    blocks = _blocks(storage, file.name, asked.start, len(asked))
    return StreamingResponse(piece_by_piece(blocks, slot), status, headers=headers, media_type=MEDIA_TYPE)


def _part(asked: str, size: int) -> range | None:
    """Which bytes a `Range` means; None: all, as where it cannot be read (RFC 9110, 14.2). Raises RangeNotSatisfiable
    where it can, and there are none.
    """
    found = _RANGE.fullmatch(asked)
    if found is None or not (found["first"] or found["last"]):
        return None
    if not found["first"]:
        part = range(max(0, size - int(found["last"])), size)
    elif found["last"] and int(found["last"]) < int(found["first"]):
        return None
    else:
        part = range(int(found["first"]), min(size, int(found["last"]) + 1) if found["last"] else size)
    if not part:
        raise RangeNotSatisfiable(size)
    return part


def _blocks(storage: Storage, name: str, start: int, length: int) -> Iterator[bytes]:
    try:
        return storage.stream(name, start, length)
    except OSError as error:
        log.warning("file not read", name=name, error=str(error))
        raise StorageUnavailable(f"It does not give {name} out: ask again in a few seconds.") from error
