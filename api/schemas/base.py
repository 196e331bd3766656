"""What every answer is made of."""

from collections.abc import Sequence
from typing import Annotated, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

Item = TypeVar("Item", bound="ResponseSchema")

# What JSON has no number for, as protobuf's JSON mapping writes it.
_NOT_FINITE = ["NaN", "Infinity", "-Infinity"]
Number = Annotated[
    float,
    WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string", "enum": _NOT_FINITE}]}, mode="serialization"),
]


class ResponseSchema(BaseModel):
    """A shape of an answer."""

    model_config = ConfigDict(frozen=True, from_attributes=True, ser_json_inf_nan="strings")


def json_with_items(value: ResponseSchema, field: str, items: Sequence[ResponseSchema]) -> str:
    """`value` as JSON, with `items` in its list `field`, which is empty in `value`.

    Each item is written by a call of its own. pydantic holds the interpreter's lock for as long as a call takes, and no
    other thread can do anything meanwhile: a page of 10,000 rows in one call would take 25 ms or more.
    """
    start = f'"{field}":['
    before, found, after = value.model_dump_json().partition(f"{start}]")
    assert found
    return f"{before}{start}{','.join(item.model_dump_json() for item in items)}]{after}"


class Page(ResponseSchema, Generic[Item]):
    """One page of a list."""

    data: list[Item]  # in a Sequence, pydantic would write NaN as null
    has_more: bool = Field(description="Whether another page follows now.")
    next: str | None = Field(
        description="Address of the next page, null behind the last. Of metrics, steps and events never null: poll it "
        "for more."
    )

    def to_json(self) -> str:
        """The same as `model_dump_json`, by `json_with_items`."""
        return json_with_items(self.model_copy(update={"data": []}), "data", self.data)
