"""Sweeps: several jobs whose specs differ in what is asked."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, JsonValue

from api.http.validation import RequestBody
from api.schemas.base import Number, ResponseSchema
from api.schemas.fields import (
    ACCELERATOR_DESCRIPTION,
    MAX_RETRIES_DESCRIPTION,
    NAME_DESCRIPTION,
    PRIORITY_DESCRIPTION,
    Accelerator,
    Name,
    Priority,
    Retries,
    Tags,
)
from api.schemas.jobs import JobError
from models import DEFAULT_MAX_RETRIES, DEFAULT_PRIORITY, JobStatus
from sweeps.making import MOST_JOBS
from sweeps.space import PATH
from sweeps.status import SweepStatus

Path = Annotated[str, Field(pattern=PATH)]
Values = Annotated[list[JsonValue], Field(min_length=1, max_length=MOST_JOBS)]

FIRST_SWEEP: dict[str, Any] = {
    "name": "learning rates",
    "spec": {"dataset": "digits", "architecture": "resnet20", "epochs": 5, "optimizer": "sgd"},
    "space": {"optimizer.learning_rate": [0.1, 0.01], "batch_size": [64, 128]},
}
OPTIMIZERS: dict[str, Any] = {
    "spec": {"dataset": "digits", "architecture": "resnet20", "epochs": 5},
    "space": {"optimizer": ["adamw", {"name": "sgd", "learning_rate": 0.05}]},
}


class SweepCreate(RequestBody):
    """A sweep to submit."""

    model_config = ConfigDict(json_schema_extra={"examples": [FIRST_SWEEP, OPTIMIZERS]})

    name: Name | None = Field(default=None, description=NAME_DESCRIPTION)
    tags: Tags = Field(default=[], description="Labels of all of its jobs, without duplicates.")
    priority: Priority = Field(default=DEFAULT_PRIORITY, description=PRIORITY_DESCRIPTION)
    max_retries: Retries = Field(default=DEFAULT_MAX_RETRIES, description=MAX_RETRIES_DESCRIPTION)
    accelerator: Accelerator | None = Field(default=None, description=ACCELERATOR_DESCRIPTION)
    spec: dict[str, JsonValue] = Field(
        description="What all jobs have in common: fields of a spec, as `POST /v1/jobs` takes them."
    )
    space: dict[Path, Values] = Field(
        min_length=1,
        max_length=20,
        description="What varies: for each path into the spec, such as `optimizer.learning_rate`, a list of values. A "
        "value may be a whole part. There is a job for every combination, the last path varying fastest; "
        f"{MOST_JOBS} at most.",
    )


class SweepProgress(ResponseSchema):
    """How far a sweep is."""

    jobs_over: int = Field(description="Jobs that have ended, or were deleted.")
    jobs: int = Field(description="Its trials, and the jobs that repeat one under another seed.")
    percent: float = Field(description="Of all epochs of the jobs that are there, 0 to 100.")


class SweepLinks(ResponseSchema):
    """URLs of a sweep."""

    self: str
    cancel: str
    jobs: str = Field(description="The jobs of its trials, as GET /v1/jobs lists them.")
    answer: str | None = Field(description="Of an experiment: the answer to its question.")


class SweepSummary(ResponseSchema):
    """A sweep, without its trials."""

    id: str
    name: str | None
    experiment: str | None = Field(description="Whose question it answers; null: a sweep of your own.")
    status: SweepStatus = Field(
        description="It follows from its jobs. Once all have ended: `succeeded` if at least one has succeeded, "
        "otherwise `failed`, `stopped` or `cancelled`, the first of these that one of them is; `deleted`: all of them "
        "were deleted."
    )
    jobs: dict[str, int] = Field(
        description="How many jobs there are of each status, with those that repeat a trial under another seed; "
        "`deleted`: trials that are gone."
    )
    progress: SweepProgress
    created_at: datetime
    links: SweepLinks


class TrialMetrics(ResponseSchema):
    """What a trial's job measured in one epoch."""

    epoch: int = Field(description="From 0.")
    train_loss: Number = Field(description="Mean cross-entropy in nats.")
    train_accuracy: Number = Field(description="A fraction in [0, 1], as the other accuracies.")
    test_loss: Number | None
    test_accuracy: Number | None
    validation_loss: Number | None
    validation_accuracy: Number | None


class Trial(ResponseSchema):
    """One job of a sweep."""

    number: int = Field(description="From 1, in the order of the sweep.")
    values: dict[str, JsonValue] = Field(description="What it has of the space, by path.")
    label: str | None = Field(description="What the answer of an experiment calls it; null in a sweep of your own.")
    job_id: str
    status: JobStatus | None = Field(description="Null: the job was deleted.")
    latest: TrialMetrics | None = Field(description="Of the last epoch trained.")
    best: TrialMetrics | None = Field(description="Of the epoch with the highest accuracy.")
    error: JobError | None = Field(description="Null unless the job has failed.")
    url: str | None = Field(description="The job. Null: it was deleted.")


class Sweep(SweepSummary):
    """Several jobs that answer one question."""

    spec: dict[str, JsonValue] = Field(description="What all jobs have in common, as it was submitted.")
    space: dict[str, list[JsonValue]] = Field(description="What varies, by path into the spec.")
    trials: list[Trial]


TrialOrder = Literal["number", "best_accuracy", "test_accuracy", "test_loss", "train_loss"]
