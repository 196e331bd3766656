"""Who is served when more is asked than there is room for."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from api.http.errors import TooManyWaiting
from api.service.fair_limiter import FairLimiter, Requester, Slot

A, B, C = (Requester(project, "key") for project in "abc")


def run(scenario: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(scenario, 20))


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


class Line:
    """Notes who is served, in which order."""

    def __init__(self, limiter: FairLimiter) -> None:
        self.limiter = limiter
        self.served: list[Requester] = []
        self.tasks: list[asyncio.Task[None]] = []

    async def ask(self, *whose: Requester) -> None:
        self.tasks += [asyncio.create_task(self._take(who)) for who in whose]
        await settle()

    async def finish(self, who: Requester) -> None:
        self.limiter.release(who)
        await settle()

    async def _take(self, who: Requester) -> None:
        await self.limiter.acquire(who)
        self.served.append(who)


def test_whoever_asks_much_waits_for_itself_alone() -> None:
    async def scenario() -> None:
        line = Line(FairLimiter(slots=4, per_project=2, max_queued=100))
        await line.ask(B)
        await line.finish(B)
        await line.ask(*[A] * 60)
        assert line.served == [B, A, A]
        await line.ask(B)
        assert line.served == [B, A, A, B]

    run(scenario())


def test_where_a_turn_is_long_nobody_has_more_than_its_share_even_alone() -> None:
    async def scenario() -> None:
        line = Line(FairLimiter(slots=4, per_project=2, max_queued=100, alone=2))
        await line.ask(A, A, A)
        assert line.served == [A, A]
        await line.ask(B, B, B)
        assert line.served == [A, A, B, B]
        await line.finish(A)
        assert line.served == [A, A, B, B, A]

    run(scenario())


def test_a_project_that_alone_asks_has_all_the_room() -> None:
    async def scenario() -> None:
        line = Line(FairLimiter(slots=4, per_project=1, max_queued=100))
        await line.ask(*[A] * 6)
        assert line.served == [A] * 4

    run(scenario())


def test_what_becomes_free_goes_round_the_projects_and_round_their_callers() -> None:
    async def scenario() -> None:
        line = Line(FairLimiter(slots=1, per_project=1, max_queued=100))
        other = Requester("a", "another key")
        await line.ask(A, A, A, other, B, C)
        for _ in range(5):
            await line.finish(line.served[-1])
        assert [who.project for who in line.served] == ["a", "a", "b", "c", "a", "a"]
        assert other in line.served[:5]

    run(scenario())


def test_a_line_has_an_end() -> None:
    async def scenario() -> None:
        limiter = FairLimiter(slots=1, per_project=1, max_queued=2)
        line = Line(limiter)
        await line.ask(A, A, A)
        with pytest.raises(TooManyWaiting):
            await limiter.acquire(A)
        await line.ask(Requester("a", "another key"))
        await line.finish(A)
        assert len(line.served) == 2

    run(scenario())


@pytest.mark.parametrize("just_served", [False, True])
def test_who_leaves_the_line_takes_nothing_with_it(*, just_served: bool) -> None:
    async def scenario() -> None:
        line = Line(FairLimiter(slots=1, per_project=1, max_queued=100))
        await line.ask(A, A, A)
        if just_served:
            line.limiter.release(A)  # the second has its turn, and has not heard of it
        line.tasks[1].cancel()
        await settle()
        if not just_served:
            await line.finish(A)
        assert line.served == [A, A]
        assert line.tasks[2].done()

    run(scenario())


@pytest.mark.parametrize("leaving", [1, 2, 4])
def test_whoever_leaves_as_a_turn_becomes_free_does_not_keep_it(leaving: int) -> None:
    """A task that is cancelled has cancelled what it waits for before it runs again, and so is still in the line."""

    async def scenario() -> None:
        limiter = FairLimiter(slots=2, per_project=2, max_queued=100)
        line = Line(limiter)
        await line.ask(*[A] * 8)
        for task in line.tasks[2 : 2 + leaving]:
            task.cancel()
        limiter.release(A)
        limiter.release(A)
        await settle()
        assert line.served == [A] * 4
        assert all(task.done() and not task.cancelled() for task in line.tasks[2 + leaving : 4 + leaving])
        assert all(task.cancelled() for task in line.tasks[2 : 2 + leaving])

    run(scenario())


def test_nothing_is_kept_of_who_has_left() -> None:
    async def scenario() -> None:
        limiter = FairLimiter(slots=1, per_project=1, max_queued=100)
        line = Line(limiter)
        await line.ask(A, B)
        await line.finish(A)
        await line.finish(B)
        assert not limiter._projects

    run(scenario())


def test_others_are_served_while_a_turn_is_set_aside() -> None:
    async def scenario() -> None:
        limiter = FairLimiter(slots=1, per_project=1, max_queued=100)
        slot = Slot(limiter, A)
        await slot.acquire()
        async with slot.released(), limiter.slot(B):
            pass
        slot.release()
        slot.release()  # once is enough
        await limiter.acquire(B)

    run(scenario())
