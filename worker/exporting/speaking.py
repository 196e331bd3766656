"""Says how far an export is. Some of its calls take minutes, in which it repeats what it has said last: a worker ends a
program that says nothing for too long."""

import threading
import time
from types import TracebackType
from typing import BinaryIO, Self

from worker.validation.messages import Message, Progress

REPEAT_SECONDS = 2.0
MOST_REPEATED_SECONDS = 3600.0  # of one thing; by then it hangs


class Speaker:
    """Writes messages to `out`, a line each. Until it is left, a thread repeats the last one."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._lock = threading.Lock()
        self._last: Progress | None = None
        self._said_at = time.monotonic()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._repeat, name="speaker", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def __call__(self, message: Message) -> None:
        """Say it now."""
        with self._lock:
            if isinstance(message, Progress):
                self._last, self._said_at = message, time.monotonic()
            self._write(message)

    def _repeat(self) -> None:
        while not self._ended.wait(REPEAT_SECONDS):
            with self._lock:
                if self._last and time.monotonic() - self._said_at < MOST_REPEATED_SECONDS:
                    self._write(self._last)

    def _write(self, message: Message) -> None:
        self._out.write(message.model_dump_json().encode() + b"\n")
        self._out.flush()
