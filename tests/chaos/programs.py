"""Programs that are killed, stopped and held down, and start again by themselves, as a supervisor such as docker
would start them."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.processes import descendants

RESTART_SECONDS = 1.0
LOOK_SECONDS = 0.1
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Command:
    """How a program is started."""

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    user: str | None = None  # by default, the harness's own
    core: int | None = None  # the one that it may use; by default, all


class Program:
    """A program in a session of its own. Threads may use it together."""

    def __init__(self, command: Command) -> None:
        self._command = command
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._died_at: float | None = None
        self._down = False
        self._starts = 0
        self._leaves = 0  # at which start it was told to end
        self.name = command.name

    @property
    def pid(self) -> int | None:
        """None while it does not run."""
        process = self._process
        return process.pid if process and process.poll() is None else None

    def start(self) -> None:
        """Start it, unless it runs."""
        with self._lock:
            self._down = False
            self._start()

    def keep_alive(self) -> None:
        """Start it again if it has been dead for RESTART_SECONDS and is not held down. To be called often."""
        with self._lock:
            if self.pid or self._down:
                self._died_at = None
            elif self._died_at is None:
                self._died_at = time.monotonic()
            elif time.monotonic() - self._died_at >= RESTART_SECONDS:
                self._died_at = None
                self._start()

    def hold_down(self) -> None:
        """Once it is dead, it stays so until `start`."""
        with self._lock:
            self._down = True

    def family(self) -> dict[int, str]:
        """It and all that it has started: id and command line. Empty while it does not run."""
        pid = self.pid
        return {} if pid is None else {pid: self.name, **descendants(pid)}

    @property
    def signature(self) -> str:
        """What the history calls this start of it."""
        return f"{self.name}.{self._starts}"

    @property
    def leaves(self) -> bool:
        """It was told to end, and has not been started again since."""
        return self._leaves == self._starts

    def kill(self, number: signal.Signals = signal.SIGKILL) -> bool:
        """Send it a signal, alone. Whether it was there."""
        pid = self.pid
        if number is signal.SIGTERM:
            self._leaves = self._starts
        return pid is not None and bool(send([pid], number))

    def end(self, seconds: float, number: signal.Signals = signal.SIGTERM) -> bool:
        """Hold it down and end it; whether it ended by itself within `seconds`. Nothing of its family is left."""
        self.hold_down()
        family = self.family()
        self.kill(number)
        process, ended = self._process, True
        if process is not None:
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                ended = False
        send(family, signal.SIGKILL)
        if process is not None:
            process.wait()
        return ended

    def _start(self) -> None:
        if self.pid:
            return
        self._starts += 1
        command = self._command
        # As libpq reads it: so the history tells which process wrote. On SQLite, `signed` reads it.
        environment = {**command.environment, "PGAPPNAME": self.signature}
        with command.log.open("ab") as log:
            self._process = subprocess.Popen(
                command.arguments,
                cwd=ROOT if command.user is None else "/",
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                user=command.user,
                group=command.user,
                extra_groups=None if command.user is None else [],
                start_new_session=True,
            )
        if command.core is not None:
            os.sched_setaffinity(self._process.pid, {command.core})


def send(pids: Sequence[int] | Mapping[int, str], number: signal.Signals) -> list[int]:
    """The signal to each of them that still lives; those."""
    reached = []
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)
            reached.append(pid)
    return reached


class Watch:
    """Keeps programs alive, in a thread, from `start` to `stop`."""

    def __init__(self, programs: Sequence[Program]) -> None:
        self._programs = programs
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Nothing is started again after this."""
        self._stopping.set()
        self._thread.join()

    def _keep(self) -> None:
        while not self._stopping.wait(LOOK_SECONDS):
            for program in self._programs:
                program.keep_alive()
