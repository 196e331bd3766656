"""The life of one attempt: start its trainer process, record what it reports, keep the lease, obey requests, settle.

Two rules make it safe. Every write carries the attempt's claim, so one that lost its job writes nothing. And an
attempt that could not renew its lease for half of it ends its trainer, before anyone else can have the job.
"""

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from itertools import groupby
from multiprocessing.connection import Connection, wait
from typing import Literal

import structlog
from sqlalchemy.orm import Session

from jobs import lifecycle, queries
from jobs.errors import AttemptFenced
from jobs.failures import Failure
from jobs.lifecycle import Claim
from models import OUTAGES, Database, Request
from training.metrics import EpochMetrics
from worker.deaths import died
from worker.fork_server import start_trainer
from worker.messages import (
    REPORTS,
    STOP,
    EpochDone,
    FactsFound,
    Failed,
    Order,
    Report,
    Started,
    StepDone,
    Stopped,
    Succeeded,
)

# A cancelled job is off its device within two seconds: half of one to notice, one to end between two steps.
LOOK_FOR_REQUESTS_SECONDS = 0.3
GRACE_SECONDS = 1.0

# Step losses are written together at this pace, anything else at once.
STEPS_SECONDS = 0.1

Ending = Literal["cancel", "drain", "abandon"]


class Supervisor:
    """Supervises one attempt. `run` returns when the attempt is over, however it ended."""

    def __init__(self, database: Database, claim: Claim, lease_seconds: float, draining: threading.Event) -> None:
        self._database = database
        self._claim = claim
        self._lease_seconds = lease_seconds
        self._draining = draining
        self._unsaved: deque[Report] = deque()
        self._ending: Ending | None = None
        self._kill_at = float("inf")
        self._settled = False
        self._requeued = False
        self._all_received = False
        self._renewed_at = self._written_at = self._looked_at = time.monotonic()
        self._log = structlog.get_logger().bind(job_id=claim.job_id, attempt=claim.attempt)

    def run(self, order: Order) -> bool:
        """Whether the job is back in the queue, so that somebody should be told."""
        process, connection = start_trainer(order)
        self._log.info("trainer started", pid=process.pid, devices=order.devices)
        try:
            while not self._settled and self._ending != "abandon":
                self._receive(connection)
                self._look_around(connection)
                self._write()
                if self._all_received and not process.is_alive():
                    self._settle_dead(process.exitcode)
                elif time.monotonic() >= self._kill_at:
                    process.kill()
                if self._all_received:
                    process.join(self._pause())
                    time.sleep(0 if self._settled or process.is_alive() else STEPS_SECONDS)  # the database is out
                else:
                    wait([connection], timeout=self._pause())
        finally:
            connection.close()  # a trainer without a supervisor ends
            process.kill()
            process.join()
            self._log.info("trainer ended", ending=self._ending, exit_code=process.exitcode)
        return self._requeued

    def _pause(self) -> float:
        """Seconds until there is something to do, if the trainer says nothing."""
        pause = STEPS_SECONDS if self._unsaved else LOOK_FOR_REQUESTS_SECONDS / 2
        return max(0.0, min(pause, self._kill_at - time.monotonic()))

    def _receive(self, connection: Connection) -> None:
        try:
            while not self._all_received and connection.poll():
                self._unsaved.append(REPORTS.validate_json(connection.recv_bytes()))
        except (EOFError, OSError):  # it has ended, between two messages or within one
            self._all_received = True

    def _look_around(self, connection: Connection) -> None:
        """Renew the lease, and see whether somebody wants the job back, at their intervals."""
        now = time.monotonic()
        if now - self._looked_at >= LOOK_FOR_REQUESTS_SECONDS and self._ending is None:
            self._looked_at = now
            self._see_request()
        if now - self._renewed_at >= self._lease_seconds / 4:
            self._renew()
        if self._draining.is_set() and self._ending is None:
            self._ending = "drain"
        if self._ending and self._kill_at == float("inf"):
            self._kill_at = now + GRACE_SECONDS
            self._ask_to_stop(connection)

    def _see_request(self) -> None:
        try:
            with self._database.snapshot() as session:
                if queries.requested(session, self._claim) is Request.CANCEL:
                    self._ending = "cancel"
        except OUTAGES as error:
            self._log.warning("database does not answer", error=str(error).splitlines()[0])

    def _renew(self) -> None:
        asked_at = time.monotonic()  # the lease runs from some time after this
        try:
            with self._database.session() as session:
                lifecycle.heartbeat(session, self._claim, self._lease_seconds)
            self._renewed_at = asked_at
        except AttemptFenced:
            self._give_up("another has the job")
        except OUTAGES as error:
            self._log.warning("database does not answer", error=str(error).splitlines()[0])
            if time.monotonic() - self._renewed_at >= self._lease_seconds / 2:
                self._give_up("the lease could not be renewed")

    def _ask_to_stop(self, connection: Connection) -> None:
        with suppress(OSError):  # it has ended by itself
            connection.send_bytes(STOP)

    def _write(self) -> None:
        """Record what was reported, in one transaction; what cannot be written now is kept for the next round."""
        if not self._unsaved or self._ending == "abandon":
            return
        only_steps = all(isinstance(report, StepDone) for report in self._unsaved)
        if only_steps and time.monotonic() - self._written_at < STEPS_SECONDS:
            return
        try:
            with self._database.session() as session:
                settled = [self._record(session, group) for group in _grouped(self._unsaved)][-1]
        except AttemptFenced:
            self._wanted_back()
        except OUTAGES as error:
            self._log.warning("database does not answer", error=str(error).splitlines()[0])
        else:
            self._settled = settled
            for epoch in (report.metrics for report in self._unsaved if isinstance(report, EpochDone)):
                self._log.info("epoch recorded", epoch=epoch.epoch, **_accuracies(epoch))
            self._unsaved.clear()
            self._written_at = time.monotonic()

    def _record(self, session: Session, group: list[Report]) -> bool:
        """Whether that was the last of the job."""
        match group[-1]:
            case StepDone():
                steps = [report.metrics for report in group if isinstance(report, StepDone)]
                lifecycle.record_steps(session, self._claim, steps)
            case Started(facts=facts):
                lifecycle.record_start(session, self._claim, facts)
            case FactsFound(facts=facts):
                lifecycle.record_facts(session, self._claim, facts)
            case EpochDone(metrics=metrics):
                lifecycle.record_epoch(session, self._claim, metrics)
            case Succeeded(stopped_early=stopped_early):
                lifecycle.settle_success(session, self._claim, stopped_early=stopped_early)
                return True
            case Failed() as failed:
                self._settle_failed(session, Failure(failed.code, failed.message, failed.hint, failed.retryable))
                return True
            case Stopped():
                self._settle_ending(session)
                return True
        return False

    def _settle_failed(self, session: Session, failure: Failure) -> None:
        if failure.code == "worker_lost":  # a process of several died, as the only one of a job may
            self._requeued = lifecycle.lose(session, self._claim, failure)
        else:
            lifecycle.settle_failure(session, self._claim, failure)

    def _wanted_back(self) -> None:
        """A write was refused: somebody asked for the job, or has it."""
        self._unsaved.clear()
        self._see_request()
        if self._ending != "cancel":
            self._give_up("another has the job")

    def _settle_dead(self, exit_code: int | None) -> None:
        """The trainer is gone. What it reported at the end is written; what it did not say is in its exit code."""
        if self._unsaved or self._settled:
            return
        try:
            with self._database.session() as session:
                if self._ending:
                    self._settle_ending(session)
                else:
                    self._requeued = lifecycle.lose(session, self._claim, died("The trainer process", exit_code))
            self._settled = True
        except AttemptFenced:
            self._wanted_back()
        except OUTAGES as error:
            self._log.warning("database does not answer", error=str(error).splitlines()[0])

    def _settle_ending(self, session: Session) -> None:
        if self._ending == "cancel":
            lifecycle.settle_cancel(session, self._claim)
        else:
            lifecycle.release(session, self._claim)
            self._requeued = True

    def _give_up(self, reason: str) -> None:
        self._log.warning("attempt given up", reason=reason)
        self._ending = "abandon"


def _grouped(reports: deque[Report]) -> Iterator[list[Report]]:
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
