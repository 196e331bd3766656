"""Scans of folders that may be large, slow or away, on behalf of many callers at once."""

import os
import queue
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from training.image_folders.listing import Listing, list_directory

Found = TypeVar("Found")

MOST_DIRECTORIES = 50_000  # in the cache, at about a kilobyte each
SETTLED_SECONDS = 2.0  # a directory changed more recently may change again without a new time of change
MOST_OPENED = 1_000  # files of one data set that one scan opens
THREADS = 2
MAX_CORE_SHARE = 0.1  # of one core, for repeating one scan
MAX_AGE_SECONDS = 10.0  # seconds


class DirectoryCache:
    """Caches the listings of directories, without the names of the images, until they change. Each use costs a call of
    `stat` for each directory.
    """

    def __init__(self) -> None:
        self._known: OrderedDict[str, tuple[tuple[int, ...], Listing]] = OrderedDict()
        self._lock = threading.Lock()

    def reader(self) -> Callable[[str], Listing]:
        """A function that lists directories for one scan of one data set. It raises OSError."""
        left = MOST_OPENED

        def read(directory: str) -> Listing:
            nonlocal left
            status = os.stat(directory)  # noqa: PTH116 - thousands of times in a row
            identity = (status.st_dev, status.st_ino, status.st_mtime_ns, status.st_ctime_ns)
            with self._lock:
                known, listing = self._known.get(directory, ((), Listing()))
            if known == identity:
                return listing
            listing = replace(list_directory(directory, left), images=())
            left = max(0, left - listing.opened)
            changed_before = time.time() - max(status.st_mtime, status.st_ctime)
            # Files that are away (`gone`) may come back without a change of the directory.
            if changed_before > SETTLED_SECONDS and not listing.gone:
                self._remember(directory, identity, listing)
            return listing

        return read

    def _remember(self, directory: str, identity: tuple[int, ...], listing: Listing) -> None:
        with self._lock:
            self._known[directory] = identity, listing
            self._known.move_to_end(directory)
            if len(self._known) > MOST_DIRECTORIES:
                self._known.popitem(last=False)


@dataclass(slots=True)
class _Call(Generic[Found]):
    future: "Future[Found]"
    begun: float
    seconds: float | None = None  # how long it took; None: it is under way

    def is_fresh(self, now: float) -> bool:
        """Whether its result still serves: the call is under way, or ended so recently that another one would take more
        than MAX_CORE_SHARE of a core."""
        if self.seconds is None:
            return True
        return now - self.begun - self.seconds < min(MAX_AGE_SECONDS, self.seconds / MAX_CORE_SHARE)


class SingleFlight(Generic[Found]):
    """Calls a slow function once at a time for each name, and shares the result among all who ask for it meanwhile.

    The calls run in threads of their own, and callers wait for a bounded time: a disk that hangs blocks these threads,
    and no caller. A result is kept as long as `_Call.is_fresh` says.
    """

    def __init__(self, call: Callable[[str], Found]) -> None:
        self._function = call
        self._calls: dict[str, _Call[Found]] = {}
        self._lock = threading.Lock()
        self._waiting: queue.SimpleQueue[tuple[str, _Call[Found]] | None] = queue.SimpleQueue()
        self._threads = 0

    def get(self, name: str, timeout_seconds: float) -> Found | None:
        """The result of the call for `name`; None where that has gone on for `timeout_seconds`. Raises what the call
        raised."""
        with self._lock:
            now = time.monotonic()
            call = self._calls.get(name)
            if call is None or not call.is_fresh(now):
                call = self._calls[name] = _Call(Future(), now)
                self._waiting.put((name, call))
                self._have_threads()
        try:
            return call.future.result(max(0.0, call.begun + timeout_seconds - now))
        except TimeoutError:
            return None

    def keep_only(self, names: set[str]) -> None:
        """Forget the results of all other names."""
        with self._lock:
            self._calls = {name: call for name, call in self._calls.items() if name in names}

    def close(self) -> None:
        """End the threads. Nothing may be asked after this."""
        for _ in range(THREADS):
            self._waiting.put(None)

    def _have_threads(self) -> None:
        if self._threads < THREADS:
            self._threads += 1
            threading.Thread(target=self._work, name="catalogue", daemon=True).start()

    def _work(self) -> None:
        while (asked := self._waiting.get()) is not None:
            name, call = asked
            begun = time.monotonic()
            try:
                found = self._function(name)
            except Exception as error:  # passed on to the callers
                self._finish(call, begun)
                call.future.set_exception(error)
            else:
                self._finish(call, begun)
                call.future.set_result(found)

    def _finish(self, call: "_Call[Found]", begun: float) -> None:
        with self._lock:
            call.begun, call.seconds = begun, time.monotonic() - begun
