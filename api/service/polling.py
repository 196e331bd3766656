"""Reading the database again and again in a thread of its own, while somebody waits for what is found."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Protocol, TypeVar

import structlog

from access import keys
from models import Database, DatabaseUnavailable, log_outage

# The time from the start of one poll to the start of the next. A poll takes longer the more is followed. The interval
# grows with it, up to the maximum, so that polling takes only this share of the time.
MIN_TICK_SECONDS = 0.05
MAX_TICK_SECONDS = 0.1
MAX_POLLING_SHARE = 0.2
RETRY_SECONDS = 1.0  # from a poll that the database has not answered to the next one

# How often the keys of those who wait are checked: a stream must end soon after its key is revoked.
CHECK_KEYS_SECONDS = 5.0

Result = TypeVar("Result")

log = structlog.get_logger()


class Waits(Protocol):
    """Who waits for what is found."""

    key_id: str | None  # None: no key was required

    def end(self) -> None:
        """Tell it that it is to reconnect."""


class Poller(ABC):
    """Use it from the event loop only."""

    def __init__(self, database: Database, thread_name: str) -> None:
        self._database = database
        self._is_wanted = asyncio.Event()  # set while anybody waits
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=thread_name)
        self.is_closed = False

    async def run(self) -> None:
        """Poll while anybody waits, until this is cancelled."""
        loop = asyncio.get_running_loop()
        keys_due = loop.time()
        try:
            while True:
                await self._is_wanted.wait()
                began = loop.time()
                if await self._poll_once(loop):
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

    @abstractmethod
    def close(self) -> None:
        """End all streams and waits. Their clients reconnect to another process."""

    @abstractmethod
    async def _poll_once(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Returns whether the database has answered."""

    @abstractmethod
    def _streams(self) -> Sequence[Waits]:
        """Those whose keys are checked."""

    async def _disconnect_revoked(self, loop: asyncio.AbstractEventLoop) -> None:
        """End the streams whose keys have been revoked or have expired."""
        streams = self._streams()
        key_ids = {stream.key_id for stream in streams if stream.key_id}
        revoked = await self._in_thread(loop, partial(self._no_longer_valid, key_ids)) if key_ids else None
        for stream in streams:
            if revoked and stream.key_id in revoked:
                stream.end()

    async def _in_thread(self, loop: asyncio.AbstractEventLoop, read: Callable[[], Result]) -> Result | None:
        """Run `read` in the poller's thread. None if it fails: the next tick tries again."""
        try:
            return await loop.run_in_executor(self._thread, read)
        except DatabaseUnavailable as error:
            log_outage(log, error)
        except Exception:  # a bug of ours must not end the polling: everybody who waits would wait for ever
            log.exception("poll failed")
        return None

    def _no_longer_valid(self, key_ids: Collection[str]) -> set[str]:
        with self._database.autocommit_read() as session:
            return keys.no_longer_valid(session, key_ids)
