"""A job's events as they happen, as server-sent events
(https://html.spec.whatwg.org/multipage/server-sent-events.html).

Once the job has ended, the stream sends the event `end` and closes. A client that reconnects after that gets 204, which
makes a browser's EventSource stop reconnecting.
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
from api.service.tailer import Message, Tailer, Watcher, message_of
from jobs import queries
from jobs.errors import JobNotFound
from models import TERMINAL, DatabaseUnavailable, JobStatus

KEEP_ALIVE_SECONDS = 15.0  # proxies close a connection that is silent for a minute
RETRY_MILLISECONDS = 1000  # after which a browser reconnects
BATCH_SIZE = 1000  # events per query

FINAL = frozenset(status.value for status in TERMINAL)


@dataclass(frozen=True, slots=True)
class Backlog:
    """Events that are stored already: at most BATCH_SIZE of those behind a given one."""

    messages: list[Message]  # up to the one that ends the job
    status: JobStatus
    position: int  # `event_id` of the last message; if there is none, of the event before
    text: bytes  # all messages as they are sent, formatted in a thread: one by one they would block the event loop

    @property
    def end(self) -> str | None:
        """The status in which the job ended, if these messages contain its end."""
        kind = self.messages[-1].kind if self.messages else ""
        return kind if kind in FINAL else None

    @property
    def is_over(self) -> bool:
        """Whether there is nothing to send, now or later."""
        return not self.messages and self.status in TERMINAL


def read_backlog(database: ProjectDatabase, job_id: str, after: int) -> Backlog:
    """The stored events behind the event number `after`. Raises JobNotFound and KeyInvalid."""
    with database.autocommit_read() as session:
        keys.require_valid(session, database.caller)
        status = queries.status_of(session, job_id)
        position = queries.event_position(session, job_id, after)
        page = queries.events_after(session, job_id, after, BATCH_SIZE)
    messages = [message_of(record) for record in page.rows]
    ends = next((place for place, message in enumerate(messages, 1) if message.kind in FINAL), len(messages))
    messages = messages[:ends]
    position = messages[-1].event_id if messages else position
    return Backlog(messages, status, position, b"".join(map(_formatted, messages)))


async def events(
    tailer: Tailer, slot: Slot, database: ProjectDatabase, job_id: str, after: int, backlog: Backlog
) -> AsyncIterator[bytes]:
    """The events behind `after`, until the job ends. `backlog` has the first of them.

    Stored events are read until there are no more, while the watcher already collects new ones; then the watcher is
    read. An event may come from both: its number tells whether it was sent.
    """
    yield format_sse_event(retry=RETRY_MILLISECONDS)
    with tailer.subscribe(job_id, database.caller.key_id) as watcher:
        told = after
        while True:
            if backlog.messages:
                told = backlog.messages[-1].number
                yield backlog.text
            if backlog.end:
                yield _end(backlog.end)
                return
            try:
                async with slot.another():
                    backlog = await run_in_threadpool(read_backlog, database, job_id, told)
            except JobNotFound:
                yield _end("deleted")
                return
            except (KeyInvalid, TooManyWaiting, DatabaseUnavailable):
                return  # the client reconnects, and is refused or receives the rest
            if not backlog.messages:
                break
        tailer.start_after(job_id, backlog.position)
        async for text in _new_events(watcher, told):
            yield text


async def _new_events(watcher: Watcher[Message], told: int) -> AsyncIterator[bytes]:
    """What the watcher receives, without the events up to the number `told`, which were sent already."""
    while True:
        match await watcher.next(KEEP_ALIVE_SECONDS):
            case None:
                yield format_sse_event(comment="")
            case Message() as message:
                if message.number > told:
                    told = message.number
                    yield _formatted(message)
                if message.kind in FINAL:
                    yield _end(message.kind)
                    return
            case "deleted":
                yield _end("deleted")
                return
            case "behind" | "closed":
                return  # the client reconnects, and receives the rest


def _formatted(message: Message) -> bytes:
    return format_sse_event(data_str=message.body, event=message.kind, id=str(message.number))


def _end(how: str) -> bytes:
    return format_sse_event(data_str=json.dumps({"status": how}), event="end")
