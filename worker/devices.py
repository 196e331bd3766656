"""Which of a worker's devices are free."""

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager


class DevicePool:
    """Devices to be taken, several at once if need be, by whoever asked first: a job that needs many is not overtaken
    for ever by jobs that need one."""

    def __init__(self, devices: Sequence[str]) -> None:
        """A device that several jobs may share is there several times."""
        self.distinct = len(set(devices))
        self._free = list(devices)
        self._line: deque[object] = deque()
        self._changed = threading.Condition()
        self._closed = False

    @contextmanager
    def take(self, count: int) -> Iterator[tuple[str, ...]]:
        """`count` different devices, which must not be more than there are, until the context ends; none, at once, when
        the pool is closed."""
        assert count <= self.distinct
        turn = object()
        with self._changed:
            self._line.append(turn)
            self._changed.wait_for(lambda: self._closed or (self._line[0] is turn and self._has(count)))
            self._line.remove(turn)
            taken = () if self._closed else tuple(dict.fromkeys(self._free))[:count]
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

    def _has(self, count: int) -> bool:
        return len(set(self._free)) >= count
