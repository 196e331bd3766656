"""A limit on how many requests run at once, shared fairly between projects.

Requests share threads, database connections and the interpreter. While several projects are active, each may hold only
a few slots. A request that gets no slot waits in the queue of its caller. It waits in the event loop, where it occupies
no thread. So a project that sends more than its share delays only itself. A freed slot goes to the next project in
turn, and within the project to its next caller in turn.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import NamedTuple

from api.http.errors import TooManyWaiting

# A project is active if it sent a request within this time.
ACTIVE_SECONDS = 5.0


class Requester(NamedTuple):
    """Identifies the queue that a request waits in."""

    project: str
    caller: str  # within the project: a key id, or an address if there is no key


@dataclass(slots=True)
class _Project:
    """How many slots a project holds, and the queue of each of its callers. The caller to serve next comes first."""

    running: int = 0
    queues: "OrderedDict[str, deque[asyncio.Future[None]]]" = field(default_factory=OrderedDict)


class FairLimiter:
    """There are `slots` slots. A project may hold `per_project` of them, or `alone` while no other project is active:
    by default all. A caller may have `max_queued` requests in its queue. Use it from the event loop only.
    """

    def __init__(self, slots: int, per_project: int, max_queued: int, *, alone: int | None = None) -> None:
        self._free = slots
        self._per_project = per_project
        self._alone = slots if alone is None else alone
        self._max_queued = max_queued
        self._projects: OrderedDict[str, _Project] = OrderedDict()
        self._last_asked: OrderedDict[str, float] = OrderedDict()  # time by project, oldest first

    async def acquire(self, who: Requester) -> bool:
        """Wait for a slot, which must be released. Returns whether it had to wait. Raises TooManyWaiting."""
        self._note_activity(who.project)
        project = self._projects.setdefault(who.project, _Project())
        if self._free and project.running < self._share and not project.queues:
            self._occupy(project)
            return False
        queue = project.queues.setdefault(who.caller, deque())
        if len(queue) >= self._max_queued:
            raise TooManyWaiting(self._max_queued, "requests in line")
        slot = asyncio.get_running_loop().create_future()
        queue.append(slot)
        try:
            await slot
        except asyncio.CancelledError:
            if slot.cancelled():
                self._leave(who, slot)
            else:  # `release` assigned the slot before the cancellation arrived
                self.release(who)
            raise
        return True

    def release(self, who: Requester) -> None:
        """Return a slot, and assign it to the next request that waits."""
        self._projects[who.project].running -= 1
        self._free += 1
        self._drop_if_empty(who.project)
        while self._free and (name := self._next_project()):
            slot = self._dequeue(name)
            if slot.cancelled():  # its task is cancelled, but has not run yet to leave the queue
                self._drop_if_empty(name)
                continue
            self._occupy(self._projects[name])
            slot.set_result(None)

    @asynccontextmanager
    async def slot(self, who: Requester) -> AsyncIterator[None]:
        """Hold a slot while the context lasts."""
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
        """The first request of the project's next caller. Both go to the end of their order: this makes them take
        turns."""
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
        """How many slots one project may hold now."""
        return self._per_project if len(self._last_asked) > 1 else self._alone

    def _note_activity(self, project: str) -> None:
        now = monotonic()
        self._last_asked[project] = now
        self._last_asked.move_to_end(project)
        while next(iter(self._last_asked.values())) < now - ACTIVE_SECONDS:
            self._last_asked.popitem(last=False)

    def _leave(self, who: Requester, slot: "asyncio.Future[None]") -> None:
        """Remove `slot` from its queue, unless `release` has removed it already."""
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
    """The slot of one request. A request that only waits, for example for a change of a job, releases it meanwhile."""

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
        """Release the slot, if it is held."""
        if self._held:
            self._held = False
            self._limiter.release(self.who)

    @asynccontextmanager
    async def released(self) -> AsyncIterator[None]:
        """Release the slot while the context lasts, and acquire it again afterwards."""
        self.release()
        yield
        await self.acquire()

    @asynccontextmanager
    async def another(self) -> AsyncIterator[None]:
        """Hold a further slot, to produce a part of an answer that is already being sent."""
        async with self._limiter.slot(self.who):
            yield
