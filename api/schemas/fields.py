"""Fields that several schemas have."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

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
