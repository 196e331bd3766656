"""What a client sends: a job to submit."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

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


def _unique(tags: list[str]) -> list[str]:
    for tag in tags:
        if tags.count(tag) > 1:
            raise PydanticCustomError("repeated", "{tag} is there more than once", {"tag": repr(tag)})
    return tags


_ONE_LINE = {"pattern": f"^[^{NOT_ONE_LINE}]*$"}
Name = Annotated[str, Field(min_length=1, max_length=200, json_schema_extra=_ONE_LINE), AfterValidator(_one_line)]
Tag = Annotated[str, Field(min_length=1, max_length=64, json_schema_extra=_ONE_LINE), AfterValidator(_one_line)]
Tags = Annotated[
    list[Tag],
    Field(max_length=20, json_schema_extra={"uniqueItems": True}),
    AfterValidator(_unique),
]

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
    tags: Tags = Field(default=[], description="For people; each once.")
    spec: TrainingSpec
