"""A worker's devices, and who gets those that are free."""

import threading
from collections import deque
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager


class DevicePool:
    """Gives out devices, one or several at once, in the order in which they are asked for.

    Without that order, a job that needs several devices could be overacquired for ever by jobs that need one.
    """

    def __init__(self, devices: Sequence[str]) -> None:
        """A device that n jobs may share stands in `devices` n times."""
        self._free = list(devices)
        self._line: deque[object] = deque()
        self._changed = threading.Condition()
        self._closed = False

    @contextmanager
    def acquire(self, count: int, groups: Sequence[Collection[str]], timeout: float) -> Iterator[tuple[str, ...]]:
        """`count` different devices of one of `groups`, until the context ends. None of them where no group has that
        many free within `timeout` seconds, or the pool is closed."""
        ticket = object()
        with self._changed:
            self._line.append(ticket)
            self._changed.wait_for(
                lambda: self._closed or (self._line[0] is ticket and self._available(count, groups)), timeout=timeout
            )
            acquired = self._available(count, groups) if self._line[0] is ticket and not self._closed else ()
            self._line.remove(ticket)
            for device in acquired:
                self._free.remove(device)
            self._changed.notify_all()
        try:
            yield acquired
        finally:
            with self._changed:
                self._free.extend(acquired)
                self._changed.notify_all()

    @property
    def waiting(self) -> int:
        """How many callers wait."""
        return len(self._line)

    def close(self) -> None:
        """Give out no device any more, and end every wait."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _available(self, count: int, groups: Sequence[Collection[str]]) -> tuple[str, ...]:
        """The devices for the first in line; () where too few are free."""
        for group in groups:
            free = [device for device in dict.fromkeys(self._free) if device in group]
            if len(free) >= count:
                return tuple(free[:count])
        return ()
