"""Looking at folders that may be large, slow or away, on behalf of many who ask."""

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

MOST_DIRECTORIES = 50_000  # that are remembered, at about a kilobyte each
SETTLED_SECONDS = 2.0  # a directory that was changed this lately may change again within the same tick of its clock
MOST_OPENED = 1_000  # files of one data set whose content is looked at, at each look
THREADS = 2
LARGEST_SHARE = 0.1  # of one core, for looking at the same thing again and again
LONGEST_KEPT = 10.0  # seconds


class DirectoryMemory:
    """What directories hold, without the names of the images, as long as they have not changed. Asking costs a call of
    `stat` for each.
    """

    def __init__(self) -> None:
        self._known: OrderedDict[str, tuple[tuple[int, ...], Listing]] = OrderedDict()
        self._lock = threading.Lock()

    def reader(self) -> Callable[[str], Listing]:
        """Lists directories for one look at one data set. Raises OSError."""
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
            if changed_before > SETTLED_SECONDS and not listing.gone:  # what is away may come back elsewhere
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
class _Look(Generic[Found]):
    future: "Future[Found]"
    begun: float
    seconds: float | None = None  # that it took

    def is_fresh(self, now: float) -> bool:
        """Whether it need not be made again: it is under way, or so young that looking again would take more than its
        share of a core."""
        if self.seconds is None:
            return True
        return now - self.begun - self.seconds < min(LONGEST_KEPT, self.seconds / LARGEST_SHARE)


class Looks(Generic[Found]):
    """Makes each look once at a time, in threads of its own: whoever asks shares it, and waits for a bounded time.

    A disk that hangs keeps these threads, and nobody else.
    """

    def __init__(self, look: Callable[[str], Found]) -> None:
        self._look = look
        self._looks: dict[str, _Look[Found]] = {}
        self._lock = threading.Lock()
        self._waiting: queue.SimpleQueue[tuple[str, _Look[Found]] | None] = queue.SimpleQueue()
        self._threads = 0

    def ask(self, name: str, patience_seconds: float) -> Found | None:
        """None where the look has gone on for `patience_seconds` without a result. Raises what it raised."""
        with self._lock:
            now = time.monotonic()
            look = self._looks.get(name)
            if look is None or not look.is_fresh(now):
                look = self._looks[name] = _Look(Future(), now)
                self._waiting.put((name, look))
                self._have_threads()
        try:
            return look.future.result(max(0.0, look.begun + patience_seconds - now))
        except TimeoutError:
            return None

    def forget_all_but(self, names: set[str]) -> None:
        """What is there no more."""
        with self._lock:
            self._looks = {name: look for name, look in self._looks.items() if name in names}

    def close(self) -> None:
        """Nothing is asked any more."""
        for _ in range(THREADS):
            self._waiting.put(None)

    def _have_threads(self) -> None:
        if self._threads < THREADS:
            self._threads += 1
            threading.Thread(target=self._work, name="catalogue", daemon=True).start()

    def _work(self) -> None:
        while (asked := self._waiting.get()) is not None:
            name, look = asked
            begun = time.monotonic()
            try:
                found = self._look(name)
            except Exception as error:  # whoever asked must hear of it
                self._over(look, begun)
                look.future.set_exception(error)
            else:
                self._over(look, begun)
                look.future.set_result(found)

    def _over(self, look: "_Look[Found]", begun: float) -> None:
        with self._lock:
            look.begun, look.seconds = begun, time.monotonic() - begun
