"""Rules for the history of writes: each yields what breaks it, in words.

Each write is also held against the process that claimed the job, so that one which slips in under another's attempt is
found, too.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from models import ACTIVE, TERMINAL, TRANSITIONS, JobStatus
from tests.chaos.history import Write

# Of the database's clock, in seconds: SQLite's has three digits after the point.
CLOCK_GRAIN = 0.005

REPORTED = frozenset({"epochs", "steps", "checkpoints"})


@dataclass(frozen=True, slots=True)
class Takeover:
    """A job whose worker was lost, and that another has claimed."""

    job_id: str
    seconds: float  # from the end of the lease to the next claim


def unsigned(writes: Sequence[Write]) -> Iterator[str]:
    """A write of which nobody knows who made it: no rule that asks for its writer could find it guilty."""
    return (f"{_told(write)} by nobody knows whom" for write in writes if not write.writer)


def stale_writes(writes: Sequence[Write]) -> Iterator[str]:
    """A write of an attempt that is not the job's own, or of one that has ended."""
    for write in writes:
        if write.relation not in REPORTED or write.operation == "delete":
            continue
        # A later attempt notes on an earlier one's checkpoint that it could not use it.
        foreign = write.attempt != write.job_attempt and (write.relation, write.operation) != ("checkpoints", "update")
        if foreign:
            yield f"{_told(write)} by attempt {write.attempt}, when the job was at attempt {write.job_attempt}"
        if write.job_status not in ACTIVE:
            yield f"{_told(write)} when the job was {write.job_status}"


def stale_attempts(writes: Sequence[Write]) -> Iterator[str]:
    """A row of an attempt that changes when the job is at another, or without a worker."""
    for write in writes:
        if write.relation != "attempts" or write.operation != "update":
            continue
        if write.attempt != write.job_attempt:
            yield f"{_told(write)} when the job was at attempt {write.job_attempt}"
        elif write.status == write.old_status and write.job_status not in ACTIVE:
            yield f"{_told(write)} when the job was {write.job_status}"


def taken_back(writes: Sequence[Write]) -> Iterator[str]:
    """A measurement that was deleted, other than what the weights of a job that is stopped, or that fails because its
    time is up, have not been through."""
    fails: dict[str, bool] = {}  # whether the job's next change is that it fails
    for write in reversed(writes):
        if write.relation == "jobs":
            fails[write.job_id] = write.status == JobStatus.FAILED
        if write.relation in {"epochs", "steps"} and write.operation == "delete":
            is_ahead = write.attempt is not None and write.attempt < (write.job_attempt or 0)
            is_of_its_end = write.job_requested == "stop" or fails.get(write.job_id, False)
            if not is_of_its_end or not is_ahead:
                yield f"{_told(write)} when the job was {write.job_status}, requested {write.job_requested}"


def after_cancel(writes: Sequence[Write]) -> Iterator[str]:
    """Anything that an attempt stores after somebody has asked for the job's cancellation."""
    for write in writes:
        if write.relation in REPORTED and write.operation != "delete" and write.job_requested == "cancel":
            yield f"{_told(write)} after the job's cancellation was asked for"


def claims(writes: Sequence[Write]) -> Iterator[str]:
    """An attempt that does not rise by exactly one with each claim, and with nothing else."""
    for write in job_updates(writes):
        risen = (write.attempt or 0) - (write.old_attempt or 0)
        if is_claim(write) and risen != 1:
            yield f"{_told(write)}: a claim that took the attempt from {write.old_attempt} to {write.attempt}"
        elif not is_claim(write) and risen != 0:
            yield f"{_told(write)}: the attempt went from {write.old_attempt} to {write.attempt} without a claim"


def moves(writes: Sequence[Write]) -> Iterator[str]:
    """A change of status that the table does not allow, and any out of a status that is final."""
    for write in writes:
        if write.relation == "jobs" and write.operation == "delete":
            yield f"{_told(write)}: a job vanished"
    for write in job_updates(writes):
        if write.status == write.old_status:
            continue
        old, new = JobStatus(write.old_status or ""), JobStatus(write.status or "")
        if old in TERMINAL or new not in TRANSITIONS[old]:
            yield f"{_told(write)}: {old} -> {new} is not allowed"


def idle_leases(writes: Sequence[Write]) -> Iterator[str]:
    """A job that no worker has, and that yet has an owner or a lease: one that had it has renewed it."""
    for write in job_updates(writes):
        if write.status not in ACTIVE and not (write.owner is None and write.lease_until is None):
            yield f"{_told(write)}: {write.status}, with owner {write.owner} and lease {write.lease_until}"


def two_holders(writes: Sequence[Write]) -> Iterator[str]:
    """A job that is taken from an attempt whose lease has not run out, by somebody else than its own worker."""
    holders: dict[str, str | None] = {}
    for write in job_updates(writes):
        held = write.old_status in ACTIVE and (write.old_lease_until or 0.0) > write.at + CLOCK_GRAIN
        taken_over = is_claim(write) or (write.status not in ACTIVE and write.status != JobStatus.CANCELLED)
        # A new claim is another's by itself; that the job was taken from its worker, only the writer tells.
        by_another = is_claim(write) or write.writer != holders.get(write.job_id)
        if held and taken_over and by_another:
            left = (write.old_lease_until or 0.0) - write.at
            yield f"{_told(write)}: taken while attempt {write.old_attempt} had its lease for {left:.2f} s more"
        if is_claim(write):
            holders[write.job_id] = write.writer


def foreign_writers(writes: Sequence[Write]) -> Iterator[str]:
    """What only the worker that has claimed the job may write, written by another."""
    holders: dict[str, str | None] = {}
    for write in writes:
        if write.relation == "jobs" and is_claim(write):
            holders[write.job_id] = write.writer
        elif _is_holders_own(write) and write.writer != holders.get(write.job_id):
            yield f"{_told(write)} by {write.writer}, when {holders.get(write.job_id)} had the job"


def takeovers(writes: Sequence[Write]) -> Iterator[Takeover]:
    """Each time that a lease ran out and somebody claimed the job again."""
    expired: dict[str, float] = {}
    for write in job_updates(writes):
        if write.old_status in ACTIVE and write.status not in ACTIVE:
            expired.pop(write.job_id, None)
            if write.status == JobStatus.QUEUED and (write.old_lease_until or write.at) < write.at:
                expired[write.job_id] = write.old_lease_until or write.at
        elif is_claim(write) and write.job_id in expired:
            yield Takeover(write.job_id, write.at - expired.pop(write.job_id))


def job_updates(writes: Sequence[Write]) -> Iterator[Write]:
    """Of the table of jobs."""
    return (write for write in writes if write.relation == "jobs" and write.operation == "update")


def is_claim(write: Write) -> bool:
    """Also one of a job that another attempt still had."""
    starts = write.status == JobStatus.STARTING and write.operation == "update"
    return starts and (write.old_status != JobStatus.STARTING or write.attempt != write.old_attempt)


def _is_holders_own(write: Write) -> bool:
    if write.operation == "delete":
        return False
    match write.relation:
        case "epochs" | "steps" | "checkpoints":
            return True
        case "attempts":
            return write.operation == "update" and write.status == write.old_status
        case "jobs":
            goes_on = write.status in ACTIVE and write.old_status in ACTIVE
            return goes_on and (write.lease_until != write.old_lease_until or write.status != write.old_status)
    return False


def _told(write: Write) -> str:
    place = (
        "" if write.epoch is None else f" epoch {write.epoch}" + ("" if write.step is None else f" step {write.step}")
    )
    return f"write {write.id}, {write.operation} in {write.relation}, {write.job_id}{place}"
