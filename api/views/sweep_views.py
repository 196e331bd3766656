"""Turns sweeps into response schemas."""

import math
from collections.abc import Callable, Iterable, Mapping

from api import schemas
from api.http.root_path import public_path
from api.schemas import sweeps as answers
from api.views.translate import JOBS, job_url
from jobs.paging import Page
from models import TERMINAL, Epoch
from sweeps.queries import SweepState, TrialState

SWEEPS = "/v1/sweeps"


def sweep_url(sweep_id: str) -> str:
    """The URL of a sweep."""
    return public_path(f"{SWEEPS}/{sweep_id}")


def summary(state: SweepState) -> answers.SweepSummary:
    """A sweep, without its trials."""
    row, here = state.sweep, sweep_url(state.sweep.id)
    total = sum(state.jobs.values())
    unfinished = sum(number for status, number in state.jobs.items() if status not in {*TERMINAL, "deleted"})
    return answers.SweepSummary(
        id=row.id,
        name=row.name,
        experiment=row.experiment,
        status=state.status,
        jobs=dict(state.jobs),
        progress=answers.SweepProgress(jobs_over=total - unfinished, jobs=total, percent=state.percent),
        created_at=row.created_at,
        links=answers.SweepLinks(
            self=here,
            cancel=f"{here}/cancel",
            jobs=public_path(f"{JOBS}?parent={row.id}&limit=100"),
            answer=f"{here}/answer" if row.experiment else None,
        ),
    )


def sweep(state: SweepState, trials: Iterable[TrialState], order: answers.TrialOrder = "number") -> answers.Sweep:
    """A sweep with its trials, the best ones first where they are ordered by a measure."""
    return answers.Sweep(
        **dict(summary(state)),
        spec=state.sweep.spec,
        space=state.sweep.space,
        trials=[_trial(each) for each in sorted(trials, key=_ORDERS[order])],
    )


def page(found: Page[SweepState], limit: int) -> schemas.Page[answers.SweepSummary]:
    """A page of sweeps."""
    rows = [summary(state) for state in found.rows]
    following = public_path(f"{SWEEPS}?after={rows[-1].id}&limit={limit}") if found.has_more else None
    return schemas.Page(data=rows, has_more=found.has_more, next=following)


def _trial(state: TrialState) -> answers.Trial:
    return answers.Trial(
        number=state.number,
        values=dict(state.values),
        label=state.label,
        job_id=state.job_id,
        status=state.status,
        latest=_metrics(state.latest),
        best=_metrics(state.best),
        error=schemas.JobError.model_validate(state.error) if state.error else None,
        url=job_url(state.job_id) if state.status else None,
    )


def _metrics(epoch: Epoch | None) -> answers.TrialMetrics | None:
    return answers.TrialMetrics.model_validate(epoch) if epoch else None


def _best_accuracy(state: TrialState) -> float | None:
    best = state.best
    if best is None:
        return None
    return best.test_accuracy if best.validation_accuracy is None else best.validation_accuracy


def _latest(measure: str, direction: int) -> Callable[[TrialState], tuple[float, int]]:
    return lambda state: _least_first(getattr(state.latest, measure) if state.latest else None, direction, state)


def _least_first(value: float | None, direction: int, state: TrialState) -> tuple[float, int]:
    """Trials without a value come last, and of equal ones the earlier first."""
    known = value is not None and not math.isnan(value)
    return (direction * value if known and value is not None else math.inf, state.number)


_ORDERS: Mapping[answers.TrialOrder, Callable[[TrialState], tuple[float, int]]] = {
    "number": lambda state: (0.0, state.number),
    "best_accuracy": lambda state: _least_first(_best_accuracy(state), -1, state),
    "test_accuracy": _latest("test_accuracy", -1),
    "test_loss": _latest("test_loss", 1),
    "train_loss": _latest("train_loss", 1),
}
