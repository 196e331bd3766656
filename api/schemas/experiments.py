"""Experiments: questions that several jobs answer together."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, JsonValue

from api.http.validation import RequestBody
from api.schemas.base import Number, ResponseSchema
from api.schemas.fields import (
    ACCELERATOR_DESCRIPTION,
    PRIORITY_DESCRIPTION,
    Accelerator,
    Priority,
    Tags,
)
from models import DEFAULT_PRIORITY, JobStatus
from sweeps.experiments.claims import Outcome
from training.known.dataset_names import REFERENCE

SizeName = Literal["small", "full"]


class ExperimentRun(RequestBody):
    """How an experiment is run."""

    model_config = ConfigDict(json_schema_extra={"examples": [{}, {"size": "full", "accelerator": "gpu"}]})

    size: SizeName = Field(
        default="small",
        description="`small`: a few minutes on two cores. `full`: for a GPU and as many images as CIFAR-100 has.",
    )
    dataset: Annotated[str, Field(pattern=f"^{REFERENCE}$")] | None = Field(
        default=None,
        description="What to train on. Null: `digits` for `small`, `cifar100` for `full`, which the numbers of epochs "
        "and images are made for.",
    )
    tags: Tags = Field(default=[], description="Labels of all of its jobs, without duplicates.")
    priority: Priority = Field(default=DEFAULT_PRIORITY, description=PRIORITY_DESCRIPTION)
    accelerator: Accelerator | None = Field(default=None, description=ACCELERATOR_DESCRIPTION)


class ExperimentTrial(ResponseSchema):
    """A job that an experiment would make."""

    label: str
    group: str | None = Field(description="Trials of one group are drawn in one chart.")
    values: dict[str, JsonValue] = Field(description="What it has of its own, by path into the spec.")


class ExperimentPreset(ResponseSchema):
    """The jobs of an experiment at one size."""

    dataset: str = Field(description="By default.")
    spec: dict[str, JsonValue] = Field(description="What the jobs have in common.")
    trials: list[ExperimentTrial]
    expectations: list[str] = Field(description="What the textbook says will come out.")


class Experiment(ResponseSchema):
    """A question, and the jobs that answer it."""

    name: str
    title: str
    question: str
    expectation: str = Field(description="What the textbook says, and why.")
    sizes: dict[SizeName, ExperimentPreset]
    url: str


class ExperimentList(ResponseSchema):
    """Every experiment that there is."""

    data: list[Experiment]


class AnsweredTrial(ResponseSchema):
    """What a trial has come to."""

    label: str
    group: str | None
    job_id: str
    status: JobStatus | None = Field(description="Null: the job was deleted.")
    epochs: int = Field(description="Trained so far.")
    planned_epochs: int = Field(description="What its spec asks for.")
    train_loss: Number | None = Field(description="Mean cross-entropy in nats.")
    train_accuracy: Number | None = Field(description="A fraction in [0, 1], as the test accuracy.")
    test_loss: Number | None
    test_accuracy: Number | None = Field(
        description="Of the last epoch that was evaluated; with early stopping, of the epoch that it keeps."
    )
    test_accuracy_interval: tuple[float, float] | None = Field(
        description="Of 95 %, by the number of test images (Wilson)."
    )
    seconds_per_epoch: float | None = Field(description="The median.")


class AnsweredExpectation(ResponseSchema):
    """What became of something that the textbook expects."""

    expectation: str
    outcome: Outcome = Field(
        description="`confirmed`, or `contradicted`: it came out the other way round; `undecided`: the difference is "
        "within what chance alone may make; `missing`: a trial has no final numbers."
    )
    explanation: str


class AnswerLinks(ResponseSchema):
    """URLs of an answer."""

    sweep: str
    picture: str = Field(description="An SVG.")
    picture_png: str
    markdown: str
    html: str


class Answer(ResponseSchema):
    """The answer to the question of an experiment, computed from what its jobs have measured."""

    sweep_id: str
    experiment: str
    title: str
    question: str
    expectation: str
    complete: bool = Field(description="Whether the job of each trial has ended.")
    summary: str
    ranking: str = Field(description="Which trial is best on the test split, and which cannot be told apart from it.")
    findings: list[AnsweredExpectation]
    notes: list[str] = Field(description="How far this can be trusted.")
    trials: list[AnsweredTrial]
    created_at: datetime
    links: AnswerLinks
