"""Types of the API: diagnosis.

Written by `make sdk` from the OpenAPI document of the API: change the schemas there, not this file.
"""

from __future__ import annotations

from typing import Any, Literal

from epochal.records import Record, record


@record(frozen=True, slots=True, kw_only=True)
class Suggestion(Record):
    """What to try."""

    spec: dict[str, Any]
    """Changes of the spec, a JSON merge patch: `spec` of `POST /v1/jobs/{job_id}/rerun` takes it as it is."""
    expected: str
    """What it should do."""
    why: str
    """Why that is to be expected."""


@record(frozen=True, slots=True, kw_only=True)
class Finding(Record):
    """One thing that the curves show."""

    code: Literal[
        "diverged",
        "diverging",
        "learning_rate_too_high",
        "learning_rate_too_low",
        "labels_or_splits_suspicious",
        "overfitting",
        "memorised",
        "underfitting",
        "warmup_missing",
        "schedule_ends_too_early",
        "schedule_ends_too_late",
        "still_improving",
        "plateau",
        "class_never_predicted",
        "classes_confused",
        "data_bound",
        "noisy_evaluation",
        "chosen_on_test_split",
        "train_worse_than_test",
    ]
    """What was found, as a word."""
    severity: Literal["problem", "warning", "hint"]
    """`problem`: the job fails at its task. `warning`: it could do better. `hint`: good to know."""
    since_epoch: int | None = None
    """From 0. None: of the run as a whole."""
    sentence: str
    """The same in words."""
    evidence: dict[str, float | int | str]
    """The figures that it rests on, by names with their units; accuracies and shares as fractions."""
    epochs: tuple[int, ...]
    """Rows that show it."""
    suggestion: Suggestion | None = None
    """None: no change of the spec is known to help."""


@record(frozen=True, slots=True, kw_only=True)
class Forecast(Record):
    """The accuracy that a running job will have in its last epoch, on the split that it is judged on."""

    epoch: int
    """The last epoch, from 0."""
    low: float
    """A fraction in [0, 1]. The accuracy lies between `low` and `high` with `probability`."""
    median: float
    high: float
    probability: float
    """A fraction in [0, 1]."""


@record(frozen=True, slots=True, kw_only=True)
class Diagnosis(Record):
    """What a job's curves mean up to now."""

    epochs: int
    """How many epochs were read: of a run of more than 1,000 a part of them."""
    findings: tuple[Finding, ...]
    """The most important first; empty where there is nothing to say."""
    forecast: Forecast | None = None
    """None unless the job is running and has five evaluated epochs, since the last step of its schedule."""
