"""What happens to all jobs of a project, as server-sent events.

Every event has an id that says what has been told up to it, so that a client that comes back is told exactly the rest
(`jobs/unseen_events.py`). Other messages tell of a state, and have no id.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Literal

from fastapi.concurrency import run_in_threadpool
from fastapi.sse import format_sse_event

from access import keys
from access.errors import KeyInvalid
from api import schemas
from api.dependencies import ProjectDatabase
from api.http.errors import TooManyWaiting
from api.reading.stream import KEEP_ALIVE_SECONDS, RETRY_MILLISECONDS
from api.service.cursors import Cursors
from api.service.event_hub import EventHub, Listener
from api.service.event_reader import Sent, deleted, deployment_of, event_body, message, with_id
from api.service.fair_limiter import Slot
from jobs.event_feed import deleted_jobs, missed, why_not_told
from jobs.unseen_events import Unseen
from models import DatabaseUnavailable

KEEP_ALIVE = format_sse_event(comment="")
READY = message("ready", "{}")

ResetReason = Literal["too_far_behind", "unknown_position"]


@dataclass(frozen=True, slots=True)
class _Missed:
    """A part of what a client has missed."""

    text: bytes  # formatted in a thread: one by one they would block the event loop
    last: int | None  # the id of the last event in it; None: there are no more


@dataclass(frozen=True, slots=True)
class _Opened:
    """How a stream begins."""

    cursors: Cursors
    mine: Unseen | None  # what the client has not been told; None: it begins anew
    reset: ResetReason | None


async def all_events(hub: EventHub, slot: Slot, database: ProjectDatabase, cursor: str | None) -> AsyncIterator[bytes]:
    """Everything from now on, or everything after `cursor`, until the client leaves."""
    yield format_sse_event(retry=RETRY_MILLISECONDS)
    try:
        with hub.listening(database.caller.project, database.caller.key_id) as listener:
            while (told := await listener.started(KEEP_ALIVE_SECONDS)) is None:
                if listener.has_begun:
                    return  # it is closed
                yield KEEP_ALIVE
            async with slot.another():
                opened = await run_in_threadpool(_open, database, cursor, told)
            here = opened.cursors.write(told)
            if opened.mine is None:
                yield with_id(here, _reset(opened.reset) if opened.reset else READY)
            else:
                after: int | None = 0
                while after is not None:
                    async with slot.another():
                        part = await run_in_threadpool(_read_missed, database, opened, told, after)
                    yield part.text
                    after = part.last
            async for text in _live(listener, opened, told):
                yield text
    except (KeyInvalid, TooManyWaiting, DatabaseUnavailable):
        return  # the client reconnects, and is refused or receives the rest


def _open(database: ProjectDatabase, cursor: str | None, told: Unseen) -> _Opened:
    with database.autocommit_read() as session:
        keys.require_valid(session, database.caller)
        cursors = Cursors(deployment_of(session), database.caller.project)
        if cursor is None:
            return _Opened(cursors, None, None)
        mine = cursors.read(cursor)
        if mine is None:
            return _Opened(cursors, None, "unknown_position")
        why = why_not_told(session, mine, told)
        return _Opened(cursors, None if why else mine, why)


def _read_missed(database: ProjectDatabase, opened: _Opened, told: Unseen, after: int) -> _Missed:
    """Each event's id says that everything up to it was sent, and not that what follows it was."""
    assert opened.mine is not None
    with database.autocommit_read() as session:
        keys.require_valid(session, database.caller)
        records = missed(session, opened.mine, told, after)
        gone = deleted_jobs(session, [database.caller.project]) if not records else []
    texts = [
        with_id(opened.cursors.write(opened.mine.both(told.and_above(record.event.id))), event_body(record))
        for record in records
    ]
    texts += [deleted(job_id).body for _, job_id in gone]
    return _Missed(b"".join(texts), records[-1].event.id if records else None)


async def _live(listener: Listener, opened: _Opened, told: Unseen) -> AsyncIterator[bytes]:
    """What the listener receives. A client that another process has told more than this one needs ids of its own, until
    this process has told the same; others share theirs."""
    mine = opened.mine if opened.mine is not None and opened.mine.both(told) != told else None
    while True:
        texts, is_over = list[bytes](), False
        for each in await listener.several(KEEP_ALIVE_SECONDS):
            match each:
                case Sent(event_id=None) as state:
                    texts.append(state.body)
                case Sent() as event if mine is None:
                    texts.append(event.text)
                case Sent(event_id=int(event_id), unseen=Unseen() as after) as event if mine is not None:
                    left = mine.both(after)
                    if event_id in mine:
                        texts.append(with_id(opened.cursors.write(left), event.body))
                    mine = mine if left != after else None
                case _:  # it is behind, or closed: the client reconnects, and receives the rest
                    is_over = True
        yield b"".join(texts) or KEEP_ALIVE
        if is_over:
            return


def _reset(reason: ResetReason) -> bytes:
    return message("reset", schemas.StreamReset(reason=reason).model_dump_json())
