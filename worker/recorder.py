"""All that an attempt does with the database: it renews the lease, records reports, reads requests, records the end.

This happens in a thread of its own. A database that does not answer so delays neither the trainer's messages nor the
supervisor's check of the lease. Every write carries the attempt's claim: an attempt that has lost its job writes
nothing.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import structlog
from sqlalchemy.orm import Session

from jobs import lifecycle, recording
from jobs.errors import AttemptFenced
from jobs.failures import Failure, FailureCode
from jobs.fence import Claim
from models import Database, DatabaseUnavailable, Request, log_outage
from training.metrics import EpochMetrics
from worker.lease import Lease
from worker.messages import (
    Alive,
    CheckpointStored,
    EpochDone,
    FactsFound,
    Failed,
    Halted,
    Loading,
    Report,
    Started,
    StepDone,
    Succeeded,
    Trouble,
    Unusable,
)

# A cancelled job must be off its device within two seconds: less than half a second to see the request, and one second
# to exit between two steps.
POLL_SECONDS = 0.3

STEPS_SECONDS = 0.1  # the losses of the steps of this time are written together; anything else is written at once
RETRY_SECONDS = 0.5  # after a write that failed

# Failures that are not the job's own fault: another attempt may succeed.
RETRIED: frozenset[FailureCode] = frozenset({"worker_lost", "storage_full", "internal"})

# After so many errors in a row that no outage explains, the attempt is given up.
MAX_ERRORS_IN_A_ROW = 10


@dataclass(frozen=True, slots=True)
class TrainerExit:
    """The trainer has exited. `failure` is why; None where it exited on command."""

    failure: Failure | None


class Recorder:
    """Records one attempt, from `start` until `over` is set."""

    def __init__(
        self,
        database: Database,
        claim: Claim,
        lease_seconds: float,
        discard: Callable[[list[str]], None],
        claimed_at: float | None = None,
        exports: Sequence[str] = (),
    ) -> None:
        """`discard` is given the names of files that a new checkpoint replaces. `claimed_at` is when the claim was sent
        to the database, by the monotonic clock. `exports`: the formats to which the trained model that the job leaves
        is exported."""
        self._exports = exports
        self._database = database
        self._claim = claim
        self._lease_seconds = lease_seconds
        self._discard = discard
        self._unsaved: deque[Report] = deque()
        self._gone: TrainerExit | None = None
        self._changed = threading.Condition()
        self._outage: DatabaseUnavailable | None = None  # why nothing can be recorded now
        self._steps_written_at = self._looked_at = 0.0
        self._log = structlog.get_logger().bind(job_id=claim.job_id, attempt=claim.attempt)
        self.lease = Lease(lease_seconds, claimed_at)
        self.requested: Request | None = None
        self.timed_out = False  # set by the supervisor, before it sends the command
        self.over = threading.Event()  # settled, or fenced off
        self.fenced = False

    def start(self) -> None:
        """Begin to record, in a thread."""
        threading.Thread(target=self._work, name=f"record {self._claim.job_id}", daemon=True).start()

    def report(self, report: Report) -> None:
        """Record this soon."""
        if not isinstance(report, Alive):
            self._tell(lambda: self._unsaved.append(report))

    def end(self, failure: Failure | None) -> None:
        """The trainer has exited, and its last report has been passed on."""
        self._tell(lambda: setattr(self, "_gone", TrainerExit(failure)))

    def abandon(self) -> None:
        """The lease is nearly lost: write nothing more."""
        self._tell(self._fence)

    def _tell(self, change: Callable[[], None]) -> None:
        with self._changed:
            change()
            self._changed.notify_all()

    def _work(self) -> None:
        mistakes, failed = 0, False
        while not self.over.is_set():
            try:
                self._renew()
                self._write()
                self._settle()
                mistakes, failed, self._outage = 0, False, None
            except AttemptFenced:
                self._log.warning("attempt fenced")
                self._outage = None
                self._fence()
            except DatabaseUnavailable as error:
                log_outage(self._log, error)
                failed, self._outage = True, error
            except Exception:  # a fault of ours: try again, since it may concern one write alone
                mistakes, failed, self._outage = mistakes + 1, True, None
                self._log.exception("recording failed")
                if mistakes == MAX_ERRORS_IN_A_ROW:
                    self._fence()  # the lease runs out, and another attempt follows
            if failed:
                self.over.wait(RETRY_SECONDS)
            else:
                self._wait()
        if self._outage and self.fenced:
            self._record_outage(self._outage)

    def _record_outage(self, outage: DatabaseUnavailable) -> None:
        """Record the outage as the reason why this attempt lost its job, once the trainer has exited.

        If that does not succeed before the lease runs out, the sweep records that the worker was lost.
        """
        while not self.lease.has_run_out(time.monotonic()):
            with self._changed:
                self._changed.wait_for(lambda: self._gone is not None, timeout=RETRY_SECONDS)
            if self._gone is None:
                continue
            try:
                with self._database.session() as session:
                    lifecycle.lose_attempt(session, self._claim, lifecycle.lost_to_outage(outage))
            except DatabaseUnavailable:
                time.sleep(RETRY_SECONDS)
            except AttemptFenced:  # a sweep was quicker
                return
            except Exception:  # a fault of ours: the sweep records the end
                self._log.exception("end not recorded")
                return
            else:
                return

    def _wait(self) -> None:
        """Wait for something to do: for steps up to STEPS_SECONDS, for any other report not at all."""
        with self._changed:
            self._changed.wait_for(lambda: self._unsaved or self._is_urgent(), timeout=POLL_SECONDS)
            if self._unsaved:
                due = self._steps_written_at + STEPS_SECONDS
                self._changed.wait_for(self._is_urgent, timeout=max(0.0, due - time.monotonic()))

    def _is_urgent(self) -> bool:
        last = self._unsaved[-1] if self._unsaved else None
        return self.over.is_set() or self._gone is not None or not isinstance(last, StepDone | None)

    def _renew(self) -> None:
        """Renew the lease, or read what is requested of the job, if one of them is due."""
        asked_at = time.monotonic()  # the lease begins when the database answers, which is later
        if self.lease.is_due(asked_at):
            with self._database.session() as session:
                self.requested = lifecycle.heartbeat(session, self._claim, self._lease_seconds)
            self.lease.renewed(asked_at)
            self._looked_at = asked_at
        elif asked_at - self._looked_at >= POLL_SECONDS:
            with self._database.autocommit_read() as session:
                self.requested = lifecycle.requested(session, self._claim)
            self._looked_at = asked_at

    def _write(self) -> None:
        """Record the reports in one transaction. They are kept until it is committed."""
        with self._changed:
            reports = list(self._unsaved)
        if not reports or self.requested is Request.CANCEL:
            return
        only_steps = all(isinstance(report, StepDone) for report in reports)
        if only_steps and time.monotonic() - self._steps_written_at < STEPS_SECONDS and self._gone is None:
            return
        settled, discarded = False, list[str]()
        try:
            with self._database.session() as session:
                for group in _grouped(reports):
                    if settled := self._record(session, group, discarded):
                        break  # the attempt has ended: later reports of a team's other processes are not recorded
        except AttemptFenced:
            with self._database.snapshot() as session:
                self.requested = lifecycle.requested(session, self._claim)
            if self.requested is not Request.CANCEL:
                raise
            return
        with self._changed:
            for _ in reports:
                self._unsaved.popleft()
        if any(isinstance(report, StepDone) for report in reports):
            self._steps_written_at = time.monotonic()
        for epoch in (report.metrics for report in reports if isinstance(report, EpochDone)):
            self._log.info("epoch recorded", epoch=epoch.epoch, **_accuracies(epoch))
        if discarded:
            self._discard(discarded)
        if settled:
            self.over.set()

    def _record(self, session: Session, group: list[Report], discarded: list[str]) -> bool:
        """Whether the report has ended the attempt."""
        claim = self._claim
        match group[-1]:
            case StepDone():
                recording.record_steps(session, claim, [each.metrics for each in group if isinstance(each, StepDone)])
            case Started(facts=facts, resumed_from=resumed_from):
                recording.record_start(session, claim, facts, resumed_from)
            case FactsFound(facts=facts):
                recording.record_facts(session, claim, facts)
            case EpochDone(metrics=metrics):
                recording.record_epoch(session, claim, metrics)
            case CheckpointStored(checkpoint=checkpoint):
                discarded += recording.record_checkpoint(session, claim, checkpoint)
            case Loading(name=name):
                recording.record_loading(session, claim, name)
            case Unusable(name=name, reason=reason):
                recording.record_unusable(session, claim, name, reason)
            case Trouble(event=event, message=message):
                recording.record_trouble(session, claim, event, message)
            case Succeeded() as done:
                lifecycle.settle_success(
                    session,
                    claim,
                    done.weights,
                    best_weights=done.best_weights,
                    predictions=done.predictions,
                    epochs=done.epochs,
                    stopped_early=done.stopped_early,
                    network_input=done.network_input,
                    exports=self._exports,
                )
                return True
            case Failed() as failed:
                self._settle_failed(session, failed)
                return True
            case Halted() as halted:
                self._settle_halted(session, halted)
                return True
        return False

    def _settle_failed(self, session: Session, failed: Failed) -> None:
        failure = Failure(failed.code, failed.message, failed.hint, failed.retryable)
        killed_by_kernel = failure.code == "out_of_memory" and failure.retryable
        if failure.code in RETRIED or killed_by_kernel:
            crashed = killed_by_kernel or failure.code == "worker_lost"
            lifecycle.lose_attempt(session, self._claim, failure, crashed=crashed)
        else:
            lifecycle.settle_failure(session, self._claim, failure, failed.weights)

    def _settle_halted(self, session: Session, halted: Halted) -> None:
        if self.timed_out and self.requested is None:
            lifecycle.settle_timeout(session, self._claim, halted.weights, halted.epoch, halted.step)
        elif halted.weights and self.requested is Request.STOP:
            lifecycle.settle_stop(
                session,
                self._claim,
                halted.weights,
                halted.epoch,
                halted.step,
                best_weights=halted.best_weights,
                network_input=halted.network_input,
                exports=self._exports,
            )
        else:
            lifecycle.release_job(session, self._claim)

    def _settle(self) -> None:
        """Record the end of a trainer that has exited without reporting it."""
        cancelled = self.requested is Request.CANCEL
        if self._gone is None or self.over.is_set() or (self._unsaved and not cancelled):
            return
        with self._database.session() as session:
            if self._gone.failure is None or cancelled:
                lifecycle.release_job(session, self._claim)
            else:
                lifecycle.lose_attempt(session, self._claim, self._gone.failure)
        self.over.set()

    def _fence(self) -> None:
        self.fenced = True
        self.over.set()


def _grouped(reports: list[Report]) -> Iterator[list[Report]]:
    """Steps in a row together, anything else alone."""
    for is_step, group in groupby(reports, key=lambda report: isinstance(report, StepDone)):
        if is_step:
            yield list(group)
        else:
            yield from ([report] for report in group)


def _accuracies(epoch: EpochMetrics) -> dict[str, float]:
    """For the log: of the splits that the epoch was evaluated on."""
    found = {"validation_accuracy": epoch.validation_accuracy, "test_accuracy": epoch.test_accuracy}
    return {name: round(accuracy, 4) for name, accuracy in found.items() if accuracy is not None}
