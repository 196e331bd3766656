"""A job under several seeds, and what a comparison says of such jobs."""

from typing import Literal

from pydantic import Field

from api.schemas.base import Number, ResponseSchema
from models import JobStatus
from training.significance import CONFIDENCE, VERDICT_CONFIDENCE

PERCENT, VERDICT_PERCENT = round(100 * CONFIDENCE), round(100 * VERDICT_CONFIDENCE)


class RepeatedJob(ResponseSchema):
    """One of the jobs: the first, or a repeat of it."""

    id: str
    seed: int
    status: JobStatus
    latest_epoch: int | None = Field(description="From 0. Null before the first.")
    best_accuracy: Number | None = Field(description="Of its best epoch.")
    url: str


class Spread(ResponseSchema):
    """A column over the jobs, at each of `epochs`. Null where no job has measured it; `deviation`, `low` and `high`
    also where a single one has."""

    count: list[int] = Field(description="Jobs that have measured it.")
    mean: list[Number | None]
    deviation: list[Number | None] = Field(description="The sample standard deviation.")
    low: list[Number | None] = Field(description=f"The {PERCENT} % interval of the mean, by Student's t: from here")
    high: list[Number | None] = Field(description="to here.")


class Spreads(ResponseSchema):
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


class Repeats(ResponseSchema):
    """A job under several seeds."""

    repeats: int = Field(description="How many were asked for, with the first.")
    jobs: list[RepeatedJob] = Field(description="The first, and then by seed. One that was deleted is not there.")
    epochs: list[int] = Field(description="Epochs, from 0, that `max_points` has chosen.")
    spreads: Spreads = Field(description="At `epochs`.")


class Verdict(ResponseSchema):
    """Whether the test accuracies of two jobs at the ends of their runs differ by more than their seeds make."""

    baseline: str = Field(description="The id of the first job.")
    job: str = Field(description="The id of the job that is compared with it.")
    verdict: Literal["different", "no_difference", "one_run", "no_result"] = Field(
        description=f"`different`: the {VERDICT_PERCENT} % interval of the difference leaves out 0. `one_run`: one of "
        "the two has a single run that has succeeded, so that nothing is known of its seeds. `no_result`: one of them "
        "has none yet."
    )
    sentence: str = Field(description="The same in words.")
    paired: bool = Field(description="Runs are compared seed by seed, because they share seeds.")
    runs: list[int] = Field(description="How many runs of the baseline and of the job were compared.")
    difference: float | None = Field(description="The job's mean minus the baseline's; a fraction.")
    low: float | None = Field(description=f"The {VERDICT_PERCENT} % interval of the difference: from here")
    high: float | None = Field(description="to here.")
    smallest_difference: float | None = Field(
        description="A difference that so many runs would have shown, nine times of ten."
    )
    repeats_needed: int | None = Field(
        description="How many repeats of each job show the measured difference nine times of ten, if it is real. Null: "
        "more than 20, or nothing can be said."
    )
    repeats_for: dict[str, int | None] = Field(
        description="The same for differences of half a point, of one and of two.",
        examples=[{"0.005": None, "0.01": 12, "0.02": 5}],
    )
