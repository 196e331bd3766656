"""Fields that several schemas share."""

import re
from typing import Annotated, TypeVar

from pydantic import AfterValidator, Field, JsonValue
from pydantic_core import PydanticCustomError

from training.significance import MOST_REPEATS

Item = TypeVar("Item")

CONTROL_CHARACTERS = "\\u0000-\\u001F\\u007F-\\u009F\\u2028\\u2029"  # control characters and line separators


def _one_line(text: str) -> str:
    """Refuse line breaks and other control characters; PostgreSQL cannot store NUL."""
    if found := re.search(f"[{CONTROL_CHARACTERS}]", text):
        raise PydanticCustomError(
            "not_one_line",
            "should be one line of text: the character at {position} is U+{code}",
            {"position": found.start(), "code": f"{ord(found[0]):04X}"},
        )
    return text


def storable(text: str) -> str:
    """Refuse NUL, which PostgreSQL cannot store."""
    if "\0" in text:
        raise PydanticCustomError("nul", "should be text without NUL")
    return text


def _each_once(values: list[Item]) -> list[Item]:
    seen: set[Item] = set()
    for value in values:
        if value in seen:
            raise PydanticCustomError("repeated", "{value} is there more than once", {"value": repr(value)})
        seen.add(value)
    return values


# For a list without duplicates. NO_DUPLICATES comes after the bounds on its length, so that it only sees short lists.
NO_DUPLICATES = AfterValidator(_each_once)
UNIQUE_ITEMS: dict[str, JsonValue] = {"uniqueItems": True}

_ONE_LINE = {"pattern": f"^[^{CONTROL_CHARACTERS}]*$"}
Name = Annotated[str, Field(min_length=1, max_length=200, json_schema_extra=_ONE_LINE), AfterValidator(_one_line)]
Description = Annotated[
    str,
    Field(min_length=1, max_length=10_000, json_schema_extra={"pattern": "^[^\\u0000]*$"}),
    AfterValidator(storable),
]
Tag = Annotated[str, Field(min_length=1, max_length=64, json_schema_extra=_ONE_LINE), AfterValidator(_one_line)]
Tags = Annotated[list[Tag], Field(max_length=20, json_schema_extra=UNIQUE_ITEMS), NO_DUPLICATES]

Priority = Annotated[int, Field(ge=0, le=9)]
Retries = Annotated[int, Field(ge=0, le=100)]
Repeats = Annotated[int, Field(ge=1, le=MOST_REPEATS)]
Accelerator = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9 .-]+$")]

NAME_DESCRIPTION = "A label for people. It need not be unique."
PRIORITY_DESCRIPTION = "A job with a higher priority runs first."
REPEATS_DESCRIPTION = (
    "How many jobs train the spec, each under a seed of its own: `seed`, `seed` + 1 and so on. The job stands for all "
    "of them: what it is asked to do, they do. Their means, deviations and intervals are under `links.repeats`."
)
MAX_RETRIES_DESCRIPTION = (
    "How many attempts in a row may be lost without progress before the job fails. An attempt is lost to a dead "
    "worker, a stall or a full disk."
)
ACCELERATOR_DESCRIPTION = (
    "`cpu`, `gpu`, or part of an accelerator's name in GET /v1/workers, such as `H100`. Null: any device."
)
