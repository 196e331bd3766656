"""Queries on sweeps. They write nothing."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, select
from sqlalchemy.orm import aliased

from jobs.paging import Page, fetch_page
from models import TERMINAL, Epoch, Job, JobStatus, ProjectSession, Sweep
from sweeps.errors import SweepNotFound
from sweeps.status import OVER, SweepStatus, status_of


@dataclass(frozen=True, slots=True)
class SweepState:
    """A sweep, and how its jobs are doing: those of its trials, and those that repeat a trial under another seed."""

    sweep: Sweep
    status: SweepStatus
    jobs: Mapping[str, int]  # how many there are of each status that one has; "deleted" for those that are gone
    percent: float  # of all epochs of all jobs that are there, 0 to 100

    @property
    def is_over(self) -> bool:
        """Whether no job of it is still to do."""
        return self.status in OVER


@dataclass(frozen=True, slots=True)
class TrialState:
    """A trial, and what its job has measured so far."""

    number: int  # from 1, in the order in which the sweep has them
    job_id: str
    values: Mapping[str, Any]
    label: str | None
    group: str | None
    status: JobStatus | None  # None: its job was deleted
    error: Mapping[str, Any] | None
    latest: Epoch | None
    best: Epoch | None


def are_trials(sweep_ids: Sequence[str]) -> ColumnElement[bool]:
    """Whether jobs are trials of these sweeps."""
    return Job.parent.in_(sweep_ids)


def repeat_trials(sweep_ids: Sequence[str]) -> ColumnElement[bool]:
    """Whether jobs repeat a trial of these sweeps. A sweep has these jobs, too."""
    trial = aliased(Job)
    return Job.parent.in_(select(trial.id).where(trial.parent.in_(sweep_ids)))


def find(session: ProjectSession, sweep_id: str) -> SweepState:
    """A sweep. Raises SweepNotFound."""
    sweep = session.scalar(select(Sweep).where(Sweep.id == sweep_id))
    if sweep is None:
        raise SweepNotFound(sweep_id)
    return _states(session, [sweep])[0]


def newest(session: ProjectSession, after: str | None, limit: int) -> Page[SweepState]:
    """The sweeps before `after`, the newest first."""
    statement = select(Sweep).order_by(Sweep.id.desc())
    if after is not None:
        statement = statement.where(Sweep.id < after)
    page = fetch_page(session, statement, limit)
    return Page(_states(session, page.rows), page.has_more)


def trials_of(session: ProjectSession, sweep: Sweep) -> list[TrialState]:
    """The trials of a sweep in its own order, with the latest and the best epoch of each."""
    latest, best = aliased(Epoch), aliased(Epoch)
    statement = (
        select(Job, latest, best)
        .outerjoin(latest, (latest.job_id == Job.id) & (latest.epoch == Job.latest_epoch))
        .outerjoin(best, (best.job_id == Job.id) & (best.epoch == Job.best_epoch))
        .where(Job.parent == sweep.id)
    )
    rows = {job.id: (job, last, top) for job, last, top in session.execute(statement)}
    return [_trial(number, each, rows.get(each["job"])) for number, each in enumerate(sweep.trials, start=1)]


def _trial(number: int, stored: Mapping[str, Any], row: tuple[Job, Epoch | None, Epoch | None] | None) -> TrialState:
    job, latest, best = row or (None, None, None)
    return TrialState(
        number=number,
        job_id=stored["job"],
        values=stored["values"],
        label=stored.get("label"),
        group=stored.get("group"),
        status=job.status if job else None,
        error=job.error if job else None,
        latest=latest,
        best=best,
    )


def _states(session: ProjectSession, sweeps: Sequence[Sweep]) -> list[SweepState]:
    epochs = Job.spec["epochs"].as_integer()
    statement = select(Job.id, Job.parent, Job.status, Job.latest_epoch, epochs.label("epochs"))
    ids = [sweep.id for sweep in sweeps]
    trials = {row.id: row for row in session.execute(statement.where(are_trials(ids)))}
    repeats: dict[str, list[Row[Any]]] = {sweep_id: [] for sweep_id in ids}
    for row in session.execute(statement.where(repeat_trials(ids))):
        repeats[trials[row.parent].parent].append(row)
    return [_state(sweep, trials, repeats[sweep.id]) for sweep in sweeps]


def _state(sweep: Sweep, trials: Mapping[str, Row[Any]], repeats: Sequence[Row[Any]]) -> SweepState:
    jobs = [*(trials.get(each["job"]) for each in sweep.trials), *repeats]
    statuses = [row.status if row else None for row in jobs]
    done = [_share(row.status, row.latest_epoch, row.epochs) for row in jobs if row]
    return SweepState(
        sweep=sweep,
        status=status_of(statuses),
        jobs=dict(Counter(status.value if status else "deleted" for status in statuses)),
        percent=round(100 * sum(done) / len(done), 1) if done else 100.0,
    )


def _share(status: JobStatus, latest_epoch: int | None, epochs: int) -> float:
    if status in TERMINAL:
        return 1.0
    return min(1.0, (0 if latest_epoch is None else latest_epoch + 1) / max(epochs, 1))
