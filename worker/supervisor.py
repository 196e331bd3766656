"""The life of one attempt: its trainer process is started, watched, sent commands, and ended.

Two rules keep two attempts at one job from harming each other. Every write carries the attempt's claim, so that an
attempt that has lost its job writes nothing (`recorder`). An attempt that cannot renew its lease in time kills its
trainer before another worker can claim the job (`lease`).
"""

import threading
import time
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerProcess

import structlog

from jobs.failures import TIME_IS_UP, Failure
from jobs.fence import Claim
from models import Request
from training.errors import told
from training.number_format import plain
from worker.fork_server import end_group, kill_fork_server, start_trainer
from worker.messages import REPORTS, Command, Order
from worker.process_exits import OomKills
from worker.recorder import POLL_SECONDS, Recorder

# A trainer that was sent a command and has not exited after this time is killed.
CANCEL_EXIT_SECONDS = 1.0
SAVE_GRACE_SECONDS = 30.0  # without a report: a step, a checkpoint, and storing it

# A killed process is gone within this time, unless it hangs in the kernel.
DEATH_SECONDS = 10.0

COMMANDS = {Request.CANCEL: Command.QUIT, Request.STOP: Command.FINISH, Request.PAUSE: Command.SAVE}


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
        self._heard_at = self._commanded_at = now
        self._command = Command.FINISH if claim.finish_at_once else None  # the order has told the trainer already
        self._finish_at_once = claim.finish_at_once
        self._draining_at = float("inf")
        self._killed_at = float("inf")
        self._stalled = False
        self._all_received = False
        self._kills = OomKills()
        self._log = structlog.get_logger().bind(job_id=claim.job_id, attempt=claim.attempt)

    def run(self, order: Order) -> None:
        """Start the trainer, and supervise it until its end is recorded."""
        self._recorder.start()
        try:
            failure = self._supervise(order)
        except Exception as error:  # a trainer that nobody supervises must not keep its job
            self._log.exception("supervision failed")
            hint = "Look at the worker's log and its machine's memory; then submit the job again."
            failure = Failure(
                "worker_lost", f"The trainer process was not supervised: {told(error)}.", hint, retryable=True
            )
        self._end(failure)

    def _supervise(self, order: Order) -> Failure | None:
        """Why the trainer exited, unless it has reported that itself; None where it exited on command."""
        process, connection = start_trainer(order)
        self._log.info("trainer started", pid=process.pid, devices=order.devices)
        try:
            while process.is_alive() or not self._all_received:
                self._receive(connection)
                self._send_command(connection)
                self._kill_if_due(process)
                if time.monotonic() - self._killed_at > DEATH_SECONDS:
                    # It hangs in the kernel, or its parent does: the fork server, which reports its exit.
                    self._log.error("trainer does not die", pid=process.pid)
                    kill_fork_server()
                    break
                self._wait(connection, process)
        finally:
            connection.close()  # the trainer exits when this end of its pipe closes
            end_group(process)
            self._log.info("trainer ended", command=self._command, exit_code=process.exitcode)
        return self._reason(process.exitcode)

    def _receive(self, connection: Connection) -> None:
        try:
            while not self._all_received and connection.poll():
                report = REPORTS.validate_json(connection.recv_bytes())
                self._heard_at = time.monotonic()
                self._recorder.report(report)
        except (EOFError, OSError):  # the trainer exited, between two messages or within one
            self._all_received = True

    def _send_command(self, connection: Connection) -> None:
        """Send the trainer its command if that has changed, and start the grace time."""
        command = self._wanted()
        if command is None or command is self._command:
            return
        self._command, self._commanded_at = command, time.monotonic()
        with suppress(OSError):  # the trainer has exited by itself
            connection.send_bytes(command.value)

    def _wanted(self) -> Command | None:
        if self._recorder.requested:
            return COMMANDS[self._recorder.requested]
        if time.monotonic() >= self._time_is_up_at:
            self._recorder.timed_out = True
            return Command.FINISH
        # A command is never taken back. A pause that is resumed after the trainer has stopped ends as a drain does:
        # the job goes back to the queue.
        return self._command or (Command.SAVE if self._draining.is_set() else None)

    def _kill_if_due(self, process: ForkServerProcess) -> None:
        now = time.monotonic()
        if not self._recorder.over.is_set() and self._recorder.lease.is_lost(now):
            self._log.warning("the lease could not be renewed")
            self._recorder.abandon()
        if self._command is None and now - self._heard_at >= self._stall_seconds:
            self._stalled = True
        if self._killed_at == float("inf") and (self._recorder.over.is_set() or self._stalled or self._is_overdue(now)):
            self._killed_at = now
            process.kill()

    def _is_overdue(self, now: float) -> bool:
        """Whether the trainer has had its grace time after a command.

        While it saves, each report that it is alive starts the time anew: the storage may be slow. On a worker that
        drains, the time runs from the start of the drain: a drain must end.
        """
        if self._draining.is_set():
            self._draining_at = min(self._draining_at, now)
        match self._command:
            case None:
                return False
            case Command.QUIT:
                return now >= self._commanded_at + CANCEL_EXIT_SECONDS
            case _:
                quiet_since = max(self._commanded_at, self._heard_at)
                return now >= min(quiet_since, self._draining_at) + SAVE_GRACE_SECONDS

    def _wait(self, connection: Connection, process: ForkServerProcess) -> None:
        """Until the trainer reports something or exits, but no longer than half of POLL_SECONDS."""
        sources: list[Connection | int] = [process.sentinel] if self._all_received else [connection, process.sentinel]
        wait(sources, timeout=POLL_SECONDS / 2)

    def _reason(self, exit_code: int | None) -> Failure | None:
        """Why the trainer exited, unless it has reported that itself; None where it exited on command."""
        if self._stalled:
            message = f"The trainer process made no step for {plain(self._stall_seconds)} seconds, and was ended."
            hint = "Look at the worker's log and at the disk of its data; a machine that swaps stalls, too."
            return Failure("stalled", message, hint, retryable=True)
        if self._recorder.timed_out and self._recorder.requested is None:
            return TIME_IS_UP
        was_killed_by_us = self._killed_at < float("inf")
        if self._command is not None and (exit_code == 0 or (was_killed_by_us and self._may_be_tried_again)):
            return None
        return self._kills.explain("The trainer process", exit_code)

    @property
    def _may_be_tried_again(self) -> bool:
        """Whether a killed attempt goes back to the queue without counting as lost. Not one that only had to make the
        weights, unless the worker drains: it could be repeated for ever."""
        return self._draining.is_set() or not self._finish_at_once

    def _end(self, failure: Failure | None) -> None:
        """Wait until the end is recorded, or the lease is lost."""
        self._recorder.end(failure)
        while not self._recorder.over.wait(POLL_SECONDS):
            if self._recorder.lease.is_lost(time.monotonic()):
                self._recorder.abandon()
