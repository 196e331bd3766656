"""What an experiment is."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from sweeps.experiments.claims import Claim
from sweeps.experiments.results import TrialResult

Size = Literal["small", "full"]
Measured = Literal["test_accuracy", "train_accuracy", "test_loss", "train_loss"]
AxisName = Literal["epoch", "step", "layer", "rate"]


@dataclass(frozen=True, slots=True)
class TrialDefinition:
    """A job of an experiment, and what its answer calls it."""

    label: str
    values: Mapping[str, Any]  # by path into the spec
    group: str | None = None


@dataclass(frozen=True, slots=True)
class Panel:
    """A chart of an experiment's picture: a curve for each trial of a group."""

    title: str
    measured: Measured | Literal["gradient_norm", "range_test"]
    by: AxisName = "epoch"
    group: str | None = None  # None: every trial
    is_log: bool = False  # whether its horizontal axis is logarithmic


@dataclass(frozen=True, slots=True)
class Preset:
    """The jobs of an experiment for one size of data set and machine."""

    dataset: str  # by default
    spec: Mapping[str, Any]  # what the jobs have in common, without the data set
    trials: Sequence[TrialDefinition]
    claims: Sequence[Claim]

    @property
    def space(self) -> dict[str, list[Any]]:
        """What varies: each path with its values, in the order of the trials."""
        found: dict[str, list[Any]] = {}
        for trial in self.trials:
            for path, value in trial.values.items():
                if value not in (known := found.setdefault(path, [])):
                    known.append(value)
        return found


@dataclass(frozen=True, slots=True)
class Experiment:
    """A question, and the jobs that answer it."""

    name: str
    title: str
    question: str
    expectation: str  # what the textbook says, and why
    presets: Mapping[Size, Preset]
    remark: Callable[[Sequence[TrialResult]], str] = lambda _trials: ""  # what else its trials say
    panels: Sequence[Panel] = field(
        default=(Panel("Test accuracy", "test_accuracy"), Panel("Train loss", "train_loss"))
    )


def trials_of(path: str, values: Mapping[str, Any], group: str | None = None) -> list[TrialDefinition]:
    """A trial for each of `values`, by its label."""
    return [TrialDefinition(label, {path: value}, group) for label, value in values.items()]
