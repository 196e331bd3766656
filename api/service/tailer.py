"""One look at the database a tick, for everybody in this process who follows jobs: a thousand watchers cost what one
does.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Literal, TypeVar

import structlog

from access import keys
from api.http.errors import TooManyWaiting
from api.views import translate
from jobs.following import Position, Updates, find_updates
from jobs.queries import EventWithEpoch
from models import Database, DatabaseUnavailable, log_outage

# From one look to the next. The more is followed, the longer a look takes, and the further they lie apart.
LEAST_TICK_SECONDS = 0.05
MOST_TICK_SECONDS = 0.1
MOST_LOOKING = 0.2  # of the time, as far as the longest tick allows

# Between two looks whether the keys of watchers still let them in.
KEYS_EVERY_SECONDS = 5.0

MOST_WAITING = 2_000  # streams and waiting requests of one key

DELETED = 2**63  # a revision behind every other

# Messages that a watcher may be behind. One that reads so slowly comes back later, and is told the rest.
MOST_UNREAD = 10_000

Found = TypeVar("Found")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Message:
    """What a watcher is told: an event, written once for all of them."""

    event_id: int  # by which the database orders all events: for nobody outside
    number: int  # by which the job's own are told apart
    kind: str  # the event's type
    body: str  # JSON


Ended = Literal["deleted", "behind", "closed"]


class Watcher:
    """Somebody who follows a job's events, let in by a key or without."""

    def __init__(self, key_id: str | None) -> None:
        self.key_id = key_id
        self._messages: asyncio.Queue[Message | Ended] = asyncio.Queue()

    async def next(self, timeout_seconds: float) -> Message | Ended | None:
        """None where nothing has happened for so long."""
        try:
            async with asyncio.timeout(timeout_seconds):  # wait_for makes a task, in Python 3.11
                return await self._messages.get()
        except TimeoutError:
            return None

    def tell(self, message: Message | Ended) -> None:
        """Does not wait for anybody."""
        if self._messages.qsize() < MOST_UNREAD:
            self._messages.put_nowait(message)
        elif self._messages.qsize() == MOST_UNREAD:
            self._messages.put_nowait("behind")


@dataclass(slots=True)
class _Followed:
    """A job that somebody follows."""

    position: Position = field(default_factory=Position)
    watchers: set[Watcher] = field(default_factory=set)
    waiting: set[asyncio.Event] = field(default_factory=set)  # for any change

    @property
    def is_left(self) -> bool:
        return not self.watchers and not self.waiting


class Tailer:
    """Used from the event loop alone; only its look at the database is in a thread of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._jobs: dict[str, _Followed] = {}
        self._somebody = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="tailer")
        self._waiting: Counter[str | None] = Counter()  # how many, for each key
        self.is_closed = False

    async def run(self) -> None:
        """Look, tick by tick, for as long as somebody follows anything; until it is cancelled."""
        loop = asyncio.get_running_loop()
        keys_due = loop.time()
        try:
            while True:
                await self._somebody.wait()
                began = loop.time()
                await self._look_once(loop)
                wanted = (loop.time() - began) / MOST_LOOKING
                due = began + min(max(LEAST_TICK_SECONDS, wanted), MOST_TICK_SECONDS)
                if loop.time() >= keys_due:
                    keys_due = loop.time() + KEYS_EVERY_SECONDS
                    await self._shut_out(loop)
                await asyncio.sleep(max(0.0, due - loop.time()))
        finally:
            self._thread.shutdown(wait=False)
            self.close()

    def close(self) -> None:
        """Send everybody away: who comes back, finds another process."""
        self.is_closed = True
        for job in self._jobs.values():
            for watcher in job.watchers:
                watcher.tell("closed")
            self._wake(job)

    def require_room(self, key_id: str | None) -> None:
        """For one more who waits or watches. Raises TooManyWaiting."""
        if key_id is not None and self._waiting[key_id] >= MOST_WAITING:
            raise TooManyWaiting(MOST_WAITING)

    @contextmanager
    def watching(self, job_id: str, key_id: str | None) -> Iterator[Watcher]:
        """A watcher of a job. What happens from here on it will be told, once `start` has said from where on."""
        job, watcher = self._follow(job_id, key_id), Watcher(key_id)
        job.watchers.add(watcher)
        try:
            yield watcher
        finally:
            job.watchers.discard(watcher)
            self._leave(job_id, job, key_id)

    def start(self, job_id: str, event_id: int) -> None:
        """Whoever watches this job knows its events up to this one. Where others watch it already, they are further, or
        as far: what came in between, the new watcher has been told with them."""
        job = self._jobs[job_id]
        if job.position.event_id is None:
            job.position = Position(None, event_id)

    async def changed(self, job_id: str, revision: int, timeout_seconds: float, key_id: str | None = None) -> bool:
        """Wait until the job is not as it was at `revision`, or everybody is sent away. Whether it was in time."""
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

    def _follow(self, job_id: str, key_id: str | None) -> _Followed:
        self._somebody.set()
        self._waiting[key_id] += 1
        return self._jobs.setdefault(job_id, _Followed())

    def _leave(self, job_id: str, job: _Followed, key_id: str | None) -> None:
        self._waiting[key_id] -= 1
        if not self._waiting[key_id]:
            del self._waiting[key_id]
        if job.is_left and self._jobs.get(job_id) is job:
            del self._jobs[job_id]
        if not self._jobs:
            self._somebody.clear()

    async def _look_once(self, loop: asyncio.AbstractEventLoop) -> None:
        positions = {job_id: job.position for job_id, job in self._jobs.items()}
        if found := await self._asked(loop, partial(self._look, positions)):
            self._tell(positions, *found)

    async def _shut_out(self, loop: asyncio.AbstractEventLoop) -> None:
        """End what watchers see whose keys let nobody in any more."""
        watchers = [watcher for job in self._jobs.values() for watcher in job.watchers if watcher.key_id]
        key_ids = {str(watcher.key_id) for watcher in watchers}
        shut_out = await self._asked(loop, partial(self._no_longer_valid, key_ids)) if watchers else None
        for watcher in watchers:
            if shut_out and watcher.key_id in shut_out:
                watcher.tell("closed")

    async def _asked(self, loop: asyncio.AbstractEventLoop, question: Callable[[], Found]) -> Found | None:
        """In the tailer's thread. None where the database does not answer: the next tick asks again."""
        try:
            return await loop.run_in_executor(self._thread, question)
        except DatabaseUnavailable as error:
            log_outage(log, error)
        except Exception:  # ours; without further looks, everybody would wait for ever
            log.exception("look failed")
        return None

    def _look(self, positions: Mapping[str, Position]) -> tuple[Updates, list[tuple[str, Message]]]:
        # Events that are newer than the revision that was read before them are not found again: they are told already.
        with self._database.autocommit_read() as session:
            news = find_updates(session, positions)
            return news, [(record.event.job_id, message_of(record)) for record in news.events]

    def _no_longer_valid(self, key_ids: Collection[str]) -> set[str]:
        with self._database.autocommit_read() as session:
            return keys.no_longer_valid(session, key_ids)

    def _tell(self, looked_from: Mapping[str, Position], news: Updates, messages: list[tuple[str, Message]]) -> None:
        for job_id, message in messages:
            if job := self._jobs.get(job_id):
                for watcher in job.watchers:
                    watcher.tell(message)
        last = {job_id: message.event_id for job_id, message in messages}
        for job_id, before in looked_from.items():
            job = self._jobs.get(job_id)
            if job is None or job.position is not before:
                continue  # nobody follows it any more, or somebody began to while this was looked up
            revision = news.revisions.get(job_id)
            if job_id in news.deleted:
                self._say_deleted(job)
            elif revision != before.revision:
                job.position = Position(revision, last.get(job_id, before.event_id))
                self._wake(job)

    def _say_deleted(self, job: _Followed) -> None:
        for watcher in job.watchers:
            watcher.tell("deleted")
        job.position = Position(DELETED, job.position.event_id)
        self._wake(job)

    def _wake(self, job: _Followed) -> None:
        for waiting in job.waiting:
            waiting.set()


def message_of(record: EventWithEpoch) -> Message:
    """An event as its watchers get it."""
    return Message(record.event.id, record.event.number, record.event.type, translate.event(record).model_dump_json())
