"""Reads what the trials of an experiment have measured. It writes nothing."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row, func, select

from models import Attempt, Epoch, Job, ProjectSession, Step, Sweep
from sweeps import queries
from sweeps.experiments.results import EpochResult, TrialResult

MOST_EPOCHS = 400  # of a trial that are read: of a longer one every second, third and so on, and the last

MOST_STEPS = 2000  # of a range test


def trials_of(session: ProjectSession, sweep: Sweep) -> list[TrialResult]:
    """The trials of a sweep in its own order."""
    jobs = {row.id: row for row in session.execute(_JOBS.where(queries.are_trials([sweep.id])))}
    facts = _facts(session, list(jobs))
    repeats = Counter(session.scalars(select(Job.parent).where(queries.repeat_trials([sweep.id]))))
    return [
        _trial(session, each, jobs.get(each["job"]), facts.get(each["job"], {}), repeats[each["job"]])
        for each in sweep.trials
    ]


_JOBS = select(Job.id, Job.status, Job.error, Job.spec, Job.best_epoch, Job.latest_epoch)
_COLUMNS = (
    Epoch.epoch,
    Epoch.train_loss,
    Epoch.train_accuracy,
    Epoch.test_loss,
    Epoch.test_accuracy,
    Epoch.seconds,
)


def _trial(
    session: ProjectSession, stored: Mapping[str, Any], job: Row[Any] | None, facts: Mapping[str, Any], repeats: int
) -> TrialResult:
    spec: Mapping[str, Any] = job.spec if job else {}
    stops_early = bool((spec.get("regularisation") or {}).get("early_stopping"))
    rows = _epochs(session, job.id, job.latest_epoch) if job else []
    return TrialResult(
        label=stored.get("label") or stored["job"],
        group=stored.get("group"),
        job_id=stored["job"],
        status=job.status if job else None,
        error=job.error if job else None,
        epochs=rows,
        planned=spec.get("epochs", 0),
        kept_epoch=job.best_epoch if job and stops_early else None,
        train_images=facts.get("train_images"),
        test_images=facts.get("test_images"),
        steps_per_epoch=facts.get("steps_per_epoch"),
        range_test=_steps(session, job.id) if job and _is_range_test(spec) else (),
        repeats=repeats,
    )


def _epochs(session: ProjectSession, job_id: str, latest: int | None) -> list[EpochResult]:
    every = 1 + (latest or 0) // MOST_EPOCHS
    statement = select(*_COLUMNS).where(Epoch.job_id == job_id).order_by(Epoch.epoch)
    if every > 1:
        statement = statement.where((Epoch.epoch % every == 0) | (Epoch.epoch == latest))
    layers = select(Epoch.layers).where(Epoch.job_id == job_id, Epoch.epoch == 0)
    first = _norms(session.scalar(layers))
    return [
        EpochResult(
            epoch=row.epoch,
            train_loss=_finite(row.train_loss),
            train_accuracy=_finite(row.train_accuracy),
            test_loss=_finite(row.test_loss),
            test_accuracy=_finite(row.test_accuracy),
            seconds=row.seconds,
            layers=first if row.epoch == 0 else (),
        )
        for row in session.execute(statement)
    ]


def _is_range_test(spec: Mapping[str, Any]) -> bool:
    return bool((spec.get("schedule") or {}).get("name") == "range_test")


def _steps(session: ProjectSession, job_id: str) -> list[tuple[float, float]]:
    """Learning rate and loss of each step, as far as the rate rises and the loss is finite."""
    statement = select(Step.learning_rate, Step.loss).where(Step.job_id == job_id).order_by(Step.epoch, Step.step)
    found: list[tuple[float, float]] = []
    for row in session.execute(statement.limit(MOST_STEPS)):
        if math.isfinite(row.loss) and row.learning_rate > (found[-1][0] if found else 0.0):
            found.append((row.learning_rate, row.loss))
    return found


def _norms(layers: Sequence[Mapping[str, Any]] | None) -> tuple[tuple[str, float], ...]:
    """The gradient norm of each layer that has one, in the order of the forward pass."""
    found = ((each.get("name"), each.get("gradient_norm")) for each in layers or ())
    return tuple((str(name), norm) for name, norm in found if isinstance(norm, int | float) and math.isfinite(norm))


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _facts(session: ProjectSession, job_ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """What the last attempt of each job found out about its data."""
    last = select(Attempt.job_id, func.max(Attempt.number).label("number")).where(Attempt.job_id.in_(job_ids))
    last_of = last.where(Attempt.facts.is_not(None)).group_by(Attempt.job_id).subquery()
    statement = select(Attempt.job_id, Attempt.facts).join(
        last_of, (last_of.c.job_id == Attempt.job_id) & (last_of.c.number == Attempt.number)
    )
    return {row.job_id: row.facts for row in session.execute(statement)}
