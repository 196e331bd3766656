"""Several jobs side by side: where their specs differ, their curves, epoch by epoch, and whether the differences of
their results are more than their seeds make."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import RowMapping, select
from sqlalchemy.orm import Session

from jobs import repeats
from jobs.downsampled_curves import LEAST_EPOCHS, MEASURES, choose_epochs
from jobs.errors import JobNotFound
from jobs.ids import is_id
from jobs.recording import earlier_facts
from jobs.repeats import Statistics
from models import TERMINAL, Epoch, Job, JobStatus
from training.significance import Difference as ResultDifference
from training.significance import compare_runs
from training.spec import ResolvedSpec

COLUMNS = (*MEASURES, Epoch.learning_rate)
MOST_ROWS = 20_000  # that are read of repeats, but for each job's latest epoch and for LEAST_EPOCHS


@dataclass(frozen=True, slots=True)
class ComparedJob:
    """A job, its best epoch, and a row for each epoch of the comparison; None where it has no such epoch."""

    job: Job
    best: Epoch | None
    rows: Sequence[RowMapping | None]
    repeats: Sequence[Job]  # itself first
    statistics: Statistics | None  # over its repeats; None where it has none
    results: Mapping[int, float]  # test accuracy of the last epoch of those that have succeeded, by seed

    @property
    def without_result(self) -> int:
        """How many of its repeats have ended, and not succeeded: a comparison is of the others alone."""
        return sum(run.status in TERMINAL and run.status is not JobStatus.SUCCEEDED for run in self.repeats)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the results of `job` differ from those of `baseline`. None: one of them has no result yet."""

    baseline: ComparedJob
    job: ComparedJob
    found: ResultDifference | None


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
    verdicts: Sequence[Verdict]  # on each job but the first, beside the first


def compare(session: Session, job_ids: Sequence[str], most: int) -> Comparison:
    """These jobs in at most `most` epochs of each, and in those that were chosen of the others. Raises JobNotFound."""
    found = {job_id: _find(session, job_id) for job_id in job_ids}
    runs = {job_id: repeats.jobs_of(session, job) for job_id, (job, _) in found.items()}
    epochs = _epochs(session, runs, most)
    jobs = [_compared(session, job, best, runs[job.id], epochs) for job, best in found.values()]
    specs = {job.id: ResolvedSpec.to_show(job.spec) for job, _ in found.values()}
    first, *others = jobs
    verdicts = [Verdict(first, each, _judged(session, first, each)) for each in others]
    return Comparison(jobs, epochs, spec_differences(specs), verdicts)


def _epochs(session: Session, runs: Mapping[str, Sequence[Job]], most: int) -> Sequence[int]:
    """Those that are chosen of any job. With repeats, those of the longest curve, and the latest of each job: every
    one is read of all repeats."""
    if (count := sum(map(len, runs.values()))) == len(runs):
        return sorted({epoch for job_id in runs for epoch in choose_epochs(session, job_id, most)})
    latest = {job.id: job.latest_epoch for jobs in runs.values() for job in jobs if job.latest_epoch is not None}
    if not latest:
        return []
    most = max(LEAST_EPOCHS, min(most, MOST_ROWS // count))
    longest = max(latest, key=lambda job_id: latest[job_id])
    return sorted({*choose_epochs(session, longest, most), *(latest[job_id] for job_id in runs if job_id in latest)})


def spec_differences(specs: Mapping[str, ResolvedSpec]) -> Sequence[Difference]:
    """Where these specs differ; the keys are those of the differences' values."""
    return [*_differences("", {key: spec.model_dump(mode="json") for key, spec in specs.items()}, [*specs])]


def _compared(
    session: Session, job: Job, best: Epoch | None, runs: Sequence[Job], epochs: Sequence[int]
) -> ComparedJob:
    statistics = repeats.statistics_at(session, runs, epochs) if len(runs) > 1 else None
    return ComparedJob(job, best, _rows(session, job.id, epochs), runs, statistics, results_of(session, runs))


def results_of(session: Session, runs: Sequence[Job]) -> Mapping[int, float]:
    """The test accuracy of the last epoch of those that have succeeded, by seed."""
    last = (Epoch.job_id == Job.id) & (Epoch.epoch == Job.latest_epoch)
    ended = (
        select(Job.id, Epoch.test_accuracy)
        .join(Epoch, last)
        .where(
            Job.id.in_([run.id for run in runs]), Job.status == JobStatus.SUCCEEDED, Epoch.test_accuracy.is_not(None)
        )
    )
    found = {row.id: row.test_accuracy for row in session.execute(ended)}
    return {int(run.spec["seed"]): found[run.id] for run in runs if run.id in found}


def _judged(session: Session, first: ComparedJob, second: ComparedJob) -> ResultDifference | None:
    if not (first.results and second.results):
        return None
    images = min(_test_images(session, each.job) for each in (first, second))
    return compare_runs(first.results, second.results, 1 / images if images else 0.0)


def _test_images(session: Session, job: Job) -> int:
    """0 where no attempt has told."""
    facts = earlier_facts(session, job)
    return facts.test_images if facts else 0


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
