"""The place of a queued job, and why it is not running."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Literal, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from jobs.placement import Needs, fitting
from jobs.quotas import is_exhausted
from jobs.workers import ConnectedWorker, connected_with_jobs
from models import JobStatus, Request
from models.columns import DatabaseNow

# no_worker: no worker is connected. no_such_device: no connected worker has the devices that the job needs. slots_busy:
# those that have them have no free slot. behind_others: other jobs are in front of it. backing_off: several attempts
# were lost, and the job waits before the next. unknown_spec: the worker that would have begun it is of an earlier
# release, which does not know all of its spec. quota_reached: its project uses all that its quotas allow.
# about_to_start: nothing is in its way.
QueueReason = Literal[
    "no_worker",
    "no_such_device",
    "slots_busy",
    "behind_others",
    "backing_off",
    "unknown_spec",
    "quota_reached",
    "about_to_start",
]

# Positions are counted up to this one. Counting costs time with each job, and a position further back tells little.
MOST_COUNTED = 1000


class JobSummary(NamedTuple):
    """The fields of a job that say whether it has changed, and why it waits."""

    id: str
    revision: int
    status: JobStatus
    project: str
    requested: Request | None
    priority: int
    devices: int
    accelerator: str | None
    losses: int
    not_before: datetime | None


@dataclass(frozen=True, slots=True)
class QueuePlace:
    """A queued job's position, and why it is not running."""

    position: int | None  # from 1; None: behind MOST_COUNTED others
    code: QueueReason
    reason: str  # the same in words


class QueueExplainer:
    """Explains why jobs wait, as of one transaction. Reads workers and quotas once for all of them."""

    def __init__(self, session: Session) -> None:
        self._workers = [record for record in connected_with_jobs(session) if not record.worker.draining_at]
        self._session = session
        self._exhausted: dict[str, bool] = {}
        self._fitting: dict[Needs, list[ConnectedWorker]] = {}

    def place(self, job: JobSummary, position: int | None) -> QueuePlace:
        """The place of `job`, which is at `position` of the queue."""
        if job.requested is not Request.STOP and self._is_exhausted(job.project):
            return QueuePlace(position, "quota_reached", "Its project uses as much as its quotas allow.")
        code, reason = self._explain(Needs(job.devices, job.accelerator), position)
        if code in ("behind_others", "about_to_start") and job.not_before and job.not_before > self._now:
            until = f"{job.not_before:%H:%M:%S} UTC"
            if job.losses:
                code, reason = "backing_off", f"{job.losses} attempts in a row were lost: the next begins at {until}."
            else:
                code = "unknown_spec"
                reason = f"A worker's release does not know all of its spec: another may take it from {until} on."
        return QueuePlace(position, code, reason)

    def _explain(self, needs: Needs, position: int | None) -> tuple[QueueReason, str]:
        if not self._workers:
            return "no_worker", "No worker is connected."
        fit = self._fit(needs)
        if not fit:
            return "no_such_device", f"No connected worker has {needs}; there is: {self._inventory()}."
        slots = sum(record.worker.slots for record in fit)
        free = sum(record.free_slots for record in fit)
        if free == 0:
            return "slots_busy", f"Every slot is busy: {slots} of {slots}."
        if position is None:
            return "behind_others", f"More than {MOST_COUNTED} jobs are in front of it."
        if position > free:
            before = f"{position - 1} jobs are" if position > 2 else "1 job is"
            return "behind_others", f"{before} in front of it."
        return "about_to_start", "A slot is free: about to start."

    def _fit(self, needs: Needs) -> list[ConnectedWorker]:
        if needs not in self._fitting:
            self._fitting[needs] = [record for record in self._workers if fitting(needs, record.worker.devices)]
        return self._fitting[needs]

    @cached_property
    def _now(self) -> datetime:
        return self._session.scalars(select(DatabaseNow())).one()

    def _is_exhausted(self, project: str) -> bool:
        if project not in self._exhausted:
            self._exhausted[project] = is_exhausted(self._session, project)
        return self._exhausted[project]

    def _inventory(self) -> str:
        """The devices of each worker; equal ones are named once."""
        each = (
            ", ".join(f"{count} x {name}" for name, count in Counter(record.worker.devices).items())
            for record in self._workers
        )
        return "; ".join(dict.fromkeys(each))
