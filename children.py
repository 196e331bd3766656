"""Programs that run beside this one: started, started again when they die, and stopped together at the end."""

import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from training.parent_death_signal import die_with_parent

STOP_SECONDS = 40.0  # a drain takes less
RESTART_SECONDS = 1.0


class Child:
    """A program that runs until it is stopped, and does not outlive this process.

    It has a session of its own: otherwise Ctrl-C in the terminal would reach it, and end it before it is drained.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        environment: dict[str, str],
        log: IO[bytes] | None = None,
        fd: int | None = None,
        folder: Path = Path(__file__).parent,
    ) -> None:
        self._arguments = arguments
        self._environment = environment
        self._log = log
        self._folder = folder
        self._fds = () if fd is None else (fd,)
        self.start()

    def start(self) -> None:
        """Start it, for the first time or again."""
        self.process = subprocess.Popen(
            self._arguments,
            cwd=self._folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            pass_fds=self._fds,
            start_new_session=True,
            preexec_fn=lambda: die_with_parent(signal.SIGTERM),
        )

    def ended(self) -> bool:
        """Whether it has ended, by itself or not."""
        return self.process.poll() is not None

    def stop(self) -> None:
        """Wait until it ends, after its SIGTERM; kill it after STOP_SECONDS, and every process that it leaves
        behind."""
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(STOP_SECONDS)
        with suppress(ProcessLookupError):  # nothing left
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@contextmanager
def stopped_together(children: Sequence[Child]) -> Iterator[None]:
    """Stop all children when the context ends: all are told first, and then each is waited for."""
    try:
        yield
    finally:
        for child in children:
            child.process.terminate()
        for child in children:
            child.stop()


@contextmanager
def kept_alive(children: Sequence[Child]) -> Iterator[None]:
    """Start a child again that has died. Its work goes on from what is in the database."""
    stopping = threading.Event()

    def watch() -> None:
        while not stopping.wait(RESTART_SECONDS):
            for child in children:
                if child.ended():
                    with suppress(OSError):  # no memory, say: tried again a second later
                        child.start()

    watcher = threading.Thread(target=watch, name="watcher", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        stopping.set()
        watcher.join()
