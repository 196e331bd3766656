"""Makes sweeps: all of their jobs, or none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import select

from jobs import lifecycle
from jobs.ids import new_sweep_id
from jobs.submission import Submission
from models import ProjectSession, Sweep
from models.columns import DatabaseNow

MOST_JOBS = 100  # of a sweep

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Trial:
    """A job of a sweep that is to be made."""

    submission: Submission
    values: Mapping[str, Any]  # what it has of the space, by path
    label: str | None = None  # of an experiment: what its answer calls the trial
    group: str | None = None  # of an experiment: what the answer compares it with


def create(
    session: ProjectSession,
    trials: Sequence[Trial],
    *,
    spec: Mapping[str, Any],
    space: Mapping[str, Sequence[Any]],
    name: str | None = None,
    experiment: str | None = None,
) -> Sweep:
    """Store a sweep with a job for each of `trials`: all of them or, with the caller's transaction, none. Send a
    message for each once the transaction is committed. Raises what `lifecycle.submit` raises."""
    sweep_id = new_sweep_id(session.scalars(select(DatabaseNow())).one())
    project = session.own_project
    jobs = [lifecycle.submit(session, each.submission, project=project, parent=sweep_id) for each in trials]
    sweep = Sweep(
        id=sweep_id,
        project=project,
        name=name,
        experiment=experiment,
        spec=dict(spec),
        space={path: list(values) for path, values in space.items()},
        trials=[_stored(job.id, trial) for job, trial in zip(jobs, trials, strict=True)],
    )
    session.add(sweep)
    session.flush()
    log.info("sweep begun", sweep=sweep_id, experiment=experiment, jobs=len(jobs))
    return sweep


def _stored(job_id: str, trial: Trial) -> dict[str, Any]:
    told = {"label": trial.label, "group": trial.group}
    return {"job": job_id, "values": dict(trial.values)} | {name: each for name, each in told.items() if each}
