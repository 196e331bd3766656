"""Types of the API: comparison.

Written by `make sdk` from the OpenAPI document of the API: change the schemas there, not this file.
"""

from __future__ import annotations

from typing import Any, Literal

from epochal.records import Record, record
from epochal.types.metrics import BestEpoch
from epochal.types.words import JobStatus


@record(frozen=True, slots=True, kw_only=True)
class Curves(Record):
    """One value for each of the comparison's `epochs`, in the same order. None if the job lacks that epoch, or did
    not measure the value in it."""

    train_loss: tuple[float | None, ...]
    train_accuracy: tuple[float | None, ...]
    test_loss: tuple[float | None, ...]
    test_accuracy: tuple[float | None, ...]
    test_top5_accuracy: tuple[float | None, ...]
    validation_loss: tuple[float | None, ...]
    validation_accuracy: tuple[float | None, ...]
    learning_rate: tuple[float | None, ...]


@record(frozen=True, slots=True, kw_only=True)
class Spread(Record):
    """A column over the jobs, at each of `epochs`. None where no job has measured it; `deviation`, `low` and `high`
    also where a single one has."""

    count: tuple[int, ...]
    """Jobs that have measured it."""
    mean: tuple[float | None, ...]
    deviation: tuple[float | None, ...]
    """The sample standard deviation."""
    low: tuple[float | None, ...]
    """The 95 % interval of the mean, by Student's t: from here"""
    high: tuple[float | None, ...]
    """to here."""


@record(frozen=True, slots=True, kw_only=True)
class Spreads(Record):
    """Each column of the metrics over the jobs."""

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


@record(frozen=True, slots=True, kw_only=True)
class ComparedJob(Record):
    """One of the jobs."""

    id: str
    name: str | None = None
    status: JobStatus
    best: BestEpoch | None = None
    """The epoch with the highest accuracy; of equal ones the earliest."""
    repeats: int
    """Jobs of its spec that there are, with itself."""
    curves: Curves
    """Of the job itself."""
    spreads: Spreads | None = None
    """Over the job and its repeats, at `epochs`; None where it has none."""


@record(frozen=True, slots=True, kw_only=True)
class Difference(Record):
    """A field in which the specs differ."""

    pointer: str
    """A JSON pointer (RFC 6901) into the spec."""
    values: dict[str, Any]
    """The field's value in each job's spec, by the job's id. A job without the field is left out."""


@record(frozen=True, slots=True, kw_only=True)
class Verdict(Record):
    """Whether the test accuracies of two jobs at the ends of their runs differ by more than their seeds make."""

    baseline: str
    """The id of the first job."""
    job: str
    """The id of the job that is compared with it."""
    verdict: Literal["different", "no_difference", "one_run", "no_result"]
    """`different`: the 99 % interval of the difference leaves out 0. `one_run`: one of the two has a single run that
    has succeeded, so that nothing is known of its seeds. `no_result`: one of them has none yet."""
    sentence: str
    """The same in words."""
    paired: bool
    """Runs are compared seed by seed, because they share seeds."""
    runs: tuple[int, ...]
    """How many runs of the baseline and of the job were compared."""
    difference: float | None = None
    """The job's mean minus the baseline's; a fraction."""
    low: float | None = None
    """The 99 % interval of the difference: from here"""
    high: float | None = None
    """to here."""
    smallest_difference: float | None = None
    """A difference that so many runs would have shown, nine times of ten."""
    repeats_needed: int | None = None
    """How many repeats of each job show the measured difference nine times of ten, if it is real. None: more than
    20, or nothing can be said."""
    repeats_for: dict[str, int | None]
    """The same for differences of half a point, of one and of two."""


@record(frozen=True, slots=True, kw_only=True)
class Comparison(Record):
    """Jobs side by side, in the order of the request."""

    epochs: tuple[int, ...]
    """The epochs that any of the jobs has, ascending, from 0."""
    jobs: tuple[ComparedJob, ...]
    differences: tuple[Difference, ...]
    """Empty if the specs are equal."""
    verdicts: tuple[Verdict, ...]
    """On each job but the first, beside the first."""


@record(frozen=True, slots=True, kw_only=True)
class RepeatedJob(Record):
    """One of the jobs: the first, or a repeat of it."""

    id: str
    seed: int
    status: JobStatus
    latest_epoch: int | None = None
    """From 0. None before the first."""
    best_accuracy: float | None = None
    """Of its best epoch."""
    url: str


@record(frozen=True, slots=True, kw_only=True)
class Repeats(Record):
    """A job under several seeds."""

    repeats: int
    """How many were asked for, with the first."""
    jobs: tuple[RepeatedJob, ...]
    """The first, and then by seed. One that was deleted is not there."""
    epochs: tuple[int, ...]
    """Epochs, from 0, that `max_points` has chosen."""
    spreads: Spreads
    """At `epochs`."""
