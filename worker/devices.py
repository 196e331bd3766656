"""Which of a worker's devices are free."""

import threading
from collections import deque
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager


class DevicePool:
    """Devices to be taken, several at once if need be, by whoever asked first: a job that needs many is not overtaken
    for ever by jobs that need one."""

    def __init__(self, devices: Sequence[str]) -> None:
        """A device that several jobs may share is there several times."""
        self._free = list(devices)
        self._line: deque[object] = deque()
        self._changed = threading.Condition()
        self._closed = False

    @contextmanager
    def acquire(self, count: int, groups: Sequence[Collection[str]], patience: float) -> Iterator[tuple[str, ...]]:
        """`count` different devices of one of `groups`, until the context ends; none where no group has so many free
        within `patience` seconds, or the pool is closed."""
        turn = object()
        with self._changed:
            self._line.append(turn)
            self._changed.wait_for(
                lambda: self._closed or (self._line[0] is turn and self._served(count, groups)), timeout=patience
            )
            taken = self._served(count, groups) if self._line[0] is turn and not self._closed else ()
            self._line.remove(turn)
            for device in taken:
                self._free.remove(device)
            self._changed.notify_all()
        try:
            yield taken
        finally:
            with self._changed:
                self._free.extend(taken)
                self._changed.notify_all()

    @property
    def waiting(self) -> int:
        """How many stand in line."""
        return len(self._line)

    def close(self) -> None:
        """Nobody who waits gets a device any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _served(self, count: int, groups: Sequence[Collection[str]]) -> tuple[str, ...]:
        """What there is now for somebody whose turn it is."""
        for group in groups:
            free = [device for device in dict.fromkeys(self._free) if device in group]
            if len(free) >= count:
                return tuple(free[:count])
        return ()
