"""The life of one attempt: start its trainer process, watch it, tell it what is asked for, and see its end.

Two rules make it safe. Every write carries the attempt's claim, so one that lost its job writes nothing (`recorder`).
And an attempt that could not renew its lease in time (`lease`) ends its trainer, before anyone else can have the job.
"""

import threading
import time
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerProcess

import structlog

from jobs.failures import Failure
from jobs.fence import Claim
from jobs.lifecycle import TIME_IS_UP
from models import Request
from training.errors import told
from training.number_format import plain
from worker.deaths import KernelKills
from worker.fork_server import end_group, kill_fork_server, start_trainer
from worker.messages import REPORTS, Order, Word
from worker.recorder import LOOK_SECONDS, Recorder

# A trainer that does not go by itself within this time is killed.
CANCEL_GRACE_SECONDS = 1.0
SAVE_GRACE_SECONDS = 30.0  # a step, a checkpoint and its way to the storage; without a sign of life

# A killed process is gone within this time, unless it hangs in the kernel.
DEATH_SECONDS = 10.0

WORDS = {Request.CANCEL: Word.QUIT, Request.STOP: Word.FINISH, Request.PAUSE: Word.SAVE}


class Supervisor:
    """Supervises one attempt. `run` returns when the attempt is over, however it ended."""

    def __init__(
        self,
        claim: Claim,
        recorder: Recorder,
        *,
        lease_seconds: float,
        stall_seconds: float,
        draining: threading.Event,
    ) -> None:
        self._recorder = recorder
        self._lease_seconds = lease_seconds
        self._stall_seconds = stall_seconds
        self._draining = draining
        now = time.monotonic()
        self._time_is_up_at = float("inf") if claim.seconds_left is None else now + claim.seconds_left
        self._heard_at = self._told_at = now
        self._word = Word.FINISH if claim.finish_at_once else None  # its order says so already
        self._finish_at_once = claim.finish_at_once
        self._draining_at = float("inf")
        self._killed_at = float("inf")
        self._stalled = False
        self._all_received = False
        self._kills = KernelKills()
        self._log = structlog.get_logger().bind(job_id=claim.job_id, attempt=claim.attempt)

    def run(self, order: Order) -> None:
        """Start the trainer, and see it through to the end."""
        self._recorder.start()
        try:
            failure = self._see_through(order)
        except Exception as error:  # whatever it is, the lease must not be kept for a trainer that nobody watches
            self._log.exception("supervision failed")
            hint = "Look at the worker's log and its machine's memory; then submit the job again."
            failure = Failure(
                "worker_lost", f"The trainer process was not supervised: {told(error)}.", hint, retryable=True
            )
        self._end(failure)

    def _see_through(self, order: Order) -> Failure | None:
        """Why the trainer is gone, if it has not said so itself; None where it was told to go."""
        process, connection = start_trainer(order)
        self._log.info("trainer started", pid=process.pid, devices=order.devices)
        try:
            while process.is_alive() or not self._all_received:
                self._receive(connection)
                self._tell(connection)
                self._kill_if_due(process)
                if time.monotonic() - self._killed_at > DEATH_SECONDS:
                    # It hangs in the kernel, or the fork server does, which alone hears of its end.
                    self._log.error("trainer does not die", pid=process.pid)
                    kill_fork_server()
                    break
                self._wait(connection, process)
        finally:
            connection.close()  # a trainer without a supervisor ends
            end_group(process)
            self._log.info("trainer ended", word=self._word, exit_code=process.exitcode)
        return self._why(process.exitcode)

    def _receive(self, connection: Connection) -> None:
        try:
            while not self._all_received and connection.poll():
                report = REPORTS.validate_json(connection.recv_bytes())
                self._heard_at = time.monotonic()
                self._recorder.report(report)
        except (EOFError, OSError):  # it has ended, between two messages or within one
            self._all_received = True

    def _tell(self, connection: Connection) -> None:
        """Say what the trainer has to do now, if that is something else than before, and until when."""
        word = self._wanted()
        if word is None or word is self._word:
            return
        self._word, self._told_at = word, time.monotonic()
        with suppress(OSError):  # it has ended by itself
            connection.send_bytes(word.value)

    def _wanted(self) -> Word | None:
        if self._recorder.requested:
            return WORDS[self._recorder.requested]
        if time.monotonic() >= self._time_is_up_at:
            self._recorder.timed_out = True
            return Word.FINISH
        # What was said stays said: a pause that was taken back when the trainer had stopped already is a drain.
        return self._word or (Word.SAVE if self._draining.is_set() else None)

    def _kill_if_due(self, process: ForkServerProcess) -> None:
        now = time.monotonic()
        if not self._recorder.over.is_set() and self._recorder.lease.is_lost(now):
            self._log.warning("the lease could not be renewed")
            self._recorder.abandon()
        if self._word is None and now - self._heard_at >= self._stall_seconds:
            self._stalled = True
        if self._killed_at == float("inf") and (self._recorder.over.is_set() or self._stalled or self._is_overdue(now)):
            self._killed_at = now
            process.kill()

    def _is_overdue(self, now: float) -> bool:
        """Whether the trainer has had the time that it was given to go by itself. What is to be saved may wait for its
        storage, as long as it says so; but a worker that drains has no such time."""
        if self._draining.is_set():
            self._draining_at = min(self._draining_at, now)
        match self._word:
            case None:
                return False
            case Word.QUIT:
                return now >= self._told_at + CANCEL_GRACE_SECONDS
            case _:
                quiet_since = max(self._told_at, self._heard_at)
                return now >= min(quiet_since, self._draining_at) + SAVE_GRACE_SECONDS

    def _wait(self, connection: Connection, process: ForkServerProcess) -> None:
        """Until the trainer has something to say, or ends, or it is time to look around."""
        sources: list[Connection | int] = [process.sentinel] if self._all_received else [connection, process.sentinel]
        wait(sources, timeout=LOOK_SECONDS / 2)

    def _why(self, exit_code: int | None) -> Failure | None:
        """Why the trainer is gone, if it has not said so itself; None where it was told to go."""
        if self._stalled:
            message = f"The trainer process made no step for {plain(self._stall_seconds)} seconds, and was ended."
            hint = "Look at the worker's log and at the disk of its data; a machine that swaps stalls, too."
            return Failure("stalled", message, hint, retryable=True)
        if self._recorder.timed_out and self._recorder.requested is None:
            return TIME_IS_UP
        was_killed_by_us = self._killed_at < float("inf")
        if self._word is not None and (exit_code == 0 or (was_killed_by_us and self._may_be_tried_again)):
            return None
        return self._kills.explain("The trainer process", exit_code)

    @property
    def _may_be_tried_again(self) -> bool:
        """Without counting as lost: not where it only had to make the weights, which might go on for ever."""
        return self._draining.is_set() or not self._finish_at_once

    def _end(self, failure: Failure | None) -> None:
        """Wait until the end is recorded, unless the lease is lost before."""
        self._recorder.end(failure)
        while not self._recorder.over.wait(LOOK_SECONDS):
            if self._recorder.lease.is_lost(time.monotonic()):
                self._recorder.abandon()
