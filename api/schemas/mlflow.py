"""Runs of an MLflow server."""

from pydantic import Field

from api.schemas.base import ResponseSchema


class MlflowRun(ResponseSchema):
    """A job, as the operator's MLflow server has it."""

    experiment: str = Field(description="Its name: `epochal/` and the project's.")
    run_id: str
    is_new: bool = Field(description="Whether this request has made the run.")
    epochs_sent: int = Field(description="How many epochs the run did not have yet.")
