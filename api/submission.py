"""What a client sends: a job to submit, or what is to be different when one is submitted again."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue
from pydantic_core import PydanticCustomError

from models import MAX_RETRIES, PRIORITY
from training.spec import TrainingSpec

NOT_ONE_LINE = "\\u0000-\\u001F\\u007F-\\u009F\\u2028\\u2029"  # control characters and line separators


def _one_line(text: str) -> str:
    """No line break, and no NUL, which PostgreSQL stores in no text."""
    if found := re.search(f"[{NOT_ONE_LINE}]", text):
        raise PydanticCustomError(
            "not_one_line",
            "should be one line of text: the character at {position} is U+{code}",
            {"position": found.start(), "code": f"{ord(found[0]):04X}"},
        )
    return text


def storable(text: str) -> str:
    """Without NUL, which PostgreSQL stores in no text."""
    if "\0" in text:
        raise PydanticCustomError("nul", "should be text without NUL")
    return text


def _unique(tags: list[str]) -> list[str]:
    for tag in tags:
        if tags.count(tag) > 1:
            raise PydanticCustomError("repeated", "{tag} is there more than once", {"tag": repr(tag)})
    return tags


_ONE_LINE = {"pattern": f"^[^{NOT_ONE_LINE}]*$"}
Name = Annotated[str, Field(min_length=1, max_length=200, json_schema_extra=_ONE_LINE), AfterValidator(_one_line)]
Description = Annotated[
    str,
    Field(min_length=1, max_length=10_000, json_schema_extra={"pattern": "^[^\\u0000]*$"}),
    AfterValidator(storable),
]
Tag = Annotated[str, Field(min_length=1, max_length=64, json_schema_extra=_ONE_LINE), AfterValidator(_one_line)]
Tags = Annotated[
    list[Tag],
    Field(max_length=20, json_schema_extra={"uniqueItems": True}),
    AfterValidator(_unique),
]

Priority = Annotated[int, Field(ge=0, le=9)]
Retries = Annotated[int, Field(ge=0, le=100)]
Accelerator = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9 .-]+$")]

HIGHER_FIRST = "Higher goes first."
LOST_ATTEMPTS = (
    "Attempts that may be lost in a row without progress, to a dead worker, a stall or a full disk, before the job "
    "fails."
)
KIND_OF_DEVICE = (
    "`cpu`, `gpu`, or part of an accelerator's name as GET /v1/workers shows it, such as `H100`; null: any."
)

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


class JobCreate(BaseModel):
    """A training job to submit."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        json_schema_extra={"examples": [FIRST_JOB, {"spec": {"dataset": "digits"}}]},
    )

    name: Name | None = Field(default=None, description="For people; need not be unique.")
    description: Description | None = Field(default=None, description="For people.")
    tags: Tags = Field(default=[], description="For people; each once.")
    priority: Priority = Field(default=PRIORITY, description=HIGHER_FIRST)
    max_retries: Retries = Field(default=MAX_RETRIES, description=LOST_ATTEMPTS)
    accelerator: Accelerator | None = Field(default=None, description=KIND_OF_DEVICE)
    spec: TrainingSpec


SMALLER_STEPS: dict[str, Any] = {"name": "smaller steps", "spec": {"optimizer": {"learning_rate": 0.05}, "seed": 1}}


class JobRerun(BaseModel):
    """What is to be different in the new job: a JSON merge patch (RFC 7396) over what the old one was submitted with,
    its spec as it was resolved. What is not here stays, null is the default, and an array replaces an array."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, json_schema_extra={"examples": [SMALLER_STEPS, {"priority": 9}, {}]}
    )

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


class JobChange(BaseModel):
    """What is to be different about a job: a JSON merge patch (RFC 7396). What is not here stays, null is the
    default."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        json_schema_extra={"examples": [{"name": "baseline", "tags": ["report"]}, {"priority": 9}]},
    )

    name: Name | None = Field(default=None, description="For people; need not be unique.")
    description: Description | None = Field(default=None, description="For people.")
    tags: Tags | None = Field(default=None, description="For people; each once.")
    priority: Priority | None = Field(default=None, description=f"{HIGHER_FIRST} Of a job that waits; of any, a label.")

    def values(self) -> dict[str, Any]:
        """What is given, null filled in."""
        defaults: dict[str, Any] = {"tags": [], "priority": PRIORITY}
        given = self.model_dump(exclude_unset=True)
        return {field: defaults.get(field) if value is None else value for field, value in given.items()}
