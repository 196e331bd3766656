"""What may happen to a job, in plain Python: what the state machine's test compares the database with.

Times are in milliseconds of the test's own clock. Each method says what it expects: whether the write is accepted, or
the error that refuses it.
"""

from dataclasses import dataclass, field

from jobs.errors import JobError, JobFinished, JobNotPaused, RequestPending
from jobs.fence import CANCEL_GRACE_SECONDS, Claim

LEASE = 30_000
BACKOFFS = {1: None, 2: 5_000, 3: 25_000}
LONGEST_BACKOFF = 60_000

ENDS = ("succeeded", "failed", "cancelled", "stopped")
HELD = ("starting", "running")


@dataclass
class ModelAttempt:
    owner: str
    began: int
    ended: int | None = None
    reason: str | None = None


@dataclass
class ModelJob:
    id: str
    priority: int
    max_retries: int
    keep: int
    keep_best: bool
    limit: int | None
    status: str = "queued"
    requested: str | None = None
    requested_at: int | None = None
    losses: int = 0
    lease_until: int | None = None
    not_before: int | None = None
    weights: str | None = None
    error: str | None = None
    attempts: list[ModelAttempt] = field(default_factory=list)
    epochs: dict[int, tuple[int, float | None]] = field(default_factory=dict)  # attempt and accuracy
    steps: dict[tuple[int, int], int] = field(default_factory=dict)  # attempt
    checkpoints: set[tuple[int, int, int]] = field(default_factory=set)  # epoch, step, attempt

    @property
    def attempt(self) -> int:
        return len(self.attempts)

    @property
    def owner(self) -> str | None:
        return self.attempts[-1].owner if self.status in HELD else None

    @property
    def latest(self) -> int | None:
        return max(self.epochs, default=None)

    @property
    def best(self) -> int | None:
        judged = [(-accuracy, epoch) for epoch, (_, accuracy) in self.epochs.items() if accuracy is not None]
        return min(judged)[1] if judged else None

    def is_held_by(self, claim: Claim, *, even_if_cancelled: bool = False) -> bool:
        cancelled = self.requested == "cancel" and not even_if_cancelled
        return self.attempt == claim.attempt and self.status in HELD and not cancelled

    def may_begin(self) -> bool:
        return self.status == "queued" and self.not_before is None

    def has_time(self, now: int) -> bool:
        spent = sum((attempt.ended or now) - attempt.began for attempt in self.attempts)
        return self.limit is None or spent < self.limit

    def is_to_finish(self, now: int) -> bool:
        return self.requested == "stop" or not self.has_time(now)

    def begin(self, worker: str, now: int) -> bool:
        if self.requested != "stop" and not self.has_time(now) and not self.checkpoints:
            self.error = "timeout"
            self.finish("failed")
            return False
        self.attempts.append(ModelAttempt(worker, now))
        self.status, self.lease_until, self.not_before = "starting", now + LEASE, None
        return True

    def record_epoch(self, epoch: int, accuracy: float | None) -> None:
        if self.latest is None or epoch > self.latest:
            self.losses = 0
        self.epochs[epoch] = (self.attempt, accuracy)

    def record_checkpoint(self, epoch: int, step: int) -> None:
        if not self.checkpoints or (epoch, step) > max(self.checkpoints)[:2]:
            self.losses = 0
        self.checkpoints.add((epoch, step, self.attempt))
        kept = sorted(self.checkpoints, reverse=True)[: self.keep]
        judged = []
        for end, step_, attempt in self.checkpoints:
            accuracy = self.epochs.get(end - 1, (0, None))[1]
            if step_ == 0 and accuracy is not None:
                judged.append((-accuracy, end - 1, -attempt))
        if self.keep_best and judged:
            _, epoch, attempt = min(judged)
            kept.append((epoch + 1, 0, -attempt))
        self.checkpoints = set(kept)

    def forget_after(self, epoch: int, step: int) -> None:
        self.epochs = {each: row for each, row in self.epochs.items() if each < epoch or row[0] == self.attempt}
        self.steps = {
            place: attempt for place, attempt in self.steps.items() if place < (epoch, step) or attempt == self.attempt
        }

    def end_attempt(self, reason: str, now: int) -> None:
        self.attempts[-1].ended, self.attempts[-1].reason = now, reason

    def settle(self, status: str, reason: str, now: int, weights: str | None = None, error: str | None = None) -> None:
        self.end_attempt(reason, now)
        self.weights, self.error = weights, error
        self.finish(status)

    def finish(self, status: str) -> None:
        self.status, self.requested, self.requested_at, self.lease_until = status, None, None, None
        if status == "cancelled":
            self.weights = None
            self.checkpoints = set()

    def pause(self) -> None:
        self.status, self.requested, self.requested_at, self.lease_until = "paused", None, None, None

    def give_back(self, reason: str, now: int, *, lost: bool) -> bool:
        """Whether it is in the queue."""
        if self.requested == "cancel":
            self.settle("cancelled", "cancelled", now)
        elif self.requested == "pause":
            self.end_attempt(reason if lost else "paused", now)
            self.pause()
        elif self.requested == "stop" and not self.checkpoints:
            self.settle("stopped", reason if lost else "stopped", now)
        elif lost and self.losses >= self.max_retries:
            self.settle("failed", reason, now, error=reason)
        else:
            self.end_attempt(reason, now)
            self.status, self.lease_until = "queued", None
            self.losses += lost
            wait = BACKOFFS.get(self.losses, LONGEST_BACKOFF) if lost else None
            self.not_before = wait and now + wait
            return True
        return False

    def sweep(self, now: int) -> None:
        if self.status == "queued" and self.not_before is not None and self.not_before < now:
            self.not_before = None
        if self.status not in HELD:
            return
        if self.lease_until is not None and self.lease_until < now:
            self.give_back("worker_lost", now, lost=True)
        elif self.requested == "cancel" and (self.requested_at or 0) < now - 1000 * CANCEL_GRACE_SECONDS:
            self.give_back("cancelled", now, lost=False)

    def ask(self, verb: str, now: int) -> type[JobError] | None:
        fulfilled = {"cancel": "cancelled", "stop": "stopped"}.get(verb)
        if self.status in ENDS:
            return None if self.status == fulfilled else JobFinished
        match verb:
            case "resume":
                return self._resume()
            case "pause":
                return self._ask_to_pause(now)
            case "stop":
                return self._ask_to_stop(now)
            case _:
                self._ask_to_cancel(now)
                return None

    def _ask_to_cancel(self, now: int) -> None:
        if self.status not in HELD:
            self.finish("cancelled")
        elif self.requested != "cancel":
            self.requested, self.requested_at = "cancel", now

    def _ask_to_stop(self, now: int) -> type[JobError] | None:
        if self.requested == "cancel":
            return RequestPending
        if self.requested != "stop":
            if self.status in HELD or self.checkpoints:
                self.requested, self.requested_at = "stop", now
                self.status = "queued" if self.status == "paused" else self.status
            else:
                self.finish("stopped")
        return None

    def _ask_to_pause(self, now: int) -> type[JobError] | None:
        if self.status == "paused" or self.requested == "pause":
            return None
        if self.requested:
            return RequestPending
        if self.status in HELD:
            self.requested, self.requested_at = "pause", now
        else:
            self.pause()
        return None

    def _resume(self) -> type[JobError] | None:
        if self.status == "paused":
            self.status, self.not_before = "queued", None
        elif self.requested == "pause":
            self.requested = self.requested_at = None
        else:
            return JobNotPaused
        return None
