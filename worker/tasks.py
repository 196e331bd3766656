"""What a worker does: run the job of a message, and sweep up now and then."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import structlog

from jobs import lifecycle, queries, reconciler, workers
from jobs.delivery import TrainingQueue
from jobs.lifecycle import Claim
from models import OUTAGES, Database
from settings import Settings
from worker.devices import DevicePool
from worker.messages import Devices, Order
from worker.supervisor import Supervisor

log = structlog.get_logger()


class Tasks:
    """One worker's tasks. Each slot runs one job at a time, on devices of its own where there are enough."""

    def __init__(
        self, worker_id: str, settings: Settings, database: Database, messages: TrainingQueue, devices: Devices
    ) -> None:
        self.slots = settings.worker_slots or max(1, len(devices.names))
        self.draining = threading.Event()
        self._worker_id = worker_id
        self._settings = settings
        self._database = database
        self._messages = messages
        self._devices = devices
        names = [f"cuda:{number}" for number in range(len(devices.names))] or ["cpu"]
        # Every device at least once, for jobs that take several; where there are more slots, they share.
        shares = max(self.slots, len(names))
        self._pool = DevicePool([names[share % len(names)] for share in range(shares)])
        self._threads = max(1, _usable_cores() // self.slots)

    def run_job(self, job_id: str) -> None:
        """Claim a job and see one attempt through. A message for a job that is not to be had is dropped."""
        if self.draining.is_set():
            return  # the reconciler sends the message again
        # Before the claim, whose lease nobody would renew while the job waits for devices.
        with self._pool.take(self._devices_for(job_id)) as devices:
            requeued = bool(devices) and self._attempt(job_id, devices)
        if requeued:
            self._messages.send(job_id)

    def drain(self) -> None:
        """Begin no further attempt, and end those under way."""
        self.draining.set()
        self._pool.close()

    @contextmanager
    def present(self) -> Iterator[None]:
        """While this lasts the worker counts as connected, and sweeps up every few seconds."""
        with self._database.session() as session:
            workers.sign_on(
                session,
                self._worker_id,
                slots=self.slots,
                devices=self._devices.names or ["cpu"],
                torch_version=self._devices.torch_version,
            )
        try:
            with reconciler.sweeping(self._database, self._messages, partial(workers.seen, worker_id=self._worker_id)):
                yield
        finally:
            try:
                with self._database.session() as session:
                    workers.sign_off(session, self._worker_id)
            except OUTAGES as error:  # then it counts as gone a little later
                log.warning("database does not answer", error=str(error).partition("\n")[0])

    def _devices_for(self, job_id: str) -> int:
        """As many as the job asks for, if there are so many: otherwise its trainer refuses it. Processes on a CPU share
        it."""
        if self._pool.distinct == 1:
            return 1
        with self._database.snapshot() as session:
            return min(queries.devices_asked_for(session, job_id), self._pool.distinct)

    def _attempt(self, job_id: str, devices: tuple[str, ...]) -> bool:
        """Whether the job is back in the queue, so that somebody should be told."""
        with self._database.session() as session:
            claim = lifecycle.claim(session, job_id, self._worker_id, self._settings.lease_seconds)
        if claim is None:
            log.info("message dropped", job_id=job_id)
            return False
        supervisor = Supervisor(self._database, claim, self._settings.lease_seconds, self.draining)
        return supervisor.run(self._order(claim, devices))

    def _order(self, claim: Claim, devices: tuple[str, ...]) -> Order:
        return Order(
            job_id=claim.job_id,
            spec=claim.spec,
            devices=devices if self._devices.names else devices * claim.spec.devices,
            threads=self._threads,
            datasets_dir=self._settings.datasets_dir,
            downloads_dir=self._settings.downloads_dir,
            cache_dir=self._settings.data_dir / "cache",
            weights_dir=self._settings.data_dir / "weights",
        )


def _usable_cores() -> int:
    """Cores that this process may run on, where the system tells."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
