"""The base class of all parts of a spec, and how its fields and errors are made."""

from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationError
from pydantic.fields import ComputedFieldInfo, FieldInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError, core_schema

Conflict = tuple[tuple[str | int, ...], object, str]  # path within the part, value, what would be right

KIND = "Which kind this is; the other fields depend on it."


def _title(name: str, _field: FieldInfo | ComputedFieldInfo | None = None) -> str:
    return name.replace("_", " ").capitalize()


def _for_forms(schema: JsonSchemaValue) -> None:
    """Add to a JSON schema what a form needs and pydantic leaves out: titles beside references, descriptions without
    line breaks, and that `name` is required where a part has several kinds."""
    properties = schema.get("properties", {})
    for name, field in properties.items():
        field.setdefault("title", _title(name))
    if "name" in properties:
        schema["required"] = ["name", *(name for name in schema.get("required", ()) if name != "name")]
    if "description" in schema:
        schema["description"] = " ".join(schema["description"].split())


class Part(BaseModel):
    """Frozen and strict: a misspelt field, a number in quotes, NaN or an infinity is refused.

    A field's bounds belong to its type, and hold for what was stored, too. Which fields go together is judged where a
    spec is submitted, and there alone: by `conflicts`, never by a validator of the part.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        field_title_generator=_title,
        json_schema_extra=_for_forms,
    )

    def conflicts(self) -> Iterator[Conflict]:
        """Where fields of this part do not go together, whatever the rest of the spec says. Paths begin here."""
        yield from ()


def conflicts_within(part: Part) -> Iterator[Conflict]:
    """Those of `part` and of every part in it. Paths begin at `part`."""
    yield from part.conflicts()
    for field in type(part).model_fields:
        inner = getattr(part, field)
        if isinstance(inner, Part):
            for path, value, reason in conflicts_within(inner):
                yield (field, *path), value, reason


class ByName:
    """Marks a union told apart by `name`: a plain string stands for the part with that name and its defaults."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def expand(value: object) -> object:
            return {"name": value} if isinstance(value, str) else value

        return core_schema.no_info_before_validator_function(expand, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        parts = handler(schema)
        if handler.mode == "serialization":
            return parts
        kinds = parts["discriminator"]["mapping"].items()
        short = [name for name, kind in kinds if _needs(handler.resolve_ref_schema({"$ref": kind})) <= {"name"}]
        names = {"type": "string", "enum": sorted(short)}
        return {"anyOf": [parts, {**names, "description": 'Short for {"name": …} with every default.'}]}


def _needs(schema: JsonSchemaValue) -> set[str]:
    return set(schema.get("required", ()))


def quantity(default: Any = ..., *, unit: str, **rest: Any) -> Any:
    """A field whose JSON schema names its unit, for forms."""
    return Field(default, json_schema_extra={"unit": unit}, **rest)


def at_most(most: int, smallest: int, instead: str) -> str:
    """The advice for a value that is too large: at most `most`; `instead`, where that is below the field's
    `smallest`."""
    return f"at most {most}" if most >= smallest else instead


def refusals(conflicts: Iterable[Conflict]) -> ValidationError:
    """One validation error for all of `conflicts`, their paths relative to the model whose validator raises it."""
    details = [
        InitErrorDetails(
            type=PydanticCustomError("conflict", "{reason}", {"reason": reason}),
            loc=path,
            input=value,
        )
        for path, value, reason in conflicts
    ]
    return ValidationError.from_exception_data("spec", details)
