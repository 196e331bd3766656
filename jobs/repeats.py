"""A job under several seeds, as one thing.

The first is the job that was submitted. Each other one is an ordinary job with the next seed, whose `parent` is the
first: it is claimed, recovered and fenced as any job is. What is asked of the first is asked of all of them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import RowMapping, select
from sqlalchemy.orm import Session

from jobs import changes, lifecycle
from jobs.downsampled_curves import MEASURES, choose_epochs
from jobs.errors import (
    IsRepeat,
    JobFinished,
    JobNotFound,
    JobNotPaused,
    NotRepeatable,
    RepeatsFewer,
    RequestPending,
)
from jobs.fence import for_update
from jobs.ids import is_id
from jobs.paging import fetched
from jobs.submission import Submission
from models import DEFAULT_PROJECT, Epoch, Job
from training.significance import MeanInterval, mean_interval
from training.spec import UnknownSpec

SEEDS = 2**32
COLUMNS = (
    *MEASURES,
    Epoch.learning_rate,
    Epoch.gradient_norm,
    Epoch.update_ratio,
    Epoch.dead_units,
    Epoch.loading_share,
    Epoch.seconds,
    Epoch.images_per_second,
    Epoch.device_memory_bytes,
)

Asked = Callable[[Session, str], Job]


@dataclass(frozen=True, slots=True)
class Statistics:
    """Of every column, by name, an interval for each of `epochs`: over the jobs that have it; None where none has."""

    epochs: Sequence[int]
    columns: Mapping[str, Sequence[MeanInterval | None]]


def submit(
    session: Session, submission: Submission, *, project: str = DEFAULT_PROJECT, parent: str | None = None
) -> Job:
    """Accept a job and its repeats; all of them or, with the caller's transaction, none. Returns the first; send a
    message for each of `jobs_of` once the transaction is committed. Raises what `lifecycle.submit` raises."""
    first = lifecycle.submit(session, submission, project=project, parent=parent)
    _complete(session, first)
    return first


def raise_to(session: Session, job_id: str, repeats: int) -> Job:
    """Repeat a job so often, with itself: seeds of which there is no job get one. Returns the job. Raises JobNotFound,
    IsRepeat, RepeatsFewer, NotRepeatable, and what `lifecycle.submit` raises."""
    job = session.scalar(for_update(job_id))
    if job is None:
        raise JobNotFound(job_id)
    if job.parent is not None and is_id(job.parent):
        raise IsRepeat(job_id, job.parent)
    if repeats < job.repeats:
        raise RepeatsFewer(job_id, job.repeats)
    job.repeats = repeats
    job.revision += 1
    _complete(session, job)
    return job


def jobs_of(session: Session, first: Job) -> Sequence[Job]:
    """The job and its repeats, in the order of their seeds."""
    if first.repeats == 1:
        return [first]
    others = session.scalars(select(Job).where(Job.parent == first.id).order_by(Job.id)).all()
    return [first, *sorted(others, key=lambda job: (_seed(job) - _seed(first)) % SEEDS)]


def ask(session: Session, job_id: str, asked: Asked) -> Sequence[Job]:
    """Ask it of a job and of its repeats that can still do it. Returns those, or the first alone. Raises what `asked`
    raises of the first job, where no other can do it either."""
    refusal: Exception | None = None
    jobs = list[Job]()
    for each in (job_id, *_locked_others(session, job_id)):
        try:
            jobs.append(asked(session, each))
        except (JobFinished, JobNotPaused, RequestPending) as error:
            refusal = refusal or error  # the first job's own comes first
    if refusal and not jobs:
        raise refusal
    return jobs


def delete(session: Session, job_id: str) -> None:
    """Delete a job with its repeats. Raises JobNotFound, JobNotFinished and ModelInUse, of any of them."""
    for each in (job_id, *_locked_others(session, job_id)):
        changes.delete_job(session, each)


def statistics(session: Session, jobs: Sequence[Job], most: int) -> Statistics:
    """Of `jobs`, in at most `most` epochs: those that are enough to draw the longest curve among theirs."""
    longest = max(jobs, key=lambda job: -1 if job.latest_epoch is None else job.latest_epoch)
    return statistics_at(session, jobs, choose_epochs(session, longest.id, most))


def statistics_at(session: Session, jobs: Sequence[Job], epochs: Sequence[int]) -> Statistics:
    """Of `jobs`, in these epochs."""
    wanted = (Epoch.job_id.in_([job.id for job in jobs]), Epoch.epoch.in_(epochs))
    rows: dict[int, list[RowMapping]] = {epoch: [] for epoch in epochs}
    for row in fetched(session.execute(select(Epoch.epoch, *COLUMNS).where(*wanted))):
        rows[row.epoch].append(row._mapping)
    names = [column.key for column in COLUMNS]
    return Statistics(epochs, {name: [_interval(rows[epoch], name) for epoch in epochs] for name in names})


def _interval(rows: Sequence[RowMapping], name: str) -> MeanInterval | None:
    values = [row[name] for row in rows if row[name] is not None]
    return mean_interval(values) if values else None


def _complete(session: Session, first: Job) -> None:
    """Submit what is missing of its repeats."""
    if first.repeats == 1:
        return
    submission = replace(Submission.of(first), repeats=1)
    if isinstance(submission.spec, UnknownSpec):  # its seed cannot be changed
        raise NotRepeatable(first.id)
    there = {_seed(job) for job in jobs_of(session, first)}
    for seed in ((_seed(first) + number) % SEEDS for number in range(1, first.repeats)):
        if seed in there:
            continue
        spec = submission.spec.model_copy(update={"seed": seed})
        job = lifecycle.submit(session, replace(submission, spec=spec), project=first.project, parent=first.id)
        job.dataset_identity = first.dataset_identity  # it must train on the same images
    session.flush()


def _locked_others(session: Session, job_id: str) -> Sequence[str]:
    """Ids of the repeats. The job and then they, in the order of their ids, are locked before anything that comes after
    jobs in the order of locks: so two such transactions never wait for each other. Whoever adds repeats has the job
    locked: they are read by a statement of their own, which begins when that has been committed, and so sees them."""
    session.scalar(for_update(job_id))
    others = select(Job).where(Job.parent == job_id, Job.deleted_at.is_(None)).order_by(Job.id)
    locked = session.scalars(others.with_for_update().execution_options(populate_existing=True))
    return [job.id for job in locked]


def _seed(job: Job) -> int:
    return int(job.spec["seed"])
