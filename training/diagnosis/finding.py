"""What a diagnosis says."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Severity = Literal["problem", "warning", "hint"]  # the job fails at its task; it could do better; good to know

Code = Literal[
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


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A change of the job's spec."""

    spec: Mapping[str, Any]  # a JSON merge patch over the spec, as POST /v1/jobs/{id}/rerun takes it; never a recipe
    expected: str  # what it should do, which the next run can confirm or refute
    why: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that the record of a run shows."""

    code: Code
    severity: Severity
    since_epoch: int | None  # from 0; None: of the run as a whole
    sentence: str  # for somebody who learns
    evidence: Mapping[str, float | int | str] = field(default_factory=dict)  # names in full words, with their units
    epochs: tuple[int, ...] = ()  # the rows that show it
    suggestion: Suggestion | None = None  # None: no field of the spec would help
