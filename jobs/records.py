"""The record of a job, as its report tells of it: bounded, whatever the job's length."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from jobs import queries, repeats
from jobs.comparison import results_of
from jobs.downsampled_curves import downsampled_epochs
from jobs.manifests import JobManifest, manifest_of_job
from jobs.queries import JobDetails
from models import Epoch, Job, JobStatus, Step
from training.metrics import RunFacts

MOST_EPOCHS = 300  # of the curves
MOST_STEPS = 10  # of an epoch's log


@dataclass(frozen=True, slots=True)
class EpochLog:
    """An epoch, its first recorded steps, and whether there are more."""

    epoch: Epoch
    steps: Sequence[Step]
    has_more: bool


@dataclass(frozen=True, slots=True)
class SeedRun:
    """A job, or one of its repeats. `accuracy`: on the test split after the last epoch; None until it has
    succeeded."""

    job_id: str
    seed: int
    status: JobStatus
    accuracy: float | None


@dataclass(frozen=True, slots=True)
class JobRecord:
    """`epochs`: enough of them to draw the curves. `tested`: the latest that was evaluated. `epoch_count` and `seconds`
    are of all of them. `logs`: of the first epoch and of the last. `runs`: of a job that is repeated, itself first."""

    details: JobDetails
    manifest: JobManifest
    epochs: Sequence[Epoch]
    tested: Epoch | None
    epoch_count: int
    seconds: float
    logs: Sequence[EpochLog]
    runs: Sequence[SeedRun]

    @property
    def facts(self) -> RunFacts | None:
        """None before an attempt has begun, or where a release wrote them that is not known here."""
        return RunFacts.from_stored(self.manifest.provenance["environment"])


def version_of(session: Session, job_id: str) -> int:
    """A number that is another one whenever the record may be. Raises JobNotFound."""
    queries.revision_of(session, job_id)
    runs = select(Job.id, Job.revision).where(or_(Job.id == job_id, Job.parent == job_id)).order_by(Job.id)
    told = repr([tuple(run) for run in session.execute(runs)])
    return int.from_bytes(blake2b(told.encode(), digest_size=8).digest())


def record_of(session: Session, job_id: str) -> JobRecord:
    """Of a job in any state. Raises JobNotFound."""
    details = queries.find(session, job_id)
    mine = Epoch.job_id == job_id
    totals = session.execute(select(func.count(), func.sum(Epoch.seconds)).where(mine)).one()
    tested = select(Epoch).where(mine, Epoch.test_accuracy.is_not(None)).order_by(Epoch.epoch.desc()).limit(1)
    epochs = downsampled_epochs(session, job_id, MOST_EPOCHS).rows
    ends = dict.fromkeys([epochs[0], epochs[-1]]) if epochs else {}
    return JobRecord(
        details=details,
        manifest=manifest_of_job(session, job_id),
        epochs=epochs,
        tested=session.scalars(tested).first(),
        epoch_count=totals[0],
        seconds=totals[1] or 0.0,
        logs=[_log(session, epoch) for epoch in ends],
        runs=_runs(session, details.job),
    )


def _runs(session: Session, job: Job) -> Sequence[SeedRun]:
    if job.repeats == 1:
        return []
    jobs = repeats.jobs_of(session, job)
    results = results_of(session, jobs)
    seeds = [int(each.spec["seed"]) for each in jobs]
    return [SeedRun(each.id, seed, each.status, results.get(seed)) for each, seed in zip(jobs, seeds, strict=True)]


def _log(session: Session, epoch: Epoch) -> EpochLog:
    page = queries.steps_after(session, epoch.job_id, epoch.epoch, -1, limit=MOST_STEPS + 1)
    steps = [step for step in page.rows if step.epoch == epoch.epoch]
    return EpochLog(epoch, steps[:MOST_STEPS], len(steps) > MOST_STEPS)
