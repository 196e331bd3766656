"""A job's events as they happen, as server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html).

The stream ends by saying so: with `end` once the job has ended, which a client that comes back is told with 204, so
that a browser's EventSource does not come back again.
"""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

from fastapi.concurrency import run_in_threadpool
from fastapi.sse import format_sse_event

from access import keys
from access.errors import KeyInvalid
from api.dependencies import ProjectDatabase
from api.http.errors import TooManyWaiting
from api.service.fair_limiter import Slot
from api.service.tailer import Message, Tailer, message_of
from jobs import queries
from jobs.errors import JobNotFound
from models import TERMINAL, DatabaseUnavailable, JobStatus

KEEP_ALIVE_SECONDS = 15.0  # proxies close what is silent for a minute
RETRY_MILLISECONDS = 1000  # so soon a browser comes back
AT_ONCE = 1000  # events of the past

FINAL = frozenset(status.value for status in TERMINAL)


@dataclass(frozen=True, slots=True)
class Past:
    """What has happened up to now."""

    messages: list[Message]  # up to the last one that there will be
    status: JobStatus
    position: int  # of the last of them, as jobs.following counts; where there are none, of the one before
    text: bytes  # as they go out, in one piece: one by one they would hold the event loop up

    @property
    def end(self) -> str | None:
        """How the job ended, where these messages say so."""
        kind = self.messages[-1].kind if self.messages else ""
        return kind if kind in FINAL else None

    @property
    def is_over(self) -> bool:
        """There is nothing to tell, now or later."""
        return not self.messages and self.status in TERMINAL


def read(database: ProjectDatabase, job_id: str, after: int) -> Past:
    """What lies behind the event `after`. Raises JobNotFound and KeyInvalid."""
    with database.autocommit_read() as session:
        keys.require_valid(session, database.caller)
        status = queries.status_of(session, job_id)
        position = queries.event_position(session, job_id, after)
        page = queries.events_after(session, job_id, after, AT_ONCE)
    messages = [message_of(record) for record in page.rows]
    ends = next((place for place, message in enumerate(messages, 1) if message.kind in FINAL), len(messages))
    messages = messages[:ends]
    position = messages[-1].event_id if messages else position
    return Past(messages, status, position, b"".join(map(_written, messages)))


async def events(
    tailer: Tailer, slot: Slot, database: ProjectDatabase, job_id: str, after: int, past: Past
) -> AsyncIterator[bytes]:
    """From the event behind `after` on, of which `past` was read already, until the job ends."""
    yield format_sse_event(retry=RETRY_MILLISECONDS)
    with tailer.watching(job_id, database.caller.key_id) as watcher:
        told = after
        while True:
            if past.messages:
                told = past.messages[-1].number
                yield past.text
            if past.end:
                yield _end(past.end)
                return
            try:
                async with slot.another():
                    past = await run_in_threadpool(read, database, job_id, told)
            except JobNotFound:
                yield _end("deleted")
                return
            except (KeyInvalid, TooManyWaiting, DatabaseUnavailable):
                return  # a client that may comes back, and is told the rest
            if not past.messages:
                break
        tailer.start(job_id, past.position)
        while True:
            match await watcher.next(KEEP_ALIVE_SECONDS):
                case None:
                    yield format_sse_event(comment="")
                case Message() as message:
                    if message.number > told:
                        told = message.number
                        yield _written(message)
                    if message.kind in FINAL:
                        yield _end(message.kind)
                        return
                case "deleted":
                    yield _end("deleted")
                    return
                case "behind" | "closed":
                    return  # the client comes back, and is told the rest


def _written(message: Message) -> bytes:
    return format_sse_event(data_str=message.body, event=message.kind, id=str(message.number))


def _end(how: str) -> bytes:
    return format_sse_event(data_str=json.dumps({"status": how}), event="end")
