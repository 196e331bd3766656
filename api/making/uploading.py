"""Receives the body of a request as a part of an upload, in constant memory."""

import errno
from asyncio import CancelledError
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import partial
from time import monotonic

import structlog
from anyio import CancelScope, to_thread
from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from api.http.bodies import require_uncoded
from api.http.errors import StorageUnavailable
from api.http.middleware import BodyTooSlow
from api.http.multipart import file_of, is_multipart
from api.service.service import Service
from catalog.datasets import uploads as upload_rows
from catalog.datasets.errors import DatasetError, UploadComplete, UploadRefused
from jobs import dataset_garbage, uploads
from jobs.uploads import UploadWriter
from models import DatabaseUnavailable, Upload
from training.archives.kinds import archive_kind
from training.errors import DatasetInvalid

__all__ = ["delete_files", "discard", "finish", "is_multipart", "receive"]

HEAD_BYTES = 4096  # that the kind of an archive is told from
RENEW_SECONDS = 30.0  # so often, an upload that is sent as one body is renewed

log = structlog.get_logger()


async def receive(request: Request, service: Service, upload: Upload, *, resumable: bool) -> Upload:
    """Append the body to `upload`, and return what it is then. When the connection breaks, what has arrived of one that
    is `resumable` is kept.

    Raises UploadRefused where the first bytes are not an archive's; UploadTooLarge, UploadComplete, OffsetMismatch,
    UploadNotFound, QuotaExceeded, MalformedBody and StorageUnavailable.
    """
    writer = UploadWriter(service.database, service.storage, upload, service.settings.max_upload_bytes)
    head = bytearray() if upload.received_bytes == 0 else None
    renewed_at = monotonic()
    try:
        async for content in _body(request):
            if upload.version is not None:
                raise UploadComplete(upload.id)
            if not resumable and monotonic() - renewed_at >= RENEW_SECONDS:
                await run_in_threadpool(_renew, service, upload)
                renewed_at = monotonic()
            if head is not None:
                head += content
                if len(head) >= HEAD_BYTES:
                    _require_archive(bytes(head))
                    head = None
            if writer.write(content) and head is None:
                await _store(service, writer, rest=False)
        # The first part of several may be too short to tell: the validation will.
        if head and (not resumable or len(head) == upload.total_bytes):
            _require_archive(bytes(head))
    except (ClientDisconnect, BodyTooSlow, CancelledError):
        if resumable:
            with CancelScope(shield=True), suppress(Exception):
                await _store(service, writer)
        raise
    await _store(service, writer)
    return await run_in_threadpool(_find, service, upload)


async def finish(service: Service, upload_id: str) -> Upload:
    """All bytes have arrived: see `jobs.uploads.finish`."""
    return await to_thread.run_sync(uploads.finish, service.database, upload_id, limiter=service.limits.upload_threads)


async def discard(service: Service, upload: Upload) -> None:
    """Forget an upload that failed, with its files, as far as database and storage answer: otherwise it expires."""

    def forget() -> bool:
        with suppress(DatasetError, DatabaseUnavailable), service.database.session(upload.project) as session:
            return uploads.discard(session, upload.id)
        return False

    with CancelScope(shield=True):
        if await run_in_threadpool(forget):
            await delete_files(service, upload.id)


async def delete_files(service: Service, upload_id: str) -> None:
    """Delete what an upload that is forgotten has left in the storage. A worker does it within the hour where the
    storage does not answer."""

    def delete() -> None:
        with suppress(OSError):
            dataset_garbage.delete_upload_files(service.storage, upload_id)

    await to_thread.run_sync(delete, limiter=service.limits.upload_threads)


async def _body(request: Request) -> AsyncIterator[bytes]:
    require_uncoded(request)
    content_type = request.headers.get("content-type", "")
    body = request.stream()
    async for content in file_of(content_type, body) if is_multipart(content_type) else body:
        if content:
            yield content


async def _store(service: Service, writer: UploadWriter, *, rest: bool = True) -> None:
    try:
        await to_thread.run_sync(partial(writer.store, rest=rest), limiter=service.limits.upload_threads)
    except OSError as error:
        log.warning("storage takes no upload", error=str(error))
        if error.errno == errno.ENOSPC:
            raise StorageUnavailable("It is full: whoever runs the service has to make room.") from error
        raise StorageUnavailable("It does not take the upload: go on, or send it again, in a few seconds.") from error


def _find(service: Service, upload: Upload) -> Upload:
    with service.database.snapshot(upload.project) as session:
        return upload_rows.find(session, upload.id)


def _renew(service: Service, upload: Upload) -> None:
    with service.database.session(upload.project) as session:
        upload_rows.renew(session, upload)


def _require_archive(head: bytes) -> None:
    try:
        archive_kind(head)
    except DatasetInvalid as error:
        raise UploadRefused(str(error)) from error
