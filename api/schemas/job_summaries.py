"""Jobs as rows of a table."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from api.schemas.base import Number, ResponseSchema, json_with_items, published_as
from api.schemas.comparison import Column
from jobs.failures import FailureCode
from jobs.waiting import QueueReason
from models import JobStatus, Request


class SummaryEpoch(ResponseSchema):
    """The last epoch that a job has trained."""

    epoch: int = Field(description="From 0.")
    train_loss: Number
    train_accuracy: Number
    test_loss: Number | None = Field(description="Null in epochs that are not evaluated.")
    test_accuracy: Number | None = Field(description="Null likewise.")
    learning_rate: Number
    images_per_second: Number


class SummaryBest(ResponseSchema):
    """A job's best epoch."""

    epoch: int = Field(description="From 0.")
    accuracy: Number = Field(description="A fraction in [0, 1], of the split that it was chosen on.")
    chosen_on: Literal["validation", "test"]


class JobSummary(ResponseSchema):
    """A job as a row of a table. `GET /v1/jobs/{job_id}` says more of each field."""

    id: str
    name: str | None
    tags: list[str]
    status: JobStatus
    requested: Request | None
    dataset: str = Field(description="`pets`; of an uploaded data set with its version: `pets@3`.")
    architecture: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    parent: str | None
    priority: int
    repeats: int
    epochs: int = Field(description="Epochs that the spec asks for.")
    epoch: int | None = Field(description="Of the last step that is done, from 0; null before the first.")
    percent: float = Field(ge=0, le=100)
    estimated_finish: datetime | None
    latest: SummaryEpoch | None
    best: SummaryBest | None
    device: str | None = Field(description="Of its last attempt: `cpu`, or such as `2 x NVIDIA H200`.")
    error_code: Annotated[str, published_as(FailureCode)] | None
    spec: dict[str, bool | int | Number | str] = Field(
        description="Every hyperparameter by its path, such as `optimizer.learning_rate`. Those that are null are left "
        "out.",
        examples=[{"epochs": 30, "optimizer.name": "sgd", "optimizer.learning_rate": 0.1}],
    )
    queue_code: QueueReason | None = Field(description="Why it is not running. Null unless it is queued.")


class JobCurves(ResponseSchema):
    """A job's curves as columns, with a value for each epoch of `epoch`."""

    job_id: str
    epoch: list[int] = Field(description="From 0, ascending.")
    train_loss: Column
    train_accuracy: Column
    test_loss: Column = Field(description="Null in epochs that are not evaluated.")
    test_accuracy: Column = Field(description="Null likewise.")


class CurveList(ResponseSchema):
    """The curves of several jobs."""

    data: list[JobCurves] = Field(description="In the order of the request, without jobs that are not there.")

    @staticmethod
    def json_of(curves: list[str]) -> str:
        """The answer of the JSON of each job's curves."""
        return json_with_items(CurveList(data=[]), "data", curves)
