"""Request bodies: submit a job, rerun one with changes, change one."""

from collections.abc import Sequence
from typing import Any

from pydantic import ConfigDict, Field, JsonValue

from api.http.validation import PathElement, RequestBody
from api.schemas import field_suggestions
from api.schemas.fields import (
    ACCELERATOR_DESCRIPTION,
    MAX_RETRIES_DESCRIPTION,
    NAME_DESCRIPTION,
    PRIORITY_DESCRIPTION,
    REPEATS_DESCRIPTION,
    Accelerator,
    Description,
    Name,
    Priority,
    Repeats,
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

    name: Name | None = Field(default=None, description=NAME_DESCRIPTION)
    description: Description | None = Field(default=None, description="A text for people.")
    tags: Tags = Field(default=[], description="Labels for people, without duplicates.")
    priority: Priority = Field(default=DEFAULT_PRIORITY, description=PRIORITY_DESCRIPTION)
    max_retries: Retries = Field(default=DEFAULT_MAX_RETRIES, description=MAX_RETRIES_DESCRIPTION)
    accelerator: Accelerator | None = Field(default=None, description=ACCELERATOR_DESCRIPTION)
    repeats: Repeats = Field(default=1, description=REPEATS_DESCRIPTION)
    spec: TrainingSpec

    @classmethod
    def suggest_field(cls, path: Sequence[PathElement], value: object) -> str | None:
        """See RequestBody."""
        return field_suggestions.suggest_for_submission(cls, path)


SMALLER_STEPS: dict[str, Any] = {"name": "smaller steps", "spec": {"optimizer": {"learning_rate": 0.05}, "seed": 1}}


class JobRerun(RequestBody):
    """The changes for the new job: a JSON merge patch (RFC 7396) over the fields of the old one and its resolved spec.
    A field that is left out stays as it was, null resets it to the default, and an array replaces an array."""

    model_config = ConfigDict(json_schema_extra={"examples": [SMALLER_STEPS, {"priority": 9}, {}]})

    name: Name | None = Field(default=None, description=NAME_DESCRIPTION)
    description: Description | None = Field(default=None, description="A text for people.")
    tags: Tags | None = Field(default=None, description="Labels for people, without duplicates.")
    priority: Priority | None = Field(default=None, description=PRIORITY_DESCRIPTION)
    max_retries: Retries | None = Field(default=None, description=MAX_RETRIES_DESCRIPTION)
    accelerator: Accelerator | None = Field(default=None, description=ACCELERATOR_DESCRIPTION)
    repeats: Repeats | None = Field(default=None, description=REPEATS_DESCRIPTION)
    spec: dict[str, JsonValue] = Field(
        default={},
        description="Fields of a spec. A part whose `name` changes starts from its own defaults. The old spec already "
        "has its recipe filled in, so that no recipe can be named here.",
    )

    @classmethod
    def suggest_field(cls, path: Sequence[PathElement], value: object) -> str | None:
        """See RequestBody."""
        return field_suggestions.suggest_for_submission(JobCreate, path)


class RepeatsChange(RequestBody):
    """How often the job is to be repeated."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"repeats": 5}]})

    repeats: Repeats = Field(description="With the job itself, and no fewer than it has.")


class JobChange(RequestBody):
    """The changes to a job: a JSON merge patch (RFC 7396). A field that is left out stays as it is, and null resets it
    to the default."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "baseline", "tags": ["report"]}, {"priority": 9}]},
    )

    name: Name | None = Field(default=None, description=NAME_DESCRIPTION)
    description: Description | None = Field(default=None, description="A text for people.")
    tags: Tags | None = Field(default=None, description="Labels for people, without duplicates.")
    priority: Priority | None = Field(
        default=None, description=f"{PRIORITY_DESCRIPTION} It has an effect only while the job waits."
    )

    @classmethod
    def suggest_field(cls, path: Sequence[PathElement], value: object) -> str | None:
        """See RequestBody."""
        return field_suggestions.suggest_for_change(JobCreate, cls, path, value)

    def values(self) -> dict[str, Any]:
        """The fields that are given, with null replaced by the default."""
        defaults: dict[str, Any] = {"tags": [], "priority": DEFAULT_PRIORITY}
        given = self.model_dump(exclude_unset=True)
        return {field: defaults.get(field) if value is None else value for field, value in given.items()}
