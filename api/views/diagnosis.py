"""Turns what a diagnosis says into the answer."""

from api.schemas import diagnosis as schemas
from training.diagnosis import Finding, Forecast, Run, Suggestion, diagnose, forecast


def of_run(run: Run) -> schemas.Diagnosis:
    """The findings of a run and, while it is under way, the forecast of its last epoch."""
    last = (run.planned_epochs or 0) - 1
    expected = None if run.has_ended or run.is_idle else forecast(run, last)
    return schemas.Diagnosis(
        epochs=len(run.rows),
        findings=[_finding(found) for found in diagnose(run)],
        forecast=_forecast(expected) if expected else None,
    )


def _finding(found: Finding) -> schemas.Finding:
    return schemas.Finding(
        code=found.code,
        severity=found.severity,
        since_epoch=found.since_epoch,
        sentence=found.sentence,
        evidence=dict(found.evidence),
        epochs=list(found.epochs),
        suggestion=_suggestion(found.suggestion) if found.suggestion else None,
    )


def _suggestion(tried: Suggestion) -> schemas.Suggestion:
    return schemas.Suggestion(spec=dict(tried.spec), expected=tried.expected, why=tried.why)


def _forecast(expected: Forecast) -> schemas.Forecast:
    return schemas.Forecast(
        epoch=expected.epoch,
        low=expected.low,
        median=expected.median,
        high=expected.high,
        probability=expected.probability,
    )
