"""A version's validation as server-sent events."""

import asyncio
from collections.abc import AsyncIterator, Callable

from fastapi.concurrency import run_in_threadpool
from fastapi.sse import format_sse_event

from access.errors import KeyInvalid
from api import schemas
from api.http.errors import TooManyWaiting
from api.service.fair_limiter import Slot
from api.service.tailer import Tailer
from catalog.datasets.errors import DatasetError
from models import DatabaseUnavailable, VersionStatus

LOOK_SECONDS = 0.5
KEEP_ALIVE_LOOKS = 30  # after so many looks without news, a comment: proxies close a connection that is silent


async def events(
    read: Callable[[], schemas.DatasetVersion],
    version: schemas.DatasetVersion,
    slot: Slot,
    tailer: Tailer,
    key_id: str | None,
) -> AsyncIterator[bytes]:
    """`version` is what `read` has returned first; it raises KeyInvalid once the key is revoked. Ends without `end`
    where the service ends, the key is revoked, or the database goes away: the client reconnects."""
    told, silent = "", 0
    try:
        with tailer.counting(key_id):
            while version.status is VersionStatus.VALIDATING:
                progress = version.progress.model_dump_json() if version.progress else "{}"
                silent = silent + 1 if progress == told else 0
                if progress != told:
                    told = progress
                    yield format_sse_event(event="progress", data_str=progress)
                elif silent % KEEP_ALIVE_LOOKS == 0:
                    yield format_sse_event(comment="")
                await asyncio.sleep(LOOK_SECONDS)
                if tailer.is_closed:
                    return
                async with slot.another():
                    version = await run_in_threadpool(read)
    except DatasetError:
        yield format_sse_event(event="end", data_str='{"status":"deleted"}')
    except (KeyInvalid, TooManyWaiting, DatabaseUnavailable):
        return
    else:
        yield format_sse_event(event=version.status.value, data_str=version.model_dump_json())
        yield format_sse_event(event="end", data_str=f'{{"status":"{version.status}"}}')
