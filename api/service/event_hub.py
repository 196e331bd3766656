"""Everything that happens to the jobs of a project, for all streams of this process that listen to one.

One thread reads the database for all of them, once a tick and only while anybody listens. Each message is made once for
all listeners of its project.
"""

import asyncio
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from api.service.event_reader import EventReader, News, Sent
from api.service.polling import Poller
from api.service.tailer import Tailer, Watcher
from jobs.unseen_events import Unseen
from models import Database


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

    def end(self) -> None:
        """Have the client reconnect."""
        self.begin(None)
        super().end()

    async def started(self, timeout_seconds: float) -> Unseen | None:
        """What was unseen before the first message. None if it has not begun within `timeout_seconds`, or never
        will."""
        done, _ = await asyncio.wait([self._unseen], timeout=timeout_seconds)
        return self._unseen.result() if done else None


class EventHub(Poller):
    """Use it from the event loop only. It reads the database in a thread of its own."""

    def __init__(self, database: Database, tailer: Tailer) -> None:
        """Open streams are counted by `tailer`, together with those of single jobs."""
        super().__init__(database, "event-hub")
        self._tailer = tailer
        self._listeners: dict[str, set[Listener]] = {}
        self._reader: EventReader | None = None  # while anybody listens

    def close(self) -> None:
        """End all streams. Their clients reconnect to another process."""
        self.is_closed = True
        for listener in self._streams():
            listener.end()

    @contextmanager
    def listening(self, project: str, key_id: str | None) -> Iterator[Listener]:
        """Listen to a project while the context lasts. Raises TooManyWaiting."""
        with self._tailer.counting(key_id):
            listener = Listener(project, key_id)
            self._listeners.setdefault(project, set()).add(listener)
            self._is_wanted.set()
            if self.is_closed:
                listener.end()
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
            self._is_wanted.clear()
            self._reader = None

    def _streams(self) -> Sequence[Listener]:
        return [listener for listeners in self._listeners.values() for listener in listeners]

    async def _poll_once(self, loop: asyncio.AbstractEventLoop) -> bool:
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
