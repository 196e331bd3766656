"""The base of every response schema, and the page of a list."""

from collections.abc import Iterable
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, WithJsonSchema

Item = TypeVar("Item", bound="ResponseSchema")

# JSON has no such numbers: they are written as strings, as in protobuf's JSON mapping.
_NOT_FINITE = ["NaN", "Infinity", "-Infinity"]
Number = Annotated[
    float,
    WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string", "enum": _NOT_FINITE}]}, mode="serialization"),
]


def published_as(literal: Any) -> WithJsonSchema:
    """For a `str` that the database holds: the contract publishes the values of `literal`, and any other text is
    answered as it is stored. During an upgrade, a later release may have stored a value that this one does not know;
    validation would refuse it, and answer 500 for the whole list that it is in."""
    return WithJsonSchema(TypeAdapter(literal).json_schema())


class ResponseSchema(BaseModel):
    """The base of response schemas: frozen, and readable from objects of the database.

    A field that is added to a published answer has a default or may be null. The client's types are generated from the
    contract: a client that is newer than the service then still reads its answers.
    """

    model_config = ConfigDict(frozen=True, from_attributes=True, ser_json_inf_nan="strings")


def json_with_items(value: ResponseSchema, field: str, items: Iterable[str]) -> str:
    """`value` as JSON, with `items`, which are JSON already, in its list `field`, which is empty in `value`.

    For long lists: each item is serialised in a call of its own. Pydantic holds the interpreter's lock for the whole of
    a call, and blocks every other thread: 10,000 rows in one call take 20 ms or more.
    """
    start = f'"{field}":['
    before, found, after = value.model_dump_json().partition(f"{start}]")
    assert found
    return f"{before}{start}{','.join(items)}]{after}"


class Page(ResponseSchema, Generic[Item]):
    """One page of a list."""

    data: list[Item]  # not Sequence: pydantic would write NaN in it as null
    has_more: bool = Field(description="Whether there is another page now.")
    next: str | None = Field(
        description="URL of the next page; null on the last. For metrics, steps and events it is never null: poll it "
        "for new rows."
    )

    def to_json(self) -> str:
        """The same as `model_dump_json`, but written in short calls: see `json_with_items`."""
        rows = (row.model_dump_json() for row in self.data)
        return json_with_items(self.model_copy(update={"data": []}), "data", rows)
