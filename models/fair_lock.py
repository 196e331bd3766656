"""Turns, in the order in which they are asked for."""

from collections import deque
from threading import Event, Lock


class FairLock:
    """One thread at a time has the turn, and hands it to whoever has waited longest: of a lock, whoever lets go may
    take it again in front of all who wait. Any thread may give a turn back.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._waiting: deque[Event] = deque()
        self._taken = False

    def acquire(self, timeout_seconds: float) -> bool:
        """Wait for a turn. Whether it came in time."""
        with self._lock:
            if not self._taken:
                self._taken = True
                return True
            mine = Event()
            self._waiting.append(mine)
        if mine.wait(timeout_seconds):
            return True
        with self._lock:
            if mine.is_set():  # after all
                return True
            self._waiting.remove(mine)
        return False

    def release(self) -> None:
        """To the next."""
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._taken = False
