"""What a worker does: look for work and see it through, sweep up, and say that it is there."""

import os
import platform
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import structlog

from jobs import changes, garbage, lifecycle, placement, workers
from jobs.delivery import ForwardingQueue
from jobs.errors import AttemptFenced
from jobs.failures import Failure
from jobs.fence import Claim
from jobs.placement import CPU, Needs
from jobs.reconciler import FOLD_SECONDS, SWEEP_SECONDS, PeriodicTask, folding_usage, running_periodically, sweeping
from jobs.verified_storage import VerifiedStorage
from jobs.workers import SEEN_EVERY_SECONDS, Census, Load
from models import Database, DatabaseUnavailable, log_outage
from settings import Settings, service_version
from worker.devices import DevicePool
from worker.messages import Devices, Order
from worker.readiness import CHECK_SECONDS, Readiness
from worker.recorder import Recorder
from worker.supervisor import Supervisor
from worker.wakeups import MAX_POLL_SECONDS, Wakeups, jittered_interval, log_errors

# So often the workers of one kind that have a free slot look whether there is work that no message has told them of.
POLL_QUEUE_SECONDS = 1.0

CENSUS_SECONDS = 60.0
LONGEST_FOLD_SECONDS = 60.0

# So long a job waits for devices that others of this worker have, before it looks whether a better one has come.
DEVICE_WAIT_SECONDS = 1.0

GARBAGE_SECONDS = 3600.0
PURGE_SECONDS = 5.0  # between two looks for deleted jobs

NOT_SUPERVISED = Failure(
    code="internal",
    message="The worker could not supervise the attempt.",
    hint="The worker's log says why; submit the job again when that is mended.",
    retryable=True,
)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class StartedAttempt:
    """An attempt, and the devices that it has."""

    claim: Claim
    devices: tuple[str, ...]


class Worker:
    """One worker's tasks. Each slot runs one job at a time, on devices of its own where there are enough."""

    def __init__(
        self, worker_id: str, settings: Settings, database: Database, messages: ForwardingQueue, devices: Devices
    ) -> None:
        self.slots = settings.worker_slots or max(1, len(devices.names))
        self._draining = threading.Event()
        self._worker_id = worker_id
        self._settings = settings
        self._database = database
        self._messages = messages
        self._torch_version = devices.torch_version
        self.device_names = list(devices.names) or [CPU]
        self._devices = [f"cuda:{number}" for number in range(len(devices.names))] or ["cpu"]
        # Every device at least once, for jobs that take several; where there are more slots, they share.
        shares = max(self.slots, len(self._devices))
        self._pool = DevicePool([self._devices[share % len(self._devices)] for share in range(shares)])
        self._threads = max(1, _usable_cores() // self.slots)
        self._storage = VerifiedStorage(settings.storage_url)
        self.readiness = Readiness(database, self._storage)
        # Deletes files, which may take long, beside what keeps leases.
        self._janitor = ThreadPoolExecutor(1, thread_name_prefix="janitor")
        self._free_slots = threading.Semaphore(self.slots)
        # For work that no message has told of: a message may get lost, and the broker be away.
        self._own = ThreadPoolExecutor(self.slots, thread_name_prefix="unprompted")
        self._wakeups = Wakeups(database, messages, self.device_names)
        self._census, self._counted_at = Census(), float("-inf")

    def run_job(self, job_id: str) -> None:
        """There is work, a message says: take the first job of the queue that fits, and go on until none is left."""
        self.run_forwarded(job_id, 0)

    def run_forwarded(self, job_id: str, times: int) -> None:
        """The same of a message that so many workers have passed on."""
        if not self._free_slots.acquire(blocking=False):
            self._wakeups.busy(job_id, times)
            return
        try:
            with log_errors(job_id=job_id):
                self._work(self._wakeups.woken(job_id, times))
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
            log_outage(log, error)

    @contextmanager
    def present(self) -> Iterator[None]:
        """While this lasts the worker counts as connected, looks for work, and sweeps up."""
        with self._database.session() as session:
            workers.sign_on(
                session,
                self._worker_id,
                slots=self.slots,
                devices=self.device_names,
                torch_version=self._torch_version,
                python_version=platform.python_version(),
                epochal_version=service_version(),
                cores=_usable_cores(),
            )
        longest = self._settings.lease_seconds / 2  # a takeover is to wait for the lease, and not for the sweep
        self.readiness.check()
        chores = [
            PeriodicTask(CHECK_SECONDS, self.readiness.check),
            PeriodicTask(
                lambda: jittered_interval(POLL_QUEUE_SECONDS, self._census.alike, MAX_POLL_SECONDS), self._look_for_work
            ),
            sweeping(
                self._database, self._messages.send, lambda: jittered_interval(SWEEP_SECONDS, self._census.all, longest)
            ),
            folding_usage(
                self._database, lambda: jittered_interval(FOLD_SECONDS, self._census.all, LONGEST_FOLD_SECONDS)
            ),
            PeriodicTask(SEEN_EVERY_SECONDS, self._be_seen),
            PeriodicTask(GARBAGE_SECONDS, self._collect_garbage),
            PeriodicTask(PURGE_SECONDS, self._purge),
        ]
        try:
            with running_periodically(chores):
                yield
                self._own.shutdown()  # what drains there still counts as connected
        finally:
            self._wakeups.close()
            self._janitor.shutdown(wait=False, cancel_futures=True)  # what is left, another's sweep finds
            try:
                with self._database.session() as session:
                    workers.sign_off(session, self._worker_id)
            except DatabaseUnavailable as error:  # then it counts as gone a little later
                log_outage(log, error)

    def _be_seen(self) -> None:
        with self._database.session() as session:
            workers.mark_seen(session, self._worker_id, _load())
            if time.monotonic() >= self._counted_at + CENSUS_SECONDS:
                self._census = workers.census(session, self.device_names)
                self._counted_at = time.monotonic()

    def _look_for_work(self) -> None:
        """Have a free slot take what there is for it to do, unprompted."""
        if self._draining.is_set() or self.readiness.reason or not self._free_slots.acquire(blocking=False):
            return
        self._free_slots.release()
        with self._database.autocommit_read() as session:
            candidate = placement.next_job(session, self.device_names)
        if candidate:
            with suppress(RuntimeError):  # the worker is leaving
                self._own.submit(self.run_job, candidate.job_id)

    def _work(self, taken: Callable[[str | None], None]) -> None:
        """One attempt after the other until there is no work; `taken` is told whose each is."""
        while not self._draining.is_set() and self._try(taken):
            pass
        taken(None)

    def _try(self, taken: Callable[[str | None], None]) -> bool:
        """See one attempt through, of the first job in the queue, if its devices are free soon. Whether there may be
        more."""
        if self.readiness.reason:
            return False
        with ExitStack() as held:
            asked_at = time.monotonic()  # the lease runs from some time after this
            begun = self._begin(lambda needs: held.enter_context(self._take(needs, 0.0)))
            if isinstance(begun, Needs):
                devices = held.enter_context(self._take(begun, DEVICE_WAIT_SECONDS))
                asked_at = time.monotonic()
                # By now another job may be the first. It gets these devices where it would have got as many of them.
                begun = self._begin(lambda needs: devices if self._may_have(needs, devices) else ()) if devices else ()
            if isinstance(begun, StartedAttempt):
                taken(begun.claim.job_id)
                self._see_through(begun.claim, begun.devices, asked_at)
                if self._draining.is_set():
                    self._messages.send(begun.claim.job_id)  # others need not wait until they look by themselves
            return begun is not None

    def _begin(self, take: Callable[[Needs], tuple[str, ...]]) -> "StartedAttempt | Needs | tuple[()] | None":
        """Claim the first job of the queue that nobody else is about to. What it needs where `take` has no devices for
        it; () where it was offered and cannot begin; None where there is none."""
        with self._database.session() as session:
            candidate = placement.next_job(session, self.device_names, lock=True)
            if candidate is None:
                return None
            devices = take(candidate.needs)
            if not devices:
                return candidate.needs
            lease = self._settings.lease_seconds
            claim = lifecycle.claim(session, candidate.job_id, self._worker_id, lease, devices)
        return StartedAttempt(claim, devices) if claim else ()

    def _take(self, needs: Needs, patience: float) -> AbstractContextManager[tuple[str, ...]]:
        groups = self._groups(needs)
        return self._pool.acquire(self._count(needs, groups), groups, patience)

    def _may_have(self, needs: Needs, devices: tuple[str, ...]) -> bool:
        groups = self._groups(needs)
        return len(devices) == self._count(needs, groups) and any(set(devices) <= set(group) for group in groups)

    def _groups(self, needs: Needs) -> list[list[str]]:
        return [[self._devices[place] for place in places] for places in placement.fitting(needs, self.device_names)]

    def _count(self, needs: Needs, groups: Sequence[Sequence[str]]) -> int:
        return min(needs.devices, max(map(len, groups)))  # processes share a CPU

    def _see_through(self, claim: Claim, devices: tuple[str, ...], claimed_at: float) -> None:
        recorder = Recorder(self._database, claim, self._settings.lease_seconds, self._discard, claimed_at)
        try:
            supervisor = Supervisor(
                claim,
                recorder,
                lease_seconds=self._settings.lease_seconds,
                stall_seconds=self._settings.stall_seconds,
                draining=self._draining,
            )
            supervisor.run(self._order(claim, devices))
        except Exception:  # ours: the job is not to wait until its lease has run out
            log.exception("attempt not supervised", job_id=claim.job_id, attempt=claim.attempt)
            recorder.abandon()
            self._lose(claim)
        self._clean(partial(garbage.collect, self._database, self._storage, claim.job_id))

    def _lose(self, claim: Claim) -> None:
        with log_errors(job_id=claim.job_id), suppress(AttemptFenced), self._database.session() as session:
            lifecycle.lose_attempt(session, claim, NOT_SUPERVISED)

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
            devices=devices if self.device_names != [CPU] else devices * claim.spec.devices,
            threads=self._threads,
            datasets_dir=self._settings.datasets_dir,
            downloads_dir=self._settings.downloads_dir,
            cache_dir=self._settings.data_dir / "cache",
            largest_image_megapixels=self._settings.largest_image_megapixels,
            storage_url=self._settings.storage_url,
            storage_id=self._storage.storage_id,
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
                log_outage(log, error)
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
