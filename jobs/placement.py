"""Which worker a job fits, and which job a worker takes next."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, literal, or_, select
from sqlalchemy.orm import Session

from jobs.fence import is_queued
from jobs.quotas import exhausted
from models import Job, Request

CPU = "cpu"
GPU = "gpu"  # an accelerator of whatever kind


@dataclass(frozen=True, slots=True)
class Needs:
    """What a job asks for. `accelerator` is "cpu", "gpu", part of a device's name in lower case, or None for any."""

    devices: int = 1
    accelerator: str | None = None

    def __str__(self) -> str:
        kind = {None: "device", CPU: "CPU", GPU: "GPU"}.get(self.accelerator, f"device of kind {self.accelerator!r}")
        return f"1 {kind}" if self.devices == 1 else f"{self.devices} {kind.replace('device', 'devices', 1)}"


@dataclass(frozen=True, slots=True)
class Candidate:
    """The job that a worker should take next."""

    job_id: str
    needs: Needs


def fitting(needs: Needs, devices: Sequence[str]) -> list[list[int]]:
    """Groups of places in `devices`, a worker's by name: of any one of them the job may take as many as it needs, since
    what trains together must be of one name. [] where none is large enough.

    Processes share a CPU, so that it has room for any number of them.
    """
    if _only_cpu(devices):
        return [[0]] if needs.accelerator in (None, CPU) else []
    groups: dict[str, list[int]] = {}
    for place, name in enumerate(devices):
        if _is_of_kind(name, needs.accelerator):
            groups.setdefault(name.lower(), []).append(place)
    return [places for places in groups.values() if len(places) >= needs.devices]


def next_job(session: Session, devices: Sequence[str]) -> Candidate | None:
    """The first in the queue, by priority and then by age, that a worker with `devices` could run and its project's
    quotas let begin."""
    fit = [is_queued(), _fits(devices)]
    if waiting := exhausted(session):
        # One that is to be stopped takes a moment, and ends with the weights that it has.
        fit.append(or_(Job.project.not_in(waiting), Job.requested == Request.STOP))
    row = session.execute(
        select(Job.id, Job.devices, Job.accelerator).where(*fit).order_by(Job.priority.desc(), Job.id).limit(1)
    ).first()
    return row and Candidate(row.id, Needs(row.devices, row.accelerator))


def _only_cpu(devices: Sequence[str]) -> bool:
    return all(name == CPU for name in devices)


def _is_of_kind(name: str, accelerator: str | None) -> bool:
    return accelerator in (None, GPU) or (accelerator != CPU and accelerator in name.lower())


def _fits(devices: Sequence[str]) -> ColumnElement[bool]:
    """As `fitting` says, in SQL."""
    anything = Job.accelerator.is_(None)
    if _only_cpu(devices):
        return or_(anything, Job.accelerator == CPU)
    by_name = Counter(name.lower() for name in devices)
    of_kind = [
        and_(literal(name).contains(Job.accelerator), Job.accelerator != CPU, Job.devices <= count)
        for name, count in by_name.items()
    ]
    return or_(and_(or_(anything, Job.accelerator == GPU), Job.devices <= max(by_name.values())), *of_kind)
