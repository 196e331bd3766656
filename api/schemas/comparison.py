"""Jobs side by side."""

from pydantic import Field, JsonValue

from api.schemas.base import Number, ResponseSchema, json_with_items
from api.schemas.jobs import BestEpoch
from models import JobStatus

Column = list[Number | None]


class Curves(ResponseSchema):
    """A number for each of the comparison's `epochs`, in their order; null where the job has no such epoch, or has not
    measured it there."""

    train_loss: Column
    train_accuracy: Column
    test_loss: Column
    test_accuracy: Column
    test_top5_accuracy: Column
    validation_loss: Column
    validation_accuracy: Column
    learning_rate: Column


class ComparedJob(ResponseSchema):
    """One of the jobs."""

    id: str
    name: str | None
    status: JobStatus
    best: BestEpoch | None = Field(description="The epoch with the highest accuracy, the earliest of several.")
    curves: Curves


class Difference(ResponseSchema):
    """A field in which the specs are not all the same."""

    pointer: str = Field(description="Into the spec, as RFC 6901 has it.", examples=["/optimizer/learning_rate"])
    values: dict[str, JsonValue] = Field(
        description="What each job's spec says there, by the job's id; a job whose spec has no such field is missing."
    )


class Comparison(ResponseSchema):
    """Jobs side by side, in the order in which they were asked for."""

    epochs: list[int] = Field(description="Ascending, from 0: those of any of the jobs.")
    jobs: list[ComparedJob]
    differences: list[Difference] = Field(description="Empty where the specs are all the same.")

    def to_json(self) -> str:
        """The same as `model_dump_json`, by `json_with_items`."""
        return json_with_items(self.model_copy(update={"jobs": []}), "jobs", self.jobs)
