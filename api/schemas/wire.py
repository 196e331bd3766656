"""What every answer is made of."""

from typing import Annotated, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

Item = TypeVar("Item")

# What JSON has no number for, as protobuf's JSON mapping writes it.
_NOT_FINITE = ["NaN", "Infinity", "-Infinity"]
Number = Annotated[
    float,
    WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string", "enum": _NOT_FINITE}]}, mode="serialization"),
]


class Wire(BaseModel):
    """A shape of an answer."""

    model_config = ConfigDict(frozen=True, from_attributes=True, ser_json_inf_nan="strings")


class Page(Wire, Generic[Item]):
    """One page of a list."""

    data: list[Item]  # in a Sequence, pydantic would write NaN as null
    has_more: bool = Field(description="Whether another page follows now.")
    next: str | None = Field(
        description="Address of the next page, null behind the last. Of metrics, steps and events never null: poll it "
        "for more."
    )
