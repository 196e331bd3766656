"""Downloads of files that jobs wrote: whole, or the part that an interrupted download lacks.

A file never changes. Its ETag is its SHA-256, and parts from several downloads fit together.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
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
class DownloadRequest:
    """Which part of a file a client asks for, and under which conditions."""

    request: Request  # its If-Match is checked
    etags: str | None  # of If-None-Match
    range: str | None
    if_range: str | None  # the ETag that the file must have; otherwise `range` is ignored
    head_only: bool  # a HEAD request: no file is read


async def _download_request(
    request: Request,
    _declared: IfNoneMatch = None,
    _expected: IfMatch = None,
    asked: Annotated[
        str | None,
        Header(
            alias="Range",
            description="`bytes=1000-`, `bytes=0-999` or `bytes=-1000`: only that part. Several ranges: all of it.",
        ),
    ] = None,
    if_range: Annotated[
        str | None,
        Header(description="The `ETag` of the part that you have. If it is another now, the whole file is sent."),
    ] = None,
) -> DownloadRequest:
    return DownloadRequest(
        request, if_none_match_of(request), asked, if_range, head_only=getattr(request.state, HEAD_ONLY, False)
    )


DownloadRequestDep = Annotated[DownloadRequest, Depends(_download_request)]

_HEADERS = {
    name: {"schema": {"type": "string"}} for name in ("Accept-Ranges", "Content-Disposition", "Content-Length", "ETag")
}
_CONTENT = {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}}

FILE_RESPONSES: dict[int | str, dict[str, Any]] = {
    HTTPStatus.OK.value: {
        "content": _CONTENT,
        "description": "The file; `ETag` is its SHA-256.",
        "headers": _HEADERS,
    },
    HTTPStatus.PARTIAL_CONTENT.value: {
        "content": _CONTENT,
        "description": "The part that `Range` asks for.",
        "headers": {**_HEADERS, "Content-Range": {"schema": {"type": "string"}}},
    },
    **NOT_MODIFIED_RESPONSE,
}


def download(
    storage: Storage, file: StoredFile, wanted: DownloadRequest, slot: Slot, *, name: str | None = None
) -> Response:
    """`file` as an attachment called `name`, by default after where it is stored. Raises StorageUnavailable,
    RangeNotSatisfiable and PreconditionFailed.

    If the storage stops answering in the middle, the connection is closed. The client sees that it received less than
    `Content-Length` says.
    """
    etag, size = f'"{file.sha256}"', file.size_bytes
    headers = {
        "Accept-Ranges": "bytes",
        "Content-Disposition": f'attachment; filename="{name or file.name.replace("/", "-")}"',
        "ETag": etag,
    }
    check_preconditions(wanted.request, etag)
    if wanted.etags and matches(wanted.etags, etag):
        return not_modified(etag, headers)
    # RFC 9110, 13.1.5: If-Range compares strongly. It may also be a date, which never matches: a file has none.
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
    """The bytes that a `Range` header selects. None means the whole file: a header that cannot be parsed is ignored
    (RFC 9110, 14.2). Raises RangeNotSatisfiable if it selects no bytes.
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
    """Raises StorageUnavailable from this call, or while the blocks are read."""
    with _told_as_unavailable(name):
        blocks = storage.stream(name, start, length)
    return _read(blocks, name)


def _read(blocks: Iterator[bytes], name: str) -> Iterator[bytes]:
    with _told_as_unavailable(name):
        yield from blocks


@contextmanager
def _told_as_unavailable(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        log.warning("file not read", name=name, error=str(error))
        raise StorageUnavailable(f"It does not give {name} out: ask again in a few seconds.") from error
