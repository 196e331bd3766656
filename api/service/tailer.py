"""Polls the database for changes of jobs, once a tick for all requests and streams of this process that follow one.

A thousand watchers so cost one query a tick, as one watcher does.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Generic, Literal, TypeVar

from api.http.errors import TooManyWaiting
from api.service.polling import Poller
from api.views import translate
from jobs.following import Position, Updates, find_updates
from jobs.queries import EventWithEpoch
from models import Database

MAX_WAITING = 2_000  # open streams and waiting requests of one key

DELETED = 2**63  # greater than every revision

# How many messages may wait for a watcher. One that reads too slowly is disconnected. Its client reconnects, and
# receives the rest.
MAX_UNREAD = 10_000
MOST_AT_ONCE = 100  # messages that a stream sends in one piece

Sent = TypeVar("Sent")


@dataclass(frozen=True, slots=True)
class Message:
    """An event as watchers receive it. It is serialised once for all of them."""

    event_id: int  # orders the events of all jobs; internal
    number: int  # orders the events of one job; clients see it as the event's id
    kind: str  # the event's type
    body: str  # JSON


EndReason = Literal["deleted", "behind", "closed"]


class Watcher(Generic[Sent]):
    """Receives messages for one stream. `key_id` is None if no key was required."""

    def __init__(self, key_id: str | None) -> None:
        self.key_id = key_id
        self._messages: asyncio.Queue[Sent | EndReason] = asyncio.Queue()

    async def next(self, timeout_seconds: float) -> Sent | EndReason | None:
        """Wait for the next message. None if there is none within `timeout_seconds`."""
        try:
            async with asyncio.timeout(timeout_seconds):  # in Python 3.11, wait_for makes a task for each call
                return await self._messages.get()
        except TimeoutError:
            return None

    async def several(self, timeout_seconds: float) -> list[Sent | EndReason]:
        """Wait for the next message, and take what has come with it, MOST_AT_ONCE in all. Sent one by one, messages for
        many streams would keep the event loop from all else. None if there is none within `timeout_seconds`."""
        first = await self.next(timeout_seconds)
        found = [] if first is None else [first]
        while found and len(found) < MOST_AT_ONCE and not self._messages.empty():
            found.append(self._messages.get_nowait())
        return found

    def end(self) -> None:
        """Have the client reconnect."""
        self.put("closed")

    def put(self, message: Sent | EndReason) -> None:
        """Add a message without waiting. If too many wait already, the last one is `behind`, and further ones are
        dropped."""
        if self._messages.qsize() < MAX_UNREAD:
            self._messages.put_nowait(message)
        elif self._messages.qsize() == MAX_UNREAD:
            self._messages.put_nowait("behind")


@dataclass(slots=True)
class _FollowedJob:
    """A job that at least one watcher or request follows."""

    position: Position = field(default_factory=Position)
    watchers: set[Watcher[Message]] = field(default_factory=set)
    waiting: set[asyncio.Event] = field(default_factory=set)  # set at any change

    @property
    def is_unfollowed(self) -> bool:
        return not self.watchers and not self.waiting


class Tailer(Poller):
    """Use it from the event loop only. It reads the database in a thread of its own."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, "tailer")
        self._jobs: dict[str, _FollowedJob] = {}
        self._waiting: Counter[str | None] = Counter()  # streams and requests, by key id

    def close(self) -> None:
        """End all streams and waits. Their clients reconnect to another process."""
        self.is_closed = True
        for job in self._jobs.values():
            for watcher in job.watchers:
                watcher.put("closed")
            self._wake(job)

    def require_capacity(self, key_id: str | None) -> None:
        """Check that the key may have one more stream or waiting request. Raises TooManyWaiting."""
        if key_id is not None and self._waiting[key_id] >= MAX_WAITING:
            raise TooManyWaiting(MAX_WAITING)

    @contextmanager
    def counting(self, key_id: str | None) -> Iterator[None]:
        """Count a request that waits for what is no job, while the context lasts. Raises TooManyWaiting."""
        self.require_capacity(key_id)
        self._waiting[key_id] += 1
        try:
            yield
        finally:
            self._forget(key_id)

    @contextmanager
    def subscribe(self, job_id: str, key_id: str | None) -> Iterator[Watcher[Message]]:
        """Subscribe to a job while the context lasts. Messages arrive once `start` has set the position to poll
        from."""
        job, watcher = self._follow(job_id, key_id), Watcher[Message](key_id)
        job.watchers.add(watcher)
        try:
            yield watcher
        finally:
            job.watchers.discard(watcher)
            self._leave(job_id, job, key_id)

    def start_after(self, job_id: str, event_id: int) -> None:
        """Deliver the events of this job behind `event_id`. Requires that the caller watches the job.

        If the job is polled already, its position stays: it is the same or later, and every message since the caller
        subscribed has reached the caller, too.
        """
        job = self._jobs[job_id]
        if job.position.event_id is None:
            job.position = Position(None, event_id)

    async def wait_for_change(
        self, job_id: str, revision: int, timeout_seconds: float, key_id: str | None = None
    ) -> bool:
        """Wait until the job has a later revision, or the tailer is closed. False if neither happens in time."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_seconds
        job, waiting = self._follow(job_id, key_id), asyncio.Event()
        job.waiting.add(waiting)
        try:
            while not self.is_closed and (job.position.revision is None or job.position.revision <= revision):
                waiting.clear()
                async with asyncio.timeout_at(deadline):
                    await waiting.wait()
        except TimeoutError:
            return False
        finally:
            job.waiting.discard(waiting)
            self._leave(job_id, job, key_id)
        return True

    def _follow(self, job_id: str, key_id: str | None) -> _FollowedJob:
        self._is_wanted.set()
        self._waiting[key_id] += 1
        return self._jobs.setdefault(job_id, _FollowedJob())

    def _leave(self, job_id: str, job: _FollowedJob, key_id: str | None) -> None:
        self._forget(key_id)
        if job.is_unfollowed and self._jobs.get(job_id) is job:
            del self._jobs[job_id]
        if not self._jobs:
            self._is_wanted.clear()

    def _forget(self, key_id: str | None) -> None:
        self._waiting[key_id] -= 1
        if not self._waiting[key_id]:
            del self._waiting[key_id]

    async def _poll_once(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Returns whether the database has answered."""
        positions = {job_id: job.position for job_id, job in self._jobs.items()}
        found = await self._in_thread(loop, partial(self._read, positions))
        if found:
            self._publish(positions, *found)
        return found is not None

    def _streams(self) -> Sequence[Watcher[Message]]:
        return [watcher for job in self._jobs.values() for watcher in job.watchers]

    def _read(self, positions: Mapping[str, Position]) -> tuple[Updates, list[tuple[str, Message]]]:
        # Revisions are read before events. An event that is newer than its revision is published now, and not again:
        # the position follows the last event.
        with self._database.autocommit_read() as session:
            news = find_updates(session, positions)
            return news, [(record.event.job_id, message_of(record)) for record in news.events]

    def _publish(self, polled_from: Mapping[str, Position], news: Updates, messages: list[tuple[str, Message]]) -> None:
        for job_id, message in messages:
            if job := self._jobs.get(job_id):
                for watcher in job.watchers:
                    watcher.put(message)
        last = {job_id: message.event_id for job_id, message in messages}
        for job_id, before in polled_from.items():
            job = self._jobs.get(job_id)
            if job is None or job.position is not before:
                continue  # during the read its last follower left, or `start` set another position
            revision = news.revisions.get(job_id)
            if job_id in news.deleted:
                self._announce_deletion(job)
            elif revision != before.revision:
                job.position = Position(revision, last.get(job_id, before.event_id))
                self._wake(job)

    def _announce_deletion(self, job: _FollowedJob) -> None:
        for watcher in job.watchers:
            watcher.put("deleted")
        job.position = Position(DELETED, job.position.event_id)
        self._wake(job)

    def _wake(self, job: _FollowedJob) -> None:
        for waiting in job.waiting:
            waiting.set()


def message_of(record: EventWithEpoch) -> Message:
    """An event as watchers receive it."""
    return Message(record.event.id, record.event.number, record.event.type, translate.event(record).model_dump_json())
