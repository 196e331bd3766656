"""What a worker does: it claims jobs and supervises their attempts, sweeps, and reports that it is there."""

import platform
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass

import structlog

from jobs import dataset_versions, lifecycle, placement, tasks, workers
from jobs.delivery import ForwardingQueue
from jobs.errors import AttemptFenced
from jobs.failures import Failure
from jobs.fence import Claim
from jobs.ids import is_task_id
from jobs.periodic import PeriodicTask, running_periodically
from jobs.placement import CPU, Needs
from jobs.reconciler import FOLD_SECONDS, SWEEP_SECONDS, folding_usage, sweeping
from jobs.verified_storage import VerifiedStorage
from jobs.workers import SEEN_EVERY_SECONDS, Census
from models import Database, DatabaseUnavailable, log_outage
from settings import Settings
from training.release import release
from worker.dataset_cache import forget_deleted
from worker.devices import DevicePool
from worker.janitor import Janitor
from worker.machine import current_load, usable_cores
from worker.messages import Devices, Order
from worker.readiness import CHECK_SECONDS, Readiness
from worker.recorder import Recorder
from worker.supervisor import Supervisor
from worker.task_runner import TaskRunner
from worker.wakeups import MAX_POLL_SECONDS, Wakeups, jittered_interval, log_errors

# All workers of one kind together poll the queue this often, for work whose message was lost. Each polls the less often
# the more there are.
POLL_QUEUE_SECONDS = 2.0

CENSUS_SECONDS = 60.0
LONGEST_FOLD_SECONDS = 60.0

# How long a slot waits for devices that other slots of this worker use, before it asks for the first job anew: a better
# one may have come.
DEVICE_WAIT_SECONDS = 1.0

GARBAGE_SECONDS = 3600.0
RETENTION_SECONDS = 3600.0
CACHE_SECONDS = 60.0  # within which decoded images of a deleted data set are gone
PURGE_SECONDS = 5.0

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
    """One worker process. Each slot runs one job at a time, on devices of its own where there are enough."""

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
        # Each device at least once, for jobs that take several. Where there are more slots than devices, slots share.
        shares = max(self.slots, len(self._devices))
        self._pool = DevicePool([self._devices[share % len(self._devices)] for share in range(shares)])
        self._threads = max(1, usable_cores() // self.slots)
        self._storage = VerifiedStorage(settings.storage_url)
        self.readiness = Readiness(database, self._storage)
        self._janitor = Janitor(database, self._storage, self._draining.is_set)
        self._free_slots = threading.Semaphore(self.slots)
        # Runs jobs that the worker found by itself: a message may be lost, and the broker may be away.
        self._own = ThreadPoolExecutor(self.slots, thread_name_prefix="unprompted")
        self._wakeups = Wakeups(database, messages, self.device_names)
        self._tasks = TaskRunner(worker_id, settings, database, self._storage, self._draining, self._janitor.delete)
        self._census, self._counted_at = Census(), float("-inf")

    def run_job(self, job_id: str) -> None:
        """Celery's task. A message says that there is work: run the first job of the queue that fits this worker, and
        then the next, until none is left. `job_id` is only a hint (jobs/delivery.py)."""
        self.run_forwarded(job_id, 0)

    def run_forwarded(self, job_id: str, times: int) -> None:
        """The same for a message that was forwarded so many `times`."""
        if is_task_id(job_id):
            self._tasks.wake()
            return
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

        A signal's handler calls this, perhaps while an earlier call is at work in the same thread. The second call must
        return at once: it would wait for ever for a lock that the interrupted one holds.
        """
        if self._draining.is_set():
            return
        self._draining.set()
        self._pool.close()
        try:
            with self._database.session() as session:
                workers.drain(session, self._worker_id)
        except DatabaseUnavailable as error:  # GET /v1/workers alone shows it
            log_outage(log, error)

    @contextmanager
    def present(self) -> Iterator[None]:
        """While the context lasts, the worker counts as connected, polls the queue, and sweeps."""
        with self._database.session() as session:
            workers.sign_on(
                session,
                self._worker_id,
                slots=self.slots,
                devices=self.device_names,
                torch_version=self._torch_version,
                python_version=platform.python_version(),
                epochal_version=release(),
                cores=usable_cores(),
            )
        self.readiness.check()
        try:
            # The check has a thread of its own: a storage that does not answer blocks it for a minute or more.
            with (
                running_periodically(self._periodic_tasks()),
                running_periodically([PeriodicTask(CHECK_SECONDS, self.readiness.check)]),
            ):
                self._tasks.start()
                yield
                self._tasks.close()
                self._own.shutdown()  # waits: a worker whose jobs drain still counts as connected
        finally:
            self._wakeups.close()
            self._janitor.close()
            try:
                with self._database.session() as session:
                    workers.sign_off(session, self._worker_id)
            except DatabaseUnavailable as error:  # it counts as gone all the same, a little later
                log_outage(log, error)

    def _periodic_tasks(self) -> list[PeriodicTask]:
        longest_sweep = self._settings.lease_seconds / 2  # a takeover should wait for the lease, and not for the sweep
        return [
            PeriodicTask(
                lambda: jittered_interval(POLL_QUEUE_SECONDS, self._census.alike, MAX_POLL_SECONDS), self._poll_queue
            ),
            # With the API, which sweeps, too.
            sweeping(
                self._database,
                self._messages.send,
                lambda: jittered_interval(SWEEP_SECONDS, 1 + self._census.all, longest_sweep),
            ),
            folding_usage(
                self._database, lambda: jittered_interval(FOLD_SECONDS, self._census.all, LONGEST_FOLD_SECONDS)
            ),
            PeriodicTask(SEEN_EVERY_SECONDS, self._report_seen),
            PeriodicTask(GARBAGE_SECONDS, self._janitor.collect_all),
            PeriodicTask(RETENTION_SECONDS, self._janitor.apply_retention),
            PeriodicTask(PURGE_SECONDS, self._janitor.purge_deleted),
            PeriodicTask(CACHE_SECONDS, self._forget_deleted_datasets),
        ]

    def _report_seen(self) -> None:
        with self._database.session() as session:
            workers.mark_seen(session, self._worker_id, current_load())
            if time.monotonic() >= self._counted_at + CENSUS_SECONDS:
                self._census = workers.census(session, self.device_names)
                self._counted_at = time.monotonic()

    def _poll_queue(self) -> None:
        """Have a free slot run the first job that fits, without a message. Tasks have a slot of their own."""
        if self._draining.is_set() or self.readiness.reason:
            return
        with self._database.autocommit_read() as session:
            if tasks.has_queued(session):
                self._tasks.wake()
        if not self._free_slots.acquire(blocking=False):
            return
        self._free_slots.release()
        with self._database.autocommit_read() as session:
            candidate = placement.next_job(session, self.device_names)
        if candidate:
            with suppress(RuntimeError):  # the worker is leaving
                self._own.submit(self.run_job, candidate.job_id)

    def _forget_deleted_datasets(self) -> None:
        def is_there(project: str, identity: str) -> bool:
            with self._database.autocommit_read() as session:
                return dataset_versions.exists(session, project, identity)

        forget_deleted(self._settings.data_dir / "cache", is_there)

    def _work(self, on_claim: Callable[[str | None], None]) -> None:
        """Run one attempt after the other until no job fits. `on_claim` is given the job of each, then None."""
        while not self._draining.is_set() and self._run_next(on_claim):
            pass
        on_claim(None)

    def _run_next(self, on_claim: Callable[[str | None], None]) -> bool:
        """Run an attempt at the first job of the queue, if its devices are free soon. Whether to try the next job."""
        if self.readiness.reason:
            return False
        with ExitStack() as held:
            asked_at = time.monotonic()  # the lease begins when the database answers, which is later
            begun = self._begin(lambda needs: held.enter_context(self._acquire(needs, 0.0)))
            if isinstance(begun, Needs):
                devices = held.enter_context(self._acquire(begun, DEVICE_WAIT_SECONDS))
                asked_at = time.monotonic()
                # By now another job may be the first. It gets these devices if they are what it would have got.
                begun = self._begin(lambda needs: devices if self._suit(needs, devices) else ()) if devices else ()
            if isinstance(begun, StartedAttempt):
                on_claim(begun.claim.job_id)
                self._supervise(begun.claim, begun.devices, asked_at)
                if self._draining.is_set():
                    self._messages.send(begun.claim.job_id)  # so that other workers need not wait for their next poll
            return begun is not None

    def _begin(self, acquire: Callable[[Needs], tuple[str, ...]]) -> StartedAttempt | Needs | tuple[()] | None:
        """Claim the first job of the queue that no other transaction has locked.

        Returns what the job needs where `acquire` has no devices for it, () where the job cannot begin after all, and
        None where there is no job.
        """
        with self._database.session() as session:
            candidate = placement.next_job(session, self.device_names, lock=True)
            if candidate is None:
                return None
            devices = acquire(candidate.needs)
            if not devices:
                return candidate.needs
            lease = self._settings.lease_seconds
            claim = lifecycle.claim(session, candidate.job_id, self._worker_id, lease, devices)
        return StartedAttempt(claim, devices) if claim else ()

    def _acquire(self, needs: Needs, timeout: float) -> AbstractContextManager[tuple[str, ...]]:
        groups = self._groups(needs)
        return self._pool.acquire(self._count(needs, groups), groups, timeout)

    def _suit(self, needs: Needs, devices: tuple[str, ...]) -> bool:
        groups = self._groups(needs)
        return len(devices) == self._count(needs, groups) and any(set(devices) <= set(group) for group in groups)

    def _groups(self, needs: Needs) -> list[list[str]]:
        return [[self._devices[place] for place in places] for places in placement.fitting(needs, self.device_names)]

    def _count(self, needs: Needs, groups: Sequence[Sequence[str]]) -> int:
        return min(needs.devices, max(map(len, groups)))  # processes share a CPU

    def _supervise(self, claim: Claim, devices: tuple[str, ...], claimed_at: float) -> None:
        recorder = Recorder(
            self._database,
            claim,
            self._settings.lease_seconds,
            self._janitor.delete,
            claimed_at,
            self._settings.export_formats,
        )
        try:
            supervisor = Supervisor(
                claim,
                recorder,
                lease_seconds=self._settings.lease_seconds,
                stall_seconds=self._settings.stall_seconds,
                draining=self._draining,
            )
            supervisor.run(self._order(claim, devices))
        except Exception:  # a fault of ours: give the job back now, and not when its lease runs out
            log.exception("attempt not supervised", job_id=claim.job_id, attempt=claim.attempt)
            recorder.abandon()
            self._lose(claim)
        self._janitor.collect_job(claim.job_id)

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
            dataset_files=claim.dataset_files,
            project=claim.project,
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
