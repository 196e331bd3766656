"""`Prefer: wait=20` for what no tailer follows: the request looks again now and then, and holds no slot meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from time import monotonic
from typing import Annotated, TypeVar

from fastapi import Depends, Request, Response
from fastapi.concurrency import run_in_threadpool

from access import keys
from access.keys import Caller
from api.dependencies import CallerDep, ServiceDep
from api.reading.polling import Preferences, wait_seconds_of
from api.service.fair_limiter import Slot
from api.service.service import Service

# From one look to the next: a share of the time that was waited for already. So what is over soon is told soon.
LOOKING_SHARE, SHORTEST_SECONDS, LONGEST_SECONDS = 0.2, 0.25, 2.0


Found = TypeVar("Found")


@dataclass(slots=True)
class Wait:
    """How long a request may wait for news. From its first wait to its end it counts as one that waits: a request that
    was let in is not refused between two looks."""

    request: Request
    service: Service
    caller: Caller
    seconds: float
    until: float
    counted: ExitStack  # left when the request ends
    is_counted: bool = False

    @property
    def applied(self) -> Mapping[str, str]:
        """Headers of the answer."""
        return {"Preference-Applied": f"wait={self.seconds:.0f}"} if self.seconds else {}

    async def until_over(self, slot: Slot, read: Callable[[], Found], is_over: Callable[[Found], bool]) -> Found:
        """What `read` returns, in a thread, once `is_over` or when nobody waits any more. Raises what `again` and
        `read` raise."""
        found = await run_in_threadpool(read)
        while not is_over(found) and await self.again(slot):
            found = await run_in_threadpool(read)
        return found

    def answer(self, body: str) -> Response:
        """JSON that no cache may keep."""
        headers = {**self.applied, "Cache-Control": "no-store"}
        return Response(body, headers=headers, media_type="application/json")

    async def again(self, slot: Slot) -> bool:
        """Wait a moment, without `slot`. False when the time is up, or nobody is left to answer. Raises TooManyWaiting,
        and KeyInvalid where the key was revoked meanwhile."""
        left, tailer = self.until - monotonic(), self.service.tailer
        if left <= 0 or tailer.is_closed:
            return False
        pause = min(max(SHORTEST_SECONDS, (self.seconds - left) * LOOKING_SHARE), LONGEST_SECONDS)
        if not self.is_counted:
            self.counted.enter_context(tailer.counting(self.caller.key_id))
            self.is_counted = True
        async with slot.released():
            await asyncio.sleep(min(left, pause))
        if await self.request.is_disconnected():
            return False
        await run_in_threadpool(self._require_key)
        return True

    def _require_key(self) -> None:
        with self.service.database.autocommit_read() as session:
            keys.require_valid(session, self.caller)


async def _wait(
    request: Request,
    service: ServiceDep,
    caller: CallerDep,
    _preferences: Preferences = None,
) -> AsyncIterator[Wait]:
    seconds = wait_seconds_of(",".join(request.headers.getlist("prefer"))) or 0.0
    with ExitStack() as counted:
        yield Wait(request, service, caller, seconds, monotonic() + seconds, counted)


WaitDep = Annotated[Wait, Depends(_wait)]
