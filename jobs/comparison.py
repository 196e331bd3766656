"""Several jobs side by side: where their specs differ, and their curves, epoch by epoch."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import RowMapping, select
from sqlalchemy.orm import Session

from jobs.downsampled_curves import MEASURES, choose_epochs
from jobs.errors import JobNotFound
from jobs.ids import is_id
from models import Epoch, Job
from training.spec import ResolvedSpec

COLUMNS = (*MEASURES, Epoch.learning_rate)


@dataclass(frozen=True, slots=True)
class ComparedJob:
    """A job, its best epoch, and a row for each epoch of the comparison; None where it has no such epoch."""

    job: Job
    best: Epoch | None
    rows: Sequence[RowMapping | None]


@dataclass(frozen=True, slots=True)
class Difference:
    """A field in which specs differ, with what each job says; a job that has no such field is not in it."""

    pointer: str  # RFC 6901, into the spec
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Jobs in the order in which they were asked for."""

    jobs: Sequence[ComparedJob]
    epochs: Sequence[int]  # every one that was chosen of any job, in order
    differences: Sequence[Difference]


def compare(session: Session, job_ids: Sequence[str], most: int) -> Comparison:
    """These jobs in at most `most` epochs of each, and in those that were chosen of the others. Raises JobNotFound."""
    found = {job_id: _find(session, job_id) for job_id in job_ids}
    epochs = sorted({epoch for job_id in job_ids for epoch in choose_epochs(session, job_id, most)})
    jobs = [ComparedJob(job, best, _rows(session, job.id, epochs)) for job, best in found.values()]
    return Comparison(
        jobs, epochs, spec_differences({job.id: ResolvedSpec.to_show(job.spec) for job, _ in found.values()})
    )


def spec_differences(specs: Mapping[str, ResolvedSpec]) -> Sequence[Difference]:
    """Where these specs differ; the keys are those of the differences' values."""
    return [*_differences("", {key: spec.model_dump(mode="json") for key, spec in specs.items()}, [*specs])]


def _find(session: Session, job_id: str) -> tuple[Job, Epoch | None]:
    """A job and its best epoch. What no id looks like names no job."""
    best = (Epoch.job_id == Job.id) & (Epoch.epoch == Job.best_epoch)
    statement = select(Job, Epoch).outerjoin(Epoch, best).where(Job.id == job_id)
    row = session.execute(statement).first() if is_id(job_id) else None
    if row is None:
        raise JobNotFound(job_id)
    job, epoch = row
    return job, epoch


def _rows(session: Session, job_id: str, epochs: Sequence[int]) -> list[RowMapping | None]:
    statement = select(Epoch.epoch, *COLUMNS).where(Epoch.job_id == job_id, Epoch.epoch.in_(epochs))
    rows = {row["epoch"]: row for row in session.execute(statement).mappings()}
    return [rows.get(epoch) for epoch in epochs]


def _differences(pointer: str, values: Mapping[str, Any], jobs: Sequence[str]) -> Iterator[Difference]:
    """Within what stands at `pointer` in the specs of `jobs`."""
    if len(values) == len(jobs) and all(isinstance(value, dict) for value in values.values()):
        for name in dict.fromkeys(name for value in values.values() for name in value):
            inner = {job: value[name] for job, value in values.items() if name in value}
            yield from _differences(f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}", inner, jobs)
    elif len(values) < len(jobs) or any(value != values[jobs[0]] for value in values.values()):
        yield Difference(pointer, values)
