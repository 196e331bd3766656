"""A share of what all requests need for every tenant: threads, connections of the database, the interpreter itself.

So many requests are worked on at once, and of one project no more than a few while others ask, too. The rest waits in a
line of its own, in the event loop, where waiting costs nothing: a project that asks for more than its part waits for
itself. What becomes free goes round the projects, and within a project round its callers.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import NamedTuple

from api.errors import TooManyWaiting

# A project that has asked for something within so long counts as one that asks.
ASKS_SECONDS = 5.0


class Who(NamedTuple):
    """Whose line a request stands in."""

    project: str
    caller: str  # within the project: a key, or an address where no key is shown


@dataclass(slots=True)
class _Project:
    """What one project has under way, and its lines: of each caller one, the next to be served first."""

    running: int = 0
    lines: "OrderedDict[str, deque[asyncio.Future[None]]]" = field(default_factory=OrderedDict)


class Lanes:
    """Room for `at_once` requests, of which one project has `of_one` at most unless it alone asks. A caller may have
    `most_waiting` in line. Used from the event loop alone."""

    def __init__(self, at_once: int, of_one: int, most_waiting: int) -> None:
        self._free = at_once
        self._of_one = of_one
        self._most_waiting = most_waiting
        self._at_once = at_once
        self._projects: OrderedDict[str, _Project] = OrderedDict()
        self._asking: OrderedDict[str, float] = OrderedDict()  # since when each project has not

    async def take(self, who: Who) -> bool:
        """Wait for a turn, which has to be given back. Whether it had to be waited for. Raises TooManyWaiting."""
        self._note(who.project)
        project = self._projects.setdefault(who.project, _Project())
        if self._free and project.running < self._share and not project.lines:
            self._begin(project)
            return False
        line = project.lines.setdefault(who.caller, deque())
        if len(line) >= self._most_waiting:
            raise TooManyWaiting(self._most_waiting, "requests in line")
        turn = asyncio.get_running_loop().create_future()
        line.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._forget(who, turn)
            else:  # it came at the same moment
                self.give_back(who)
            raise
        return True

    def give_back(self, who: Who) -> None:
        """To whoever is next."""
        self._projects[who.project].running -= 1
        self._free += 1
        self._drop_empty(who.project)
        while self._free and (name := self._next()):
            self._projects.move_to_end(name)
            project = self._projects[name]
            caller, line = next(iter(project.lines.items()))
            turn = line.popleft()
            project.lines.move_to_end(caller)
            if not line:
                del project.lines[caller]
            if turn.cancelled():  # whoever waited has gone, and has not run since to leave the line
                self._drop_empty(name)
                continue
            self._begin(project)
            turn.set_result(None)

    @asynccontextmanager
    async def turn(self, who: Who) -> AsyncIterator[None]:
        """For as long as the context lasts."""
        await self.take(who)
        try:
            yield
        finally:
            self.give_back(who)

    def _begin(self, project: _Project) -> None:
        project.running += 1
        self._free -= 1

    def _next(self) -> str | None:
        share = self._share
        ready = (name for name, each in self._projects.items() if each.lines and each.running < share)
        return next(ready, None)

    @property
    def _share(self) -> int:
        """Of one project."""
        return self._of_one if len(self._asking) > 1 else self._at_once

    def _note(self, project: str) -> None:
        now = monotonic()
        self._asking[project] = now
        self._asking.move_to_end(project)
        while next(iter(self._asking.values())) < now - ASKS_SECONDS:
            self._asking.popitem(last=False)

    def _forget(self, who: Who, turn: "asyncio.Future[None]") -> None:
        """Leave the line, unless `give_back` has taken `turn` out of it already."""
        project = self._projects.get(who.project)
        line = project.lines.get(who.caller) if project else None
        if project is None or line is None or turn not in line:
            return
        line.remove(turn)
        if not line:
            del project.lines[who.caller]
        self._drop_empty(who.project)

    def _drop_empty(self, name: str) -> None:
        project = self._projects[name]
        if not project.running and not project.lines:
            del self._projects[name]


class Turn:
    """One request's turn. Whatever lasts without doing anything, such as a wait for news, gives it back meanwhile."""

    def __init__(self, lanes: Lanes, who: Who) -> None:
        self.who = who
        self._lanes = lanes
        self._has = False

    async def take(self) -> bool:
        """As `Lanes.take`."""
        waited = await self._lanes.take(self.who)
        self._has = True
        return waited

    def give_back(self) -> None:
        """Where it has not been given back already."""
        if self._has:
            self._has = False
            self._lanes.give_back(self.who)

    @asynccontextmanager
    async def set_aside(self) -> AsyncIterator[None]:
        """Others have it meanwhile."""
        self.give_back()
        yield
        await self.take()

    @asynccontextmanager
    async def again(self) -> AsyncIterator[None]:
        """One more, for a part of an answer that is made while the answer goes out."""
        async with self._lanes.turn(self.who):
            yield
