"""Jobs under several seeds as JSON, and verdicts in words."""

from collections.abc import Mapping, Sequence
from typing import Any

from api.schemas import repeats as schemas
from api.views.translate import job_url
from jobs.comparison import ComparedJob, Verdict
from jobs.repeats import Statistics
from models import Job
from training.significance import DIFFERENCES, MOST_REPEATS, VERDICT_CONFIDENCE, Difference, MeanInterval


def repeats(first: Job, jobs: Sequence[Job], found: Statistics) -> schemas.Repeats:
    """Jobs of one spec, with their means."""
    return schemas.Repeats(
        repeats=first.repeats, jobs=[_job(each) for each in jobs], epochs=list(found.epochs), spreads=spreads(found)
    )


def spreads(found: Statistics) -> schemas.Spreads:
    """As columns."""
    return schemas.Spreads.model_validate({name: _spread(column) for name, column in found.columns.items()})


def verdict(found: Verdict) -> schemas.Verdict:
    """With its sentence."""
    one, other, judged = found.baseline, found.job, found.found
    if judged is None:
        said, figures = [_no_result(one, other)], _no_figures([len(one.results), len(other.results)])
    else:
        said, figures = [_sentence(_name(one), _name(other), judged)], _figures(judged)
        said += [*_left_out(one), *_left_out(other)]
    figures |= {"baseline": one.job.id, "job": other.job.id, "sentence": " ".join(said)}
    return schemas.Verdict.model_validate(figures)


def _no_figures(runs: Sequence[int]) -> dict[str, Any]:
    unknown = dict.fromkeys(("difference", "low", "high", "smallest_difference", "repeats_needed"))
    return {"verdict": "no_result", "paired": False, "runs": runs, "repeats_for": {}, **unknown}


def _figures(judged: Difference) -> dict[str, Any]:
    return {
        "verdict": judged.verdict,
        "paired": judged.paired,
        "runs": [judged.first_runs, judged.second_runs],
        "difference": judged.difference,
        "low": judged.low,
        "high": judged.high,
        "smallest_difference": judged.smallest,
        "repeats_needed": judged.repeats,
        "repeats_for": {str(each): count for each, count in (judged.repeats_for or {}).items()},
    }


def _job(job: Job) -> schemas.RepeatedJob:
    return schemas.RepeatedJob(
        id=job.id,
        seed=job.spec["seed"],
        status=job.status,
        latest_epoch=job.latest_epoch,
        best_accuracy=job.best_accuracy,
        url=job_url(job.id),
    )


def _spread(column: Sequence[MeanInterval | None]) -> Mapping[str, Sequence[float | int | None]]:
    return {"count": [each.count if each else 0 for each in column]} | {
        name: [getattr(each, name) if each else None for each in column]
        for name in ("mean", "deviation", "low", "high")
    }


def _name(compared: ComparedJob) -> str:
    return compared.job.name or compared.job.id


def _no_result(one: ComparedJob, other: ComparedJob) -> str:
    missing = " and ".join(_name(each) for each in (one, other) if not each.results)
    return f"No run of {missing} has succeeded yet: there is nothing to compare."


def _left_out(compared: ComparedJob) -> Sequence[str]:
    """A spec whose runs fail must not look better for that."""
    count = compared.without_result
    if not count:
        return []
    return [f"Not counted: {count} of {len(compared.repeats)} runs of {_name(compared)}, which ended without a result."]


def _sentence(one: str, other: str, judged: Difference) -> str:
    points = _points(abs(judged.difference))
    side = "higher" if judged.difference > 0 else "lower"
    if judged.verdict == "one_run":
        return (
            f"One run: the test accuracy of {other} is {points} {side} than that of {one}, and another seed may change "
            "that. Repeat both jobs before you believe it."
        )
    assert judged.low is not None
    assert judged.high is not None
    between = f"{VERDICT_CONFIDENCE:.0%} interval from {_points(judged.low)} to {_points(judged.high)}"
    runs = _runs(judged)
    if judged.verdict == "different":
        return f"{other} has a test accuracy that is {points} {side} than that of {one}, by {runs}: {between}."
    return f"No difference between {one} and {other} is shown by {runs}: {between}. {_what_would_decide(judged)}"


def _what_would_decide(judged: Difference) -> str:
    assert judged.smallest is not None
    if judged.repeats is not None:
        more = judged.repeats - min(judged.first_runs, judged.second_runs)
        if more > 0:
            return (
                f"If the measured difference of {_points(abs(judged.difference))} is real, {more} more seeds of each "
                "would probably show it."
            )
    for difference in DIFFERENCES:
        if (judged.repeats_for or {}).get(difference) is not None:
            count = (judged.repeats_for or {})[difference]
            return f"A difference of {_points(difference)} would probably be seen with {count} seeds of each."
    return f"{MOST_REPEATS} seeds of each would not suffice for a difference of {_points(DIFFERENCES[-1])}."


def _runs(judged: Difference) -> str:
    if judged.paired:
        return f"{judged.first_runs} pairs of runs with equal seeds"
    return f"{judged.first_runs} and {judged.second_runs} runs"


def _points(fraction: float) -> str:
    return f"{100 * fraction:.2f} points"
