"""What a worker does: run the job of a message, and sweep up now and then."""

import os
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import structlog

from jobs import lifecycle, reconciler, workers
from jobs.delivery import TrainingQueue
from jobs.lifecycle import Claim
from models import OUTAGES, Database
from settings import Settings
from worker.messages import Devices, Order
from worker.supervisor import Supervisor

log = structlog.get_logger()


class Tasks:
    """One worker's tasks. Each slot runs one job at a time, on a device of its own where there are enough."""

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
        self._free_devices: queue.SimpleQueue[str] = queue.SimpleQueue()
        for slot in range(self.slots):
            self._free_devices.put(f"cuda:{slot % len(devices.names)}" if devices.names else "cpu")
        self._threads = max(1, _usable_cores() // self.slots)

    def run_job(self, job_id: str) -> None:
        """Claim a job and see one attempt through. A message for a job that is not to be had is dropped."""
        if self.draining.is_set():
            return  # the reconciler sends the message again
        with self._database.session() as session:
            claim = lifecycle.claim(session, job_id, self._worker_id, self._settings.lease_seconds)
        if claim is None:
            log.info("message dropped", job_id=job_id)
            return
        with self._device() as device:
            supervisor = Supervisor(self._database, claim, self._settings.lease_seconds, self.draining)
            requeued = supervisor.run(self._order(claim, device))
        if requeued:
            self._messages.send(job_id)

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

    @contextmanager
    def _device(self) -> Iterator[str]:
        device = self._free_devices.get()
        try:
            yield device
        finally:
            self._free_devices.put(device)

    def _order(self, claim: Claim, device: str) -> Order:
        return Order(
            job_id=claim.job_id,
            spec=claim.spec,
            device=device,
            threads=self._threads,
            datasets_dir=self._settings.datasets_dir,
            downloads_dir=self._settings.downloads_dir,
        )


def _usable_cores() -> int:
    """Cores that this process may run on, where the system tells."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
