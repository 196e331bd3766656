"""What a worker does: look for work and see it through, sweep up, and say that it is there."""

import os
import platform
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import structlog

from jobs import changes, garbage, lifecycle, placement, workers
from jobs.delivery import TrainingQueue
from jobs.fence import Claim
from jobs.own_storage import OwnStorage
from jobs.placement import CPU, Candidate
from jobs.reconciler import Chore, doing, settling
from jobs.workers import SEEN_EVERY_SECONDS, Load
from models import Database, DatabaseUnavailable
from settings import Settings, service_version
from worker.devices import DevicePool
from worker.fitness import LOOK_SECONDS, Fitness
from worker.messages import Devices, Order
from worker.recorder import Recorder
from worker.supervisor import Supervisor

# So often a worker with a free slot looks whether there is work that no message has told it of.
LOOK_FOR_WORK_SECONDS = 1.0

# So long a job waits for devices that others of this worker have, before it looks whether a better one has come.
PATIENCE_SECONDS = 1.0

GARBAGE_SECONDS = 3600.0
PURGE_SECONDS = 5.0  # between two looks for deleted jobs

log = structlog.get_logger()


class Tasks:
    """One worker's tasks. Each slot runs one job at a time, on devices of its own where there are enough."""

    def __init__(
        self, worker_id: str, settings: Settings, database: Database, messages: TrainingQueue, devices: Devices
    ) -> None:
        self.slots = settings.worker_slots or max(1, len(devices.names))
        self._draining = threading.Event()
        self._worker_id = worker_id
        self._settings = settings
        self._database = database
        self._messages = messages
        self._torch_version = devices.torch_version
        self._device_names = list(devices.names) or [CPU]
        self._devices = [f"cuda:{number}" for number in range(len(devices.names))] or ["cpu"]
        # Every device at least once, for jobs that take several; where there are more slots, they share.
        shares = max(self.slots, len(self._devices))
        self._pool = DevicePool([self._devices[share % len(self._devices)] for share in range(shares)])
        self._threads = max(1, _usable_cores() // self.slots)
        self._storage = OwnStorage(settings.storage_url)
        self._fitness = Fitness(database, self._storage)
        # Deletes files, which may take long, beside what keeps leases.
        self._janitor = ThreadPoolExecutor(1, thread_name_prefix="janitor")
        self._free_slots = threading.Semaphore(self.slots)
        # For work that no message has told of: a message may get lost, and the broker be away.
        self._own = ThreadPoolExecutor(self.slots, thread_name_prefix="unprompted")

    def run_job(self, _job_id: str) -> None:
        """There is work, a message says: take the first job of the queue that fits, and go on until none is left. Where
        no slot is free there is nothing to do: those that are not look for themselves."""
        if not self._free_slots.acquire(blocking=False):
            return
        try:
            while not self._draining.is_set() and (candidate := self._next_job()):
                self._try(candidate)
        except DatabaseUnavailable as error:
            log.warning("database unavailable", **error.told)
        finally:
            self._free_slots.release()

    def drain(self) -> None:
        """Begin no further attempt, and end those under way.

        Called by a signal's handler, and so perhaps in the middle of itself: then it has nothing more to do, and must
        not wait for what it has interrupted.
        """
        if self._draining.is_set():
            return
        self._draining.set()
        self._pool.close()
        try:
            with self._database.session() as session:
                workers.drain(session, self._worker_id)
        except DatabaseUnavailable as error:  # it only shows in GET /v1/workers
            log.warning("database unavailable", **error.told)

    @contextmanager
    def present(self) -> Iterator[None]:
        """While this lasts the worker counts as connected, looks for work, and sweeps up."""
        with self._database.session() as session:
            workers.sign_on(
                session,
                self._worker_id,
                slots=self.slots,
                devices=self._device_names,
                torch_version=self._torch_version,
                python_version=platform.python_version(),
                epochal_version=service_version(),
                cores=_usable_cores(),
            )
        self._fitness.look()
        chores = [
            Chore(LOOK_SECONDS, self._fitness.look),
            Chore(LOOK_FOR_WORK_SECONDS, self._look_for_work),
            settling(self._database),
            Chore(SEEN_EVERY_SECONDS, self._be_seen),
            Chore(GARBAGE_SECONDS, self._collect_garbage),
            Chore(PURGE_SECONDS, self._purge),
        ]
        try:
            with doing(chores):
                yield
                self._own.shutdown()  # what drains there still counts as connected
        finally:
            self._janitor.shutdown(wait=False, cancel_futures=True)  # what is left, another's sweep finds
            try:
                with self._database.session() as session:
                    workers.sign_off(session, self._worker_id)
            except DatabaseUnavailable as error:  # then it counts as gone a little later
                log.warning("database unavailable", **error.told)

    def _be_seen(self) -> None:
        with self._database.session() as session:
            workers.seen(session, self._worker_id, _load())

    def _look_for_work(self) -> None:
        """Have a free slot take what there is for it to do, unprompted."""
        if self._draining.is_set() or not self._free_slots.acquire(blocking=False):
            return
        self._free_slots.release()
        if candidate := self._next_job():
            self._own.submit(self.run_job, candidate.job_id)

    def _next_job(self) -> Candidate | None:
        if self._fitness.flaw:
            return None
        with self._database.snapshot() as session:
            return placement.next_job(session, self._device_names)

    def _try(self, candidate: Candidate) -> None:
        """See one attempt at the job through, if its devices are free soon, and nobody else takes it before."""
        groups = [
            [self._devices[place] for place in places]
            for places in placement.fitting(candidate.needs, self._device_names)
        ]
        count = min(candidate.needs.devices, max(map(len, groups)))  # processes share a CPU
        with self._pool.take(count, groups, PATIENCE_SECONDS) as devices:
            if not devices:
                return
            asked_at = time.monotonic()  # the lease runs from some time after this
            with self._database.session() as session:
                claim = lifecycle.claim(
                    session, candidate.job_id, self._worker_id, self._settings.lease_seconds, devices
                )
            if claim is not None:
                self._see_through(claim, devices, asked_at)
        if self._draining.is_set():
            self._messages.send(candidate.job_id)  # others need not wait until they look by themselves

    def _see_through(self, claim: Claim, devices: tuple[str, ...], claimed_at: float) -> None:
        recorder = Recorder(self._database, claim, self._settings.lease_seconds, self._discard, claimed_at)
        supervisor = Supervisor(
            claim,
            recorder,
            lease_seconds=self._settings.lease_seconds,
            stall_seconds=self._settings.stall_seconds,
            draining=self._draining,
        )
        supervisor.run(self._order(claim, devices))
        self._clean(partial(garbage.collect, self._database, self._storage, claim.job_id))

    def _order(self, claim: Claim, devices: tuple[str, ...]) -> Order:
        return Order(
            job_id=claim.job_id,
            attempt=claim.attempt,
            spec=claim.spec,
            checkpoints=claim.checkpoints,
            starting_weights=claim.starting_weights,
            dataset_identity=claim.dataset_identity,
            earlier_facts=claim.earlier_facts,
            finish_at_once=claim.finish_at_once,
            devices=devices if self._device_names != [CPU] else devices * claim.spec.devices,
            threads=self._threads,
            datasets_dir=self._settings.datasets_dir,
            downloads_dir=self._settings.downloads_dir,
            cache_dir=self._settings.data_dir / "cache",
            largest_image_megapixels=self._settings.largest_image_megapixels,
            storage_url=self._settings.storage_url,
            storage_mark=self._storage.mark,
        )

    def _collect_garbage(self) -> None:
        self._clean(partial(garbage.collect_all, self._database, self._storage, self._draining.is_set))

    def _purge(self) -> None:
        self._clean(partial(changes.purge, self._database, self._storage))

    def _discard(self, names: list[str]) -> None:
        self._clean(partial(self._storage.delete, names))

    def _clean(self, work: Callable[[], object]) -> None:
        """In the janitor's thread. What fails there is tried again with the next garbage."""

        def clean() -> None:
            try:
                work()
            except OSError as error:
                log.warning("storage does not answer", error=str(error))
            except DatabaseUnavailable as error:
                log.warning("database unavailable", **error.told)
            except Exception:  # the next garbage may fare better; without a word nobody would look into it
                log.exception("cleaning failed")

        with suppress(RuntimeError):  # the worker is leaving
            self._janitor.submit(clean)


def _usable_cores() -> int:
    """Cores that this process may run on, where the system tells."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _load() -> Load:
    """Of this machine, as far as its system tells."""
    try:
        lines = (line.split() for line in Path("/proc/meminfo").read_text().splitlines())
        kilobytes = {line[0]: int(line[1]) for line in lines}
    except OSError:
        return Load(os.getloadavg()[0])
    return Load(os.getloadavg()[0], 1024 * kilobytes["MemTotal:"], 1024 * kilobytes["MemAvailable:"])
