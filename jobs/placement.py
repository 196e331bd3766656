"""Which worker a job fits, and which job a worker takes next."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from sqlalchemy.orm import Session

from jobs.lanes import find_lanes, first_waiting
from jobs.quotas import exhausted, is_exhausted
from models import Request

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


def next_job(session: Session, devices: Sequence[str], *, lock: bool = False) -> Candidate | None:
    """The first in the queue, by priority and then by age, that a worker with `devices` could run and its project's
    quotas let begin. With `lock`, the first that no other transaction has locked, locked until this one ends."""
    within = [
        lane
        for lane in find_lanes(session, _servable(devices))
        if fitting(Needs(lane.devices, lane.kind or None), devices)
    ]
    found = first_waiting(session, within, lock=lock)
    if found and found.requested is not Request.STOP and is_exhausted(session, found.project):
        # What all projects have used is asked for only where one that has used it up stands in the way.
        found = first_waiting(session, within, lock=lock, without={found.project, *exhausted(session)})
    return found and Candidate(found.id, Needs(found.devices, found.accelerator))


def _servable(devices: Sequence[str]) -> set[str]:
    """Every kind that a worker with `devices` may serve, "" for any."""
    if _only_cpu(devices):
        return {"", CPU}
    names = {name.lower() for name in devices}
    parts = {name[begin:end] for name in names for begin, end in combinations(range(len(name) + 1), 2)}
    return {"", GPU, *parts}


def _only_cpu(devices: Sequence[str]) -> bool:
    return all(name == CPU for name in devices)


def _is_of_kind(name: str, accelerator: str | None) -> bool:
    return accelerator in (None, GPU) or (accelerator != CPU and accelerator in name.lower())
