"""Runs tasks beside training: claims them, starts a program for each, watches it, and records its end.

One task runs at a time, and beside it one of those that take seconds and that somebody waits for at a request: a
picture must not wait until a large data set is validated.

As with a job's attempt, every write carries the claim, and a worker that cannot renew its lease in time ends the
program before another may claim the task.
"""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector
from typing import Annotated

import structlog
from pydantic import Field, TypeAdapter, ValidationError

from catalog.datasets.errors import DatasetError
from catalog.trained.errors import ModelError
from jobs import audits, dataset_garbage, dataset_versions, drawings, model_tasks, task_ends, tasks
from jobs.dataset_versions import Validated
from jobs.failures import Failure
from jobs.model_tasks import NewFile
from jobs.tasks import TaskClaim, TaskFenced
from jobs.verified_storage import VerifiedStorage
from models import Database, DatabaseUnavailable, log_outage
from settings import Settings
from training.number_format import plain
from worker.audit.messages import AuditOrder, Judged
from worker.evaluating.messages import Evaluated, EvaluationOrder
from worker.exporting.messages import Exported, ExportOrder, ModelFile
from worker.lease import Lease
from worker.process_exits import OomKills
from worker.samples.messages import Drawn, SamplesOrder
from worker.scratch import Scratch
from worker.task_orders import TaskOrder, order_of
from worker.validation.messages import Found, Progress, Rejected, ValidationOrder

LOOK_SECONDS = 0.25  # at the program, while one runs
TELL_SECONDS = 1.0  # between two notes of how far it is
RETRY_SECONDS = 1.0  # until a database that does not answer is asked again
EXIT_SECONDS = 5.0  # for a program to exit that has closed its output: only then is it known why

# The program that carries out an order, and what it is called in errors.
PROGRAMS = {
    ValidationOrder: ("worker.validation", "The validation"),
    AuditOrder: ("worker.audit", "The audit"),
    SamplesOrder: ("worker.samples", "What draws samples"),
    ExportOrder: ("worker.exporting", "The export"),
    EvaluationOrder: ("worker.evaluating", "The evaluation"),
}

_Result = Found | Judged | Drawn | Exported | Evaluated | Rejected
_REPORTS: TypeAdapter[Progress | _Result] = TypeAdapter(Annotated[Progress | _Result, Field(discriminator="kind")])

log = structlog.get_logger()


class TaskRunner:
    """Two threads that each run one task at a time, from `start` until `close`: one takes the short ones."""

    def __init__(
        self,
        worker_id: str,
        settings: Settings,
        database: Database,
        storage: VerifiedStorage,
        draining: threading.Event,
        delete_files: Callable[[list[str]], None],
    ) -> None:
        self._worker_id, self._settings = worker_id, settings
        self._database, self._storage, self._draining = database, storage, draining
        self._delete_files = delete_files
        self._scratch = Scratch(settings.data_dir / "validating", worker_id)
        self._closed = threading.Event()
        self._woken = {is_short: threading.Event() for is_short in (False, True)}
        self._threads = [
            threading.Thread(
                target=self._work, kwargs={"is_short": is_short, "woken": woken}, name=f"tasks {is_short=}", daemon=True
            )
            for is_short, woken in self._woken.items()
        ]

    def start(self) -> None:
        """Begin to take tasks."""
        self._scratch.open()
        for thread in self._threads:
            thread.start()

    def wake(self) -> None:
        """There may be a task."""
        for woken in self._woken.values():
            woken.set()

    def close(self) -> None:
        """End what runs, which another worker then takes over, and wait for it."""
        self._closed.set()
        self.wake()
        for thread in self._threads:
            thread.join()
        self._scratch.close()

    @property
    def _ends(self) -> bool:
        return self._draining.is_set() or self._closed.is_set()

    def _work(self, *, is_short: bool, woken: threading.Event) -> None:
        while not self._ends:
            woken.wait()
            woken.clear()
            try:
                while not self._ends and self._run_next(is_short=is_short):
                    pass
            except DatabaseUnavailable as error:
                log_outage(log, error)
                self._closed.wait(RETRY_SECONDS)
            except Exception:  # a fault of ours in one task must not stop the others
                log.exception("task not run")
                self._closed.wait(RETRY_SECONDS)

    def _run_next(self, *, is_short: bool) -> bool:
        """Whether there was a task."""
        asked_at = time.monotonic()
        with self._database.session() as session:
            claim = tasks.claim_next(session, self._worker_id, self._settings.lease_seconds, is_short=is_short)
        if claim is None:
            return False
        attempt = _Attempt(claim, self._database, Lease(self._settings.lease_seconds, asked_at), self._settings)
        self._scratch.sweep()
        folder = self._scratch.folder(claim.task_id)
        try:
            self._carry_out(claim, attempt, folder)
        except TaskFenced:
            log.info("task given up", task_id=claim.task_id, attempt=claim.attempt)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return True

    def _carry_out(self, claim: TaskClaim, attempt: "_Attempt", folder: Path) -> None:
        try:
            order = order_of(claim, self._database, self._settings, self._storage.storage_id, folder)
        except DatasetError as error:
            attempt.fail(Failure("dataset_invalid", str(error), "Upload it again.", retryable=False))
            return
        except ModelError as error:
            attempt.fail(Failure("internal", str(error), "It was deleted meanwhile: choose another.", retryable=False))
            return
        except ValidationError:
            log.exception("task of a later release", task_id=claim.task_id)
            attempt.release()
            self._closed.wait(RETRY_SECONDS)
            return
        folder.mkdir(parents=True, exist_ok=True)
        log.info("task started", task_id=claim.task_id, kind=claim.kind, dataset=claim.dataset, version=claim.version)
        attempt.run(order, lambda: self._ends)
        if attempt.is_over:
            self._delete_files(list(dataset_garbage.left_by(claim, self._database, self._storage)))


class _Attempt:
    """One program at work on one task."""

    def __init__(self, claim: TaskClaim, database: Database, lease: Lease, settings: Settings) -> None:
        self._claim, self._database, self._lease, self._settings = claim, database, lease, settings
        self._heard_at = time.monotonic()
        self._progress: Progress | None = None
        self._told: Progress | None = None  # that the database knows
        self._told_at = time.monotonic()
        self._result: _Result | None = None
        self._what = ""  # that runs, for people
        self._stalled = False
        self.is_over = False  # the task needs nothing more of its upload, and of what it has written

    def run(self, order: TaskOrder, ends: Callable[[], bool]) -> None:
        """Run the program until it ends, or `ends` says so, and record what came of it. Raises TaskFenced."""
        kills = OomKills()
        program_name, self._what = PROGRAMS[type(order)]
        with subprocess.Popen(  # noqa: S603  # it is one of PROGRAMS
            [sys.executable, "-m", program_name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        ) as program:
            # In a thread: an order may be longer than a pipe holds, and the program reads none before it has begun.
            telling = threading.Thread(target=_tell, args=(program, order), name="order", daemon=True)
            telling.start()
            try:
                if self._follow(program, ends):
                    with suppress(subprocess.TimeoutExpired):
                        program.wait(EXIT_SECONDS)
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(program.pid, signal.SIGKILL)
                telling.join()
        self._settle(program.returncode, kills, drained=ends())

    def release(self) -> None:
        """Back to the queue. Raises TaskFenced."""
        with self._database.session() as session:
            tasks.release(session, self._claim)

    def fail(self, failure: Failure) -> None:
        """There is nothing to try again. Raises TaskFenced."""
        with self._database.session() as session:
            task_ends.fail(session, self._claim, failure)
        self.is_over = True

    def _follow(self, program: "subprocess.Popen[bytes]", ends: Callable[[], bool]) -> bool:
        """Whether it has ended by itself. Raises TaskFenced."""
        assert program.stdout
        lines = _Lines(program.stdout.fileno())
        with DefaultSelector() as selector:
            selector.register(program.stdout, EVENT_READ)
            while not ends() and not lines.ended:
                if selector.select(LOOK_SECONDS):
                    for line in lines.read():
                        self._hear(line)
                if not self._keep_lease():
                    raise TaskFenced(f"The lease of task {self._claim.task_id} could not be renewed.")
                if time.monotonic() - self._heard_at >= self._settings.stall_seconds:
                    self._stalled = True
                    return False
        return lines.ended

    def _hear(self, line: bytes) -> None:
        report = _REPORTS.validate_json(line)
        self._heard_at = time.monotonic()
        if isinstance(report, Progress):
            self._progress = report
        else:
            self._result = report

    def _keep_lease(self) -> bool:
        """False where it is lost."""
        now = time.monotonic()
        has_news = self._progress is not self._told and now - self._told_at >= TELL_SECONDS
        if has_news or self._lease.is_due(now):
            self._told, self._told_at = self._progress, now
            progress = self._progress.model_dump(exclude={"kind"}) if self._progress else {}
            try:
                with self._database.session() as session:
                    tasks.heartbeat(session, self._claim, self._settings.lease_seconds, progress)
                self._lease.renewed(now)
            except DatabaseUnavailable as error:
                log_outage(log, error)
        return not self._lease.is_lost(time.monotonic())

    def _settle(self, exit_code: int, kills: OomKills, *, drained: bool) -> None:
        """Raises TaskFenced. Tries again while the database is away, for as long as the lease lasts."""
        while True:
            try:
                self._settle_once(exit_code, kills, drained=drained)
            except DatabaseUnavailable as error:
                if self._lease.is_lost(time.monotonic()):
                    raise
                log_outage(log, error)
                time.sleep(RETRY_SECONDS)
            else:
                return

    def _settle_once(self, exit_code: int, kills: OomKills, *, drained: bool) -> None:
        match self._result:
            case Found() as found:
                with self._database.session() as session:
                    dataset_versions.settle_ready(session, self._claim, _validated(found))
                self.is_over = True
            case Judged() as judged:
                with self._database.session() as session:
                    audits.settle_judged(session, self._claim, judged.summary, judged.suspects)
            case Drawn() as drawn:
                with self._database.session() as session:
                    drawings.settle_drawn(session, self._claim, drawn.file)
            case Exported(files=files):
                with self._database.session() as session:
                    model_tasks.settle_exported(session, self._claim, _new_files(files))
                self.is_over = True
            case Evaluated(result=result, files=files):
                with self._database.session() as session:
                    model_tasks.settle_evaluated(session, self._claim, result, _new_files(files))
                self.is_over = True
            case Rejected(retryable=False) as rejected:
                self.fail(_failure(rejected))
            case Rejected() as rejected:
                self._lose(_failure(rejected))
            case None if drained:
                self.release()
            case None if exit_code > 0:  # with an exception, which it has logged: another attempt would end so, too
                hint = "This is a fault of the service: its worker's log has the whole of it."
                self.fail(Failure("internal", f"{self._what} failed.", hint, retryable=True))
            case None if exit_code == -signal.SIGXCPU:
                message = f"{self._what} took more of a processor's time than is allowed."
                self.fail(Failure("timeout", message, task_ends.less(self._claim.kind), retryable=False))
            case None:
                self._lose(self._why_it_ended(exit_code, kills))

    def _lose(self, failure: Failure) -> None:
        with self._database.session() as session:
            self.is_over = not task_ends.lose(session, self._claim, failure)

    def _why_it_ended(self, exit_code: int, kills: OomKills) -> Failure:
        if self._stalled:
            message = f"{self._what} made no progress for {plain(self._settings.stall_seconds)} seconds."
            return Failure("stalled", message, task_ends.again(self._claim.kind), retryable=True)
        found = kills.explain(self._what, exit_code)
        if found.code != "out_of_memory":
            return found
        hint = f"Ask the operator for a worker with more memory. Or: {task_ends.less(self._claim.kind)}"
        return replace(found, hint=hint)  # that of a job speaks of its spec


def _tell(program: "subprocess.Popen[bytes]", order: TaskOrder) -> None:
    """Returns once the program has read it all, or has ended."""
    assert program.stdin
    with suppress(BrokenPipeError), program.stdin as orders:
        orders.write(order.model_dump_json().encode() + b"\n")


class _Lines:
    """Whole lines out of a pipe."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor, self._rest, self.ended = descriptor, b"", False

    def read(self) -> list[bytes]:
        """What is there, up to the last end of a line."""
        content = os.read(self._descriptor, 2**20)
        self.ended = not content
        *lines, self._rest = (self._rest + content).split(b"\n")
        return lines


def _validated(found: Found) -> Validated:
    return Validated(
        identity=found.identity,
        classes=found.classes,
        channels=found.channels,
        image_size=found.image_size,
        train_images=found.train_images,
        test_images=found.test_images,
        report=found.report,
        files=found.files,
    )


def _new_files(files: Sequence[ModelFile]) -> list[NewFile]:
    return [NewFile(each.name, each.file, each.facts) for each in files]


def _failure(rejected: Rejected) -> Failure:
    return Failure(rejected.code, rejected.message, rejected.hint, retryable=rejected.retryable)
