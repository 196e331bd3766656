"""Rules for how long something took: each yields what took too long, in words.

A bound is held against the seconds that count: those in which what was waited for could have happened. Not counted are
those in which faults kept the database or every free worker away, and those that a busy machine gave to others, which
`pulse` measures. Where nobody has looked, every second counts.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from models import ACTIVE, JobStatus, Request
from tests.chaos.contract import LEASE_SECONDS, STALL_SECONDS
from tests.chaos.evidence import Evidence
from tests.chaos.history import Write
from tests.chaos.pulse import Beat
from tests.chaos.write_rules import is_claim, job_updates

# Promised are 1.5 leases + 5 s from the loss of the worker. That was at most a quarter of a lease, after which it would
# have renewed it, behind the lease's beginning: counted from the lease's end, a quarter of a lease and 0.5 remain.
TAKEOVER_SECONDS = 0.75 * LEASE_SECONDS + 5.0

# The worker's grace, the sweep's second, and one for the transaction.
CANCEL_SECONDS = 3.0 + 1.0 + 1.0
# A trainer is to have finished its step and stored what is to be stored, or is killed; a takeover may lie between.
REQUEST_SECONDS = STALL_SECONDS + TAKEOVER_SECONDS
# From the moment when a job is no longer its worker's.
DEVICE_SECONDS = 5.0

Fine = Callable[[Beat], bool]


@dataclass(frozen=True, slots=True)
class Wait:
    """Somebody waits for something from `begin` to `end`, in seconds since 1970."""

    job_id: str
    begin: float
    end: float
    is_over: bool  # False: it lasts until the history ends
    what: str = ""


@dataclass(frozen=True, slots=True)
class Holding:
    """A worker has a job."""

    job_id: str
    writer: str
    begin: float
    end: float


class Clock:
    """Counts the seconds in which something could have happened."""

    def __init__(self, beats: Sequence[Beat]) -> None:
        self._beats = beats
        self._times = [beat.at for beat in beats]

    def counted(self, begin: float, end: float, fine: Fine) -> float:
        """Of the seconds from `begin` to `end`, those that count, where both looks around them are `fine`."""
        if not self._beats:
            return max(0.0, end - begin)
        total = max(0.0, min(end, self._times[0]) - begin) + max(0.0, end - max(begin, self._times[-1]))
        for place in range(max(1, bisect_left(self._times, begin)), len(self._beats)):
            before, after = self._beats[place - 1], self._beats[place]
            if before.at >= end:
                break
            inside = min(end, after.at) - max(begin, before.at)
            if inside > 0 and fine(before) and fine(after):
                total += min(inside, after.counts * inside / (after.at - before.at))
        return total


class Staff:
    """Which workers have signed on, and what each has at a time."""

    def __init__(self, evidence: Evidence) -> None:
        self._slots, self._quota = evidence.slots, evidence.quota
        self._signed_on = {
            write.writer: write.at
            for write in reversed(evidence.writes)
            if write.relation == "workers" and write.operation == "insert"
        }
        self._holdings: dict[str, list[Holding]] = defaultdict(list)
        for holding in holdings(evidence):
            self._holdings[holding.writer].append(holding)

    def held(self, writer: str, at: float) -> int:
        """How many jobs it has."""
        return sum(holding.begin <= at < holding.end for holding in self._holdings[writer])

    def is_on(self, writer: str, at: float) -> bool:
        """Whether it is a worker that can be given jobs."""
        if not self._signed_on:  # the history does not tell
            return writer.startswith("worker")
        return self._signed_on.get(writer, at) < at

    def has_room(self, beat: Beat) -> bool:
        """Whether some worker is there and has a free slot, the quota leaves room, and the database answers."""
        if self._quota is not None and sum(self.held(writer, beat.at) for writer in self._holdings) >= self._quota:
            return False
        return beat.database and any(
            self.is_on(writer, beat.at) and self.held(writer, beat.at) < self._slots for writer in beat.ready
        )


def taken_over(evidence: Evidence) -> Iterator[str]:
    """A job that its worker has lost or given back waits for a free worker no longer than is promised."""
    for wait, seconds in judged_takeovers(evidence):
        if seconds > TAKEOVER_SECONDS:
            until = "was taken over" if wait.is_over else "was not taken over until the end"
            yield f"{wait.job_id} {until}: {seconds:.1f} s with a free worker, in place of {TAKEOVER_SECONDS:.1f}"


def judged_takeovers(evidence: Evidence) -> Iterator[tuple[Wait, float]]:
    """Each wait for another worker, and its seconds that count."""
    clock, staff = Clock(evidence.beats), Staff(evidence)
    for wait in unattended(evidence):
        yield wait, clock.counted(wait.begin, wait.end, staff.has_room)


def requests_met(evidence: Evidence) -> Iterator[str]:
    """A job that a worker has, and that is to be cancelled, stopped or paused, is let go of in time."""
    clock = Clock(evidence.beats)
    for wait in _requests(evidence):
        if wait.what == Request.CANCEL:  # whoever sweeps ends it, should its worker not
            seconds = clock.counted(wait.begin, wait.end, lambda beat: beat.database and bool(beat.ready))
            bound = CANCEL_SECONDS
        else:
            seconds = clock.counted(wait.begin, wait.end, lambda beat: beat.database and beat.disk)
            bound = REQUEST_SECONDS
        if seconds > bound:
            yield f"{wait.job_id} was with its worker {seconds:.1f} s after a {wait.what}, in place of {bound:.1f}"


def devices_freed(evidence: Evidence) -> Iterator[str]:
    """A worker has no more trainers than jobs, but for the time that it takes to end one."""
    staff = Staff(evidence)
    excess: dict[str, float] = {}
    for beat in evidence.beats:
        for writer, trainers in beat.trainers.items():
            is_judged = beat.database and writer in beat.ready and staff.is_on(writer, beat.at)
            if not is_judged or trainers <= staff.held(writer, beat.at):
                excess.pop(writer, None)
                continue
            before = excess.get(writer, 0.0)
            excess[writer] = before + beat.counts
            if before <= DEVICE_SECONDS < excess[writer]:
                yield f"{writer} had {trainers} trainers for {staff.held(writer, beat.at)} jobs for {before:.1f} s"


def holdings(evidence: Evidence) -> Iterator[Holding]:
    """Who had which job when, by the history."""
    begun: dict[str, tuple[str, float]] = {}
    for write in job_updates(evidence.writes):
        if write.job_id in begun and (is_claim(write) or write.status not in ACTIVE):
            writer, at = begun.pop(write.job_id)
            yield Holding(write.job_id, writer, at, write.at)
        if is_claim(write):
            begun[write.job_id] = (write.writer or "", write.at)
    for job_id, (writer, at) in begun.items():
        yield Holding(job_id, writer, at, float("inf"))


def unattended(evidence: Evidence) -> Iterator[Wait]:
    """From the end of a lease, or from when a worker gave its job back, until the next one has it or none is to."""
    since: dict[str, float] = {}
    latest: dict[str, Write] = {}
    for write in job_updates(evidence.writes):
        latest[write.job_id] = write
        begin = since.pop(write.job_id, None)
        if write.old_status in ACTIVE:
            overdue = write.old_lease_until is not None and write.old_lease_until < write.at
            begin = write.old_lease_until if overdue else write.at if write.status == JobStatus.QUEUED else None
        if begin is None:
            continue
        if write.status == JobStatus.QUEUED:
            since[write.job_id] = max(begin, write.not_before or 0.0)
        elif begin < write.at:
            yield Wait(write.job_id, begin, write.at, is_over=True)
    end = _end(evidence)
    for job_id, write in latest.items():
        begin = since.get(job_id, write.lease_until if write.status in ACTIVE else None)
        if begin is not None and begin < end:
            yield Wait(job_id, begin, end, is_over=False)


def _requests(evidence: Evidence) -> Iterator[Wait]:
    """From a request until the job's worker has let go of it, or the request is another."""
    asked: dict[str, tuple[str, float]] = {}
    for write in job_updates(evidence.writes):
        verb = write.requested if write.status in ACTIVE else None
        before = asked.get(write.job_id)
        if before and before[0] != verb:
            yield Wait(write.job_id, before[1], write.at, is_over=True, what=before[0])
            del asked[write.job_id]
        if verb and not (before and before[0] == verb):
            asked[write.job_id] = (verb, write.at)
    for job_id, (verb, at) in asked.items():
        yield Wait(job_id, at, _end(evidence), is_over=False, what=verb)


def _end(evidence: Evidence) -> float:
    return max([write.at for write in evidence.writes[-1:]] + [beat.at for beat in evidence.beats[-1:]], default=0.0)
