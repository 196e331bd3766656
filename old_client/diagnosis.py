"""What the curves of a job mean."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What to try."""

    spec: dict[str, Any]  # changes of the spec, as `Client.rerun` takes them
    expected: str  # what it should do
    why: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that the curves show."""

    code: str
    severity: str  # "problem": the job fails at its task; "warning": it could do better; "hint": good to know
    since_epoch: int | None  # None: of the run as a whole
    sentence: str
    evidence: dict[str, Any]  # the figures that it rests on, by names with their units
    epochs: tuple[int, ...]  # that show it
    suggestion: Suggestion | None  # None: no change of the spec is known to help


@dataclass(frozen=True, slots=True)
class Forecast:
    """The accuracy that a running job will have in its last epoch: with `probability`, between `low` and `high`."""

    epoch: int
    low: float
    median: float
    high: float
    probability: float


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What a job's curves mean up to now."""

    epochs: int  # that were read
    findings: tuple[Finding, ...]  # the most important first
    forecast: Forecast | None  # None unless the job is running and has five evaluated epochs
