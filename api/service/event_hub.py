"""Everything that happens to the jobs of a project, for all streams of this process that listen to one.

One thread reads the database for all of them, once a tick and only while anybody listens. Each message is made once for
all listeners of its project.
"""

import asyncio
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

import structlog

from access import keys
from api.service.event_reader import EventReader, News, Sent
from api.service.tailer import (
    CHECK_KEYS_SECONDS,
    MAX_POLLING_SHARE,
    MAX_TICK_SECONDS,
    MIN_TICK_SECONDS,
    RETRY_SECONDS,
    Tailer,
    Watcher,
)
from jobs.unseen_events import Unseen
from models import Database, DatabaseUnavailable, log_outage

Result = TypeVar("Result")

log = structlog.get_logger()


class Listener(Watcher[Sent]):
    """Receives what happens in one project, from `started` on."""

    def __init__(self, project: str, key_id: str | None) -> None:
        super().__init__(key_id)
        self.project = project
        self._unseen: asyncio.Future[Unseen | None] = asyncio.get_running_loop().create_future()

    @property
    def has_begun(self) -> bool:
        """Whether messages arrive."""
        return self._unseen.done()

    def begin(self, unseen: Unseen | None) -> None:
        """From here on, every message arrives. None: none will."""
        if not self._unseen.done():
            self._unseen.set_result(unseen)

    async def started(self, timeout_seconds: float) -> Unseen | None:
        """What was unseen before the first message. None if it has not begun within `timeout_seconds`, or never
        will."""
        done, _ = await asyncio.wait([self._unseen], timeout=timeout_seconds)
        return self._unseen.result() if done else None


class EventHub:
    """Use it from the event loop only. It reads the database in a thread of its own."""

    def __init__(self, database: Database, tailer: Tailer) -> None:
        """Open streams are counted by `tailer`, together with those of single jobs."""
        self._database, self._tailer = database, tailer
        self._listeners: dict[str, set[Listener]] = {}
        self._reader: EventReader | None = None  # while anybody listens
        self._has_listeners = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="event-hub")
        self.is_closed = False

    async def run(self) -> None:
        """Read while anybody listens, until this is cancelled."""
        loop = asyncio.get_running_loop()
        keys_due = loop.time()
        try:
            while True:
                await self._has_listeners.wait()
                began = loop.time()
                if await self._read_once(loop):
                    wanted = (loop.time() - began) / MAX_POLLING_SHARE
                    due = began + min(max(MIN_TICK_SECONDS, wanted), MAX_TICK_SECONDS)
                else:
                    due = loop.time() + RETRY_SECONDS
                if loop.time() >= keys_due:
                    keys_due = loop.time() + CHECK_KEYS_SECONDS
                    await self._disconnect_revoked(loop)
                await asyncio.sleep(max(0.0, due - loop.time()))
        finally:
            self._thread.shutdown(wait=False)
            self.close()

    def close(self) -> None:
        """End all streams. Their clients reconnect to another process."""
        self.is_closed = True
        for listener in self._all():
            listener.begin(None)
            listener.put("closed")

    @contextmanager
    def listening(self, project: str, key_id: str | None) -> Iterator[Listener]:
        """Listen to a project while the context lasts. Raises TooManyWaiting."""
        with self._tailer.counting(key_id):
            listener = Listener(project, key_id)
            self._listeners.setdefault(project, set()).add(listener)
            self._has_listeners.set()
            if self.is_closed:
                listener.begin(None)
                listener.put("closed")
            try:
                yield listener
            finally:
                self._leave(listener)

    def job_changed(self, job_id: str, revision: int) -> None:
        """The transaction that commits this revision makes no event. It may be called from any thread."""
        if reader := self._reader:
            reader.note(job_id, revision)

    def _leave(self, listener: Listener) -> None:
        listeners = self._listeners[listener.project]
        listeners.discard(listener)
        if not listeners:
            del self._listeners[listener.project]
        if not self._listeners:
            self._has_listeners.clear()
            self._reader = None

    def _all(self) -> Sequence[Listener]:
        return [listener for listeners in self._listeners.values() for listener in listeners]

    async def _read_once(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Returns whether the database has answered."""
        if not self._listeners:
            return True
        reader = self._reader = self._reader or EventReader()
        news = await self._in_thread(loop, partial(self._news, reader, frozenset(self._listeners)))
        if news and reader is self._reader:
            self._publish(news)
        return news is not None

    def _news(self, reader: EventReader, projects: Collection[str]) -> News:
        with self._database.autocommit_read() as session:
            return reader.read(session, projects)

    def _publish(self, news: News) -> None:
        for project, messages in news.messages.items():
            for listener in self._listeners.get(project, ()):
                if listener.has_begun:
                    for message in messages:
                        listener.put(message)
        if news.unseen is not None:
            for project in news.projects:
                for listener in self._listeners.get(project, ()):
                    listener.begin(news.unseen)

    async def _disconnect_revoked(self, loop: asyncio.AbstractEventLoop) -> None:
        """End the streams whose keys have been revoked or have expired."""
        key_ids = {listener.key_id for listener in self._all() if listener.key_id}
        revoked = await self._in_thread(loop, partial(self._no_longer_valid, key_ids)) if key_ids else None
        for listener in self._all():
            if revoked and listener.key_id in revoked:
                listener.begin(None)
                listener.put("closed")

    def _no_longer_valid(self, key_ids: Collection[str]) -> set[str]:
        with self._database.autocommit_read() as session:
            return keys.no_longer_valid(session, key_ids)

    async def _in_thread(self, loop: asyncio.AbstractEventLoop, read: Callable[[], Result]) -> Result | None:
        """Run `read` in the hub's thread. None if it fails: the next tick tries again."""
        try:
            return await loop.run_in_executor(self._thread, read)
        except DatabaseUnavailable as error:
            log_outage(log, error)
        except Exception:  # a bug of ours must not end the reading: every listener would wait for ever
            log.exception("reading events failed")
        return None
