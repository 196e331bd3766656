"""A limit on how many requests are worked on at once, which is shared fairly between projects.

Requests share threads, connections of the database, and the interpreter itself. While several projects ask, each of
them has a few slots at most. What finds no free slot waits in its caller's queue in the event loop, where waiting costs
nothing, so that a project that asks for more than its part waits for itself. A slot that becomes free goes to the next
project, and within a project to its next caller.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import NamedTuple

from api.http.errors import TooManyWaiting

# A project that has asked for something within so long counts as one that asks.
ACTIVE_SECONDS = 5.0


class Requester(NamedTuple):
    """Whose queue a request waits in."""

    project: str
    caller: str  # within the project: a key, or an address where no key is shown


@dataclass(slots=True)
class _Project:
    """How many slots a project has, and the queue of each of its callers, the next one to be served first."""

    running: int = 0
    queues: "OrderedDict[str, deque[asyncio.Future[None]]]" = field(default_factory=OrderedDict)


class FairLimiter:
    """`at_once` slots, of which a project has `of_one` at most unless no other asks. A caller may have `most_waiting`
    requests in its queue. Used from the event loop alone."""

    def __init__(self, at_once: int, of_one: int, most_waiting: int) -> None:
        self._free = at_once
        self._of_one = of_one
        self._most_waiting = most_waiting
        self._at_once = at_once
        self._projects: OrderedDict[str, _Project] = OrderedDict()
        self._last_asked: OrderedDict[str, float] = OrderedDict()  # by project; the longest ago first

    async def acquire(self, who: Requester) -> bool:
        """Wait for a slot, which has to be released. Returns whether there was a wait. Raises TooManyWaiting."""
        self._note_activity(who.project)
        project = self._projects.setdefault(who.project, _Project())
        if self._free and project.running < self._share and not project.queues:
            self._occupy(project)
            return False
        queue = project.queues.setdefault(who.caller, deque())
        if len(queue) >= self._most_waiting:
            raise TooManyWaiting(self._most_waiting, "requests in line")
        slot = asyncio.get_running_loop().create_future()
        queue.append(slot)
        try:
            await slot
        except asyncio.CancelledError:
            if slot.cancelled():
                self._leave(who, slot)
            else:  # it was given a slot before it was cancelled
                self.release(who)
            raise
        return True

    def release(self, who: Requester) -> None:
        """Give a slot to whoever is next."""
        self._projects[who.project].running -= 1
        self._free += 1
        self._drop_if_empty(who.project)
        while self._free and (name := self._next_project()):
            slot = self._dequeue(name)
            if slot.cancelled():  # its task is cancelled, but has not run since, and so has not left the queue
                self._drop_if_empty(name)
                continue
            self._occupy(self._projects[name])
            slot.set_result(None)

    @asynccontextmanager
    async def slot(self, who: Requester) -> AsyncIterator[None]:
        """For as long as the context lasts."""
        await self.acquire(who)
        try:
            yield
        finally:
            self.release(who)

    def _occupy(self, project: _Project) -> None:
        project.running += 1
        self._free -= 1

    def _next_project(self) -> str | None:
        share = self._share
        ready = (name for name, project in self._projects.items() if project.queues and project.running < share)
        return next(ready, None)

    def _dequeue(self, name: str) -> "asyncio.Future[None]":
        """Of the project's next caller. The project and the caller go behind the others."""
        self._projects.move_to_end(name)
        queues = self._projects[name].queues
        caller, queue = next(iter(queues.items()))
        queues.move_to_end(caller)
        slot = queue.popleft()
        if not queue:
            del queues[caller]
        return slot

    @property
    def _share(self) -> int:
        """How many slots one project may have now."""
        return self._of_one if len(self._last_asked) > 1 else self._at_once

    def _note_activity(self, project: str) -> None:
        now = monotonic()
        self._last_asked[project] = now
        self._last_asked.move_to_end(project)
        while next(iter(self._last_asked.values())) < now - ACTIVE_SECONDS:
            self._last_asked.popitem(last=False)

    def _leave(self, who: Requester, slot: "asyncio.Future[None]") -> None:
        """Leave the queue, unless `release` has dequeued `slot` already."""
        project = self._projects.get(who.project)
        queue = project.queues.get(who.caller) if project else None
        if project is None or queue is None or slot not in queue:
            return
        queue.remove(slot)
        if not queue:
            del project.queues[who.caller]
        self._drop_if_empty(who.project)

    def _drop_if_empty(self, name: str) -> None:
        project = self._projects[name]
        if not project.running and not project.queues:
            del self._projects[name]


class Slot:
    """One request's slot. While a request only waits, such as for news, it releases the slot for others."""

    def __init__(self, limiter: FairLimiter, who: Requester) -> None:
        self.who = who
        self._limiter = limiter
        self._held = False

    async def acquire(self) -> bool:
        """As `FairLimiter.acquire`."""
        waited = await self._limiter.acquire(self.who)
        self._held = True
        return waited

    def release(self) -> None:
        """Unless it is released already."""
        if self._held:
            self._held = False
            self._limiter.release(self.who)

    @asynccontextmanager
    async def released(self) -> AsyncIterator[None]:
        """Others have it for as long as the context lasts."""
        self.release()
        yield
        await self.acquire()

    @asynccontextmanager
    async def another(self) -> AsyncIterator[None]:
        """One more, for a part of an answer that is made while the answer goes out."""
        async with self._limiter.slot(self.who):
            yield
