"""Jobs side by side."""

from dataclasses import dataclass
from typing import Any

from old_client.resources import BestEpoch

Column = tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Curves:
    """One value for each epoch of the comparison. None if the job has no such epoch, or did not measure the value in
    it."""

    train_loss: Column
    train_accuracy: Column
    test_loss: Column
    test_accuracy: Column
    test_top5_accuracy: Column
    validation_loss: Column
    validation_accuracy: Column
    learning_rate: Column


@dataclass(frozen=True, slots=True)
class Spread:
    """A column over jobs that differ in their seeds, with one value for each epoch. None where no job has measured it;
    `deviation`, `low` and `high`, which are the 95 % interval of the mean, also where a single one has."""

    count: tuple[int, ...]  # jobs that have measured it
    mean: Column
    deviation: Column
    low: Column
    high: Column


@dataclass(frozen=True, slots=True)
class Spreads:
    """Each column of the metrics over jobs that differ in their seeds."""

    train_loss: Spread
    train_accuracy: Spread
    test_loss: Spread
    test_accuracy: Spread
    test_top5_accuracy: Spread
    validation_loss: Spread
    validation_accuracy: Spread
    learning_rate: Spread
    gradient_norm: Spread
    update_ratio: Spread
    dead_units: Spread
    loading_share: Spread
    seconds: Spread
    images_per_second: Spread
    device_memory_bytes: Spread


@dataclass(frozen=True, slots=True)
class RepeatedJob:
    """A job, or one that repeats it under another seed."""

    id: str
    seed: int
    status: str
    latest_epoch: int | None
    best_accuracy: float | None
    url: str


@dataclass(frozen=True, slots=True)
class Repeats:
    """A job under several seeds: the first, and then by seed."""

    repeats: int  # that were asked for, with the first
    jobs: tuple[RepeatedJob, ...]
    epochs: tuple[int, ...]
    spreads: Spreads


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the test accuracies of two jobs differ by more than their seeds make. `difference` is the job's mean
    minus the baseline's, with its 99 % interval."""

    baseline: str
    job: str
    verdict: str  # different, no_difference, one_run or no_result
    sentence: str
    paired: bool  # by seed
    runs: tuple[int, ...]  # of the baseline and of the job, that were compared
    difference: float | None
    low: float | None
    high: float | None
    smallest_difference: float | None  # that so many runs would show
    repeats_needed: int | None  # of each job, to show the measured difference; None: more than 20, or unknown
    repeats_for: dict[str, int | None]  # the same for other differences


@dataclass(frozen=True, slots=True)
class ComparedJob:
    """One of the jobs."""

    id: str
    name: str | None
    status: str
    best: BestEpoch | None
    repeats: int | None  # jobs of its spec, with itself; None from an older service
    curves: Curves
    spreads: Spreads | None  # over its repeats; None where it has none


@dataclass(frozen=True, slots=True)
class Difference:
    """A field in which the specs differ."""

    pointer: str  # such as "/optimizer/learning_rate"
    values: dict[str, Any]  # by job id; a job whose spec has no such field is missing


@dataclass(frozen=True, slots=True)
class Comparison:
    """Jobs side by side, in the order in which they were asked for."""

    epochs: tuple[int, ...]  # ascending; each epoch that at least one of the jobs has
    jobs: tuple[ComparedJob, ...]
    differences: tuple[Difference, ...]
    verdicts: tuple[Verdict, ...] | None  # on each job but the first; None from an older service
