"""What is up at each moment, and how much of the time a machine that others use has left us."""

import sqlite3
import threading
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tests.chaos.deployment import Deployment
from tests.chaos.programs import Program

TICK_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Beat:
    """One look. `at` is in seconds since 1970, as the history has it.

    `counts` is what of the time since the look before counts: a tick, however late it came, times the share of a core
    that this thread got while it worked. Whoever waits for something on a busy machine waits in these seconds.
    """

    at: float
    counts: float
    database: bool  # it answers, and no fault keeps it from the service
    disk: bool
    ready: frozenset[str]  # programs that run and are not stopped or about to leave, as the history calls them
    trainers: Mapping[str, int]  # by worker


class Pulse:
    """Looks in a thread, from the start until `stop`."""

    def __init__(self, deployment: Deployment) -> None:
        self.beats: list[Beat] = []
        self._deployment = deployment
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="pulse", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """No more looks."""
        self._stopping.set()
        self._thread.join()

    def _keep(self) -> None:
        share = 1.0
        while not self._stopping.wait(TICK_SECONDS):
            worked, began = time.thread_time(), time.perf_counter()
            self.beats.append(self._look(TICK_SECONDS * share))
            wall = time.perf_counter() - began
            share = min(1.0, (time.thread_time() - worked) / wall) if wall else 1.0

    def _look(self, counts: float) -> Beat:
        service = self._deployment
        states = {program: _state(program.pid) for program in [service.api, *service.workers]}
        stopped = any(state == "T" for state in states.values())
        return Beat(
            at=time.time(),
            counts=counts,
            database="database" not in service.away and _answers(service, stopped=stopped),
            disk="disk" not in service.away,
            ready=frozenset(
                program.signature
                for program, state in states.items()
                if state in {"R", "S", "D"} and not program.leaves
            ),
            trainers={worker.signature: _trainers(worker) for worker in service.workers},
        )


def _answers(service: Deployment, *, stopped: bool) -> bool:
    """SQLite always does; but a process that is stopped in the middle of a write keeps everybody from writing."""
    if service.backend == "sqlite":
        return not stopped or _can_be_written(service.database_file)
    if service.database_program is None or service.database_program.pid is None:
        return False
    try:
        with service.database.engine.connect() as connection:
            connection.execute(text("SELECT 1"))
    except DBAPIError:
        return False
    return True


def _can_be_written(path: Path) -> bool:
    with closing(sqlite3.connect(path, timeout=0.0, isolation_level=None)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
        except sqlite3.OperationalError:
            return False
    return True


def _state(pid: int | None) -> str:
    """One letter, as Linux has it; X where there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "X"


def _trainers(worker: Program) -> int:
    """How many sessions the worker's descendants lead: each trainer, and each process of a team's, is in one."""
    pid = worker.pid
    return 0 if pid is None else sum(_leads_a_session(child) for each in _children(pid) for child in _children(each))


def _children(pid: int) -> list[int]:
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        return [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except OSError:
        return []


def _leads_a_session(pid: int) -> bool:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return False
    return fields[0] != "Z" and int(fields[3]) == pid
