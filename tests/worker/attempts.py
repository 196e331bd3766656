"""Attempts with real trainer processes, supervised in a thread of the test's own."""

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from jobs import lifecycle, queries
from jobs.fence import Claim
from models import Database, Job
from storage import Storage
from tests.processes import descendants
from worker.messages import Order
from worker.recorder import Recorder
from worker.supervisor import Supervisor

SHORT: dict[str, object] = {"dataset": "digits", "architecture": "resnet20", "epochs": 1, "batch_size": 512}
LONG = {**SHORT, "epochs": 1000}

PATIENCE_SECONDS = 240.0  # on a busy machine, a fork server that starts takes minutes


class Attempt:
    """A supervisor at work."""

    def __init__(
        self,
        database: Database,
        claim: Claim,
        folder: Path,
        *,
        lease_seconds: float,
        stall_seconds: float,
        storage_url: str | None = None,
    ) -> None:
        self.claim = claim
        self.draining = threading.Event()
        self.discarded: list[str] = []
        storage_url = storage_url or f"file://{folder}/storage"
        self.storage = Storage(storage_url)
        order = Order(
            job_id=claim.job_id,
            attempt=claim.attempt,
            spec=claim.spec,
            checkpoints=claim.checkpoints,
            starting_weights=claim.starting_weights,
            dataset_identity=claim.dataset_identity,
            earlier_facts=claim.earlier_facts,
            finish_at_once=claim.finish_at_once,
            devices=("cpu",) * claim.spec.devices,
            threads=1,
            datasets_dir=folder / "datasets",
            downloads_dir=folder / "downloads",
            cache_dir=folder / "cache",
            storage_url=storage_url,
        )
        self.recorder = Recorder(database, claim, lease_seconds, self.discarded.extend)
        self.supervisor = Supervisor(
            claim,
            self.recorder,
            lease_seconds=lease_seconds,
            stall_seconds=stall_seconds,
            draining=self.draining,
        )
        self.thread = threading.Thread(target=self.supervisor.run, args=(order,))
        self.thread.start()

    def over(self) -> None:
        """Wait for its end."""
        self.thread.join(PATIENCE_SECONDS)
        assert not self.thread.is_alive()


Start = Callable[..., Attempt]
Claimed = Callable[..., Claim]


def job_of(database: Database, claim: Claim) -> Job:
    with database.snapshot() as session:
        return queries.find(session, claim.job_id).job


def until(
    condition: Callable[[], object], what: str, seconds: float = PATIENCE_SECONDS, tick_seconds: float = 0.02
) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(tick_seconds)


def until_it_trains(database: Database, claim: Claim) -> None:
    def has_steps() -> bool:
        with database.snapshot() as session:
            return any(row.attempt == claim.attempt for row in queries.steps_after(session, claim.job_id).rows)

    until(has_steps, "no step was recorded")


def until_it_is_saved(database: Database, claim: Claim) -> None:
    def has_checkpoint() -> bool:
        with database.snapshot() as session:
            rows = queries.checkpoints(session, claim.job_id).rows
        return any(record.checkpoint.attempt == claim.attempt for record in rows)

    until(has_checkpoint, "no checkpoint was published")


def trainer_pids() -> list[int]:
    """The trainers of this process: of what it has started, what leads a session of its own."""
    found = []
    for pid, command in descendants(os.getpid()).items():
        with suppress(ProcessLookupError):  # ended meanwhile
            if "forkserver" in command and os.getsid(pid) == pid:
                found.append(pid)
    return found


def claimed_again(database: Database, claim: Claim) -> Claim:
    """The next attempt at the job, which is in the queue."""
    with database.session() as session:
        again = lifecycle.claim(session, claim.job_id, "ours", 30)
    assert again
    return again
