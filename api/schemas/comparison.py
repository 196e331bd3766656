"""Jobs side by side."""

from pydantic import Field, JsonValue

from api.schemas.base import Number, ResponseSchema, json_with_items
from api.schemas.jobs import BestEpoch
from api.schemas.repeats import Spreads, Verdict
from models import JobStatus

Column = list[Number | None]


class Curves(ResponseSchema):
    """One value for each of the comparison's `epochs`, in the same order. Null if the job lacks that epoch, or did not
    measure the value in it."""

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
    best: BestEpoch | None = Field(description="The epoch with the highest accuracy; of equal ones the earliest.")
    repeats: int = Field(description="Jobs of its spec that there are, with itself.")
    curves: Curves = Field(description="Of the job itself.")
    spreads: Spreads | None = Field(description="Over the job and its repeats, at `epochs`; null where it has none.")


class Difference(ResponseSchema):
    """A field in which the specs differ."""

    pointer: str = Field(description="A JSON pointer (RFC 6901) into the spec.", examples=["/optimizer/learning_rate"])
    values: dict[str, JsonValue] = Field(
        description="The field's value in each job's spec, by the job's id. A job without the field is left out."
    )


class Comparison(ResponseSchema):
    """Jobs side by side, in the order of the request."""

    epochs: list[int] = Field(description="The epochs that any of the jobs has, ascending, from 0.")
    jobs: list[ComparedJob]
    differences: list[Difference] = Field(description="Empty if the specs are equal.")
    verdicts: list[Verdict] = Field(description="On each job but the first, beside the first.")

    def to_json(self) -> str:
        """The same as `model_dump_json`, but written in short calls: see `json_with_items`."""
        jobs = (job.model_dump_json() for job in self.jobs)
        return json_with_items(self.model_copy(update={"jobs": []}), "jobs", jobs)
