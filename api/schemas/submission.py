"""What a client sends: a job to submit, or what is to be different when one is submitted again."""

from collections.abc import Sequence
from typing import Any

from pydantic import ConfigDict, Field, JsonValue

from api.http.validation import Element, RequestBody
from api.schemas import field_suggestions
from api.schemas.fields import (
    HIGHER_FIRST,
    KIND_OF_DEVICE,
    LOST_ATTEMPTS,
    Accelerator,
    Description,
    Name,
    Priority,
    Retries,
    Tags,
)
from models import DEFAULT_MAX_RETRIES, DEFAULT_PRIORITY
from training.spec import TrainingSpec

FIRST_JOB: dict[str, Any] = {
    "name": "first",
    "tags": ["lab"],
    "spec": {
        "dataset": "digits",
        "architecture": "resnet20",
        "epochs": 5,
        "batch_size": 128,
        "optimizer": {
            "name": "sgd",
            "learning_rate": 0.1,
            "momentum": 0.9,
            "nesterov": True,
            "weight_decay": 0.0005,
        },
        "schedule": {"name": "cosine", "warmup_epochs": 1},
        "augmentation": {"crop": {"padding": 4}, "flip": True},
        "seed": 0,
    },
}


class JobCreate(RequestBody):
    """A training job to submit."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [FIRST_JOB, {"spec": {"dataset": "digits"}}]},
    )

    name: Name | None = Field(default=None, description="For people; need not be unique.")
    description: Description | None = Field(default=None, description="For people.")
    tags: Tags = Field(default=[], description="For people; each once.")
    priority: Priority = Field(default=DEFAULT_PRIORITY, description=HIGHER_FIRST)
    max_retries: Retries = Field(default=DEFAULT_MAX_RETRIES, description=LOST_ATTEMPTS)
    accelerator: Accelerator | None = Field(default=None, description=KIND_OF_DEVICE)
    spec: TrainingSpec

    @classmethod
    def where_belongs(cls, path: Sequence[Element], value: object) -> str | None:
        """See RequestBody."""
        return field_suggestions.in_a_submission(cls, path)


SMALLER_STEPS: dict[str, Any] = {"name": "smaller steps", "spec": {"optimizer": {"learning_rate": 0.05}, "seed": 1}}


class JobRerun(RequestBody):
    """What is to be different in the new job: a JSON merge patch (RFC 7396) over what the old one was submitted with,
    its spec as it was resolved. What is not here stays, null is the default, and an array replaces an array."""

    model_config = ConfigDict(json_schema_extra={"examples": [SMALLER_STEPS, {"priority": 9}, {}]})

    name: Name | None = Field(default=None, description="For people; need not be unique.")
    description: Description | None = Field(default=None, description="For people.")
    tags: Tags | None = Field(default=None, description="For people; each once.")
    priority: Priority | None = Field(default=None, description=HIGHER_FIRST)
    max_retries: Retries | None = Field(default=None, description=LOST_ATTEMPTS)
    accelerator: Accelerator | None = Field(default=None, description=KIND_OF_DEVICE)
    spec: dict[str, JsonValue] = Field(
        default={},
        description="Fields of a spec. A part whose `name` changes begins with its own defaults. The recipe is filled "
        "in already, so that another one cannot be named here.",
    )

    @classmethod
    def where_belongs(cls, path: Sequence[Element], value: object) -> str | None:
        """See RequestBody."""
        return field_suggestions.in_a_submission(JobCreate, path)


class JobChange(RequestBody):
    """What is to be different about a job: a JSON merge patch (RFC 7396). What is not here stays, null is the
    default."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "baseline", "tags": ["report"]}, {"priority": 9}]},
    )

    name: Name | None = Field(default=None, description="For people; need not be unique.")
    description: Description | None = Field(default=None, description="For people.")
    tags: Tags | None = Field(default=None, description="For people; each once.")
    priority: Priority | None = Field(default=None, description=f"{HIGHER_FIRST} Of a job that waits; of any, a label.")

    @classmethod
    def where_belongs(cls, path: Sequence[Element], value: object) -> str | None:
        """See RequestBody."""
        return field_suggestions.in_a_change(JobCreate, cls, path, value)

    def values(self) -> dict[str, Any]:
        """What is given, null filled in."""
        defaults: dict[str, Any] = {"tags": [], "priority": DEFAULT_PRIORITY}
        given = self.model_dump(exclude_unset=True)
        return {field: defaults.get(field) if value is None else value for field, value in given.items()}
