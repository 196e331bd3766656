"""A lock that threads get in the order in which they ask for it."""

from collections import deque
from threading import Event, Lock


class FairLock:
    """A first-in-first-out lock.

    `threading.Lock` is not fair: the thread that releases it can acquire it again before the threads that wait, which
    may then wait for ever. Here `release` hands the lock to the thread that has waited longest. It may be called by any
    thread, not only by the one that acquired the lock.
    """

    def __init__(self) -> None:
        self._lock = Lock()  # guards the two below; held for an instant only
        self._waiting: deque[Event] = deque()
        self._acquired = False

    def acquire(self, timeout_seconds: float) -> bool:
        """Wait for the lock. Whether it was acquired within `timeout_seconds`."""
        with self._lock:
            if not self._acquired:
                self._acquired = True
                return True
            handed_over = Event()
            self._waiting.append(handed_over)
        if handed_over.wait(timeout_seconds):
            return True
        with self._lock:
            if handed_over.is_set():  # between the timeout and this line
                return True
            self._waiting.remove(handed_over)
        return False

    def release(self) -> None:
        """Hand the lock to the thread that has waited longest; without one, the lock is free."""
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._acquired = False
