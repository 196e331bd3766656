"""Turns pydantic's errors into errors for the client: a pointer into its body, and what is expected there.

Pydantic locates an error in the schema: `('body', 'spec', 'optimizer', 'adamw', 'momentum')`. Here `adamw` is the
chosen member of a union, and no element of the client's body. Such elements are removed to get the pointer.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict
from pydantic_core import ErrorDetails

from api.http.validation_messages import error_message
from training.known.datasets import KNOWN_DATASETS
from training.names import did_you_mean, quoted

PathElement = str | int

# Errors that are explained; the rest are only counted. A body may have thousands.
MAX_ERRORS = 50


class RequestBody(BaseModel):
    """The base of request schemas: unknown fields are errors, and values are not coerced to a field's type."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    @classmethod
    def suggest_field(cls, path: Sequence[PathElement], value: object) -> str | None:
        """What to write instead of the unknown field at `path`, which has `value`; None without a suggestion."""
        return None


@dataclass(frozen=True, slots=True)
class BodyLocation:
    """A location in the body, and the schema there."""

    path: tuple[PathElement, ...]
    owner: type[BaseModel] | None  # the schema whose field the last element of `path` is, or should be
    owner_label: str
    label: str
    parts: Sequence[type[BaseModel]]  # the schemas that may stand there: several for a union

    @property
    def pointer(self) -> str:
        """A JSON pointer (RFC 6901), as a URI fragment."""
        tokens = (str(element).replace("~", "~0").replace("/", "~1") for element in self.path)
        return "#" + "".join("/" + quote(token, safe="~", errors="replace") for token in tokens)

    def at(self, name: str) -> "BodyLocation":
        """The field `name` of the object at this location."""
        return BodyLocation((*self.path, name), None, self.label, name, ())


def body_errors(body: type[BaseModel], sent: object, errors: Sequence[ErrorDetails]) -> list[dict[str, str]]:
    """Pydantic's errors on `sent`, validated as a `body`: `{"pointer", "detail"}` for the first MAX_ERRORS."""
    explained = []
    for error in errors[:MAX_ERRORS]:
        place, detail = _explain(error, body, sent)
        explained.append({"pointer": place.pointer, "detail": detail})
    return explained


def parameter_errors(errors: Sequence[ErrorDetails]) -> list[dict[str, str]]:
    """Pydantic's errors on the query as `{"parameter", "detail"}`."""
    return [{"parameter": ".".join(map(str, error["loc"][1:2])), "detail": error_message(error)} for error in errors]


def header_errors(errors: Sequence[ErrorDetails]) -> list[dict[str, str]]:
    """Pydantic's errors on the headers as `{"header", "detail"}`."""
    return [{"header": str(error["loc"][1]), "detail": error_message(error)} for error in errors]


def unknown_name_message(owner: str, noun: str, name: str, known: Collection[str]) -> str:
    """A message that `owner` has no such field or parameter, with those that it has and the most similar one."""
    if not known:
        return f"{owner} has no {noun} {quoted(name)}; it has none"
    return f"{owner} has no {noun} {quoted(name)}; it has {', '.join(sorted(known))}{did_you_mean(name, known)}"


def _locate(body: type[BaseModel], location: Sequence[PathElement]) -> BodyLocation:
    """Follow pydantic's `location` through the schema, leaving out the chosen members of unions."""
    place = BodyLocation((), None, "", "the body", [body])
    for element in location:
        place = _step(place, element)
    return place


def _step(place: BodyLocation, element: PathElement) -> BodyLocation:
    kinds = [part for part in place.parts if element in _names(part)] if len(place.parts) > 1 else []
    if kinds:
        return replace(place, parts=kinds, label=str(element))
    path = (*place.path, element)
    if isinstance(element, int):
        return replace(place, path=path)
    owner = place.parts[0] if len(place.parts) == 1 else None
    field = owner.model_fields.get(element) if owner else None
    parts = list(nested_schemas(field.annotation)) if field else []
    return BodyLocation(path, owner, place.label, element, parts)


def _names(part: type[BaseModel]) -> tuple[str, ...]:
    """The values of the discriminator `name` that select this member of a union."""
    return get_args(part.model_fields["name"].annotation) if "name" in part.model_fields else ()


def _explain(error: ErrorDetails, body: type[BaseModel], sent: object) -> tuple[BodyLocation, str]:
    path = error["loc"][1:]
    # The path of a conflict names fields alone. In pydantic's own paths, the chosen member follows each union.
    place = BodyLocation(path, None, "", "", ()) if error["type"] == "conflict" else _locate(body, path)
    kinds = sorted(name for part in place.parts for name in _names(part)) if len(place.parts) > 1 else []
    match error["type"]:
        case "extra_forbidden" if place.owner is not None:
            name = str(place.path[-1])
            elsewhere = body.suggest_field(place.path, error["input"]) if issubclass(body, RequestBody) else None
            if elsewhere:
                return place, f"{place.owner_label} has no field {quoted(name)}: {elsewhere}"
            return place, unknown_name_message(place.owner_label, "field", name, place.owner.model_fields)
        case "missing" if not place.path:
            return place, "should be a JSON object"
        case "missing":
            element = place.path[-1]
            needed = f"element {element}" if isinstance(element, int) else repr(element)
            return place, f"missing: {place.owner_label} needs {needed}"
        case "union_tag_invalid":
            tag = error["ctx"]["tag"]
            named = place if isinstance(_value_at(sent, place.path), str) else place.at("name")
            there_are = ", ".join(kinds)
            return named, f"there is no {place.label} {quoted(tag)}; there is {there_are}{did_you_mean(tag, kinds)}"
        case "union_tag_not_found":
            return place.at("name"), f"missing: {place.label} needs a name, one of {', '.join(kinds)}"
        case "model_attributes_type" | "model_type" | "dict_type":
            return place, f"should be a JSON object{', or one of the names ' + ', '.join(kinds) if kinds else ''}"
        case "too_long" | "too_short":
            told = error["ctx"]
            bound = f"at most {told['max_length']}" if "max_length" in told else f"at least {told['min_length']}"
            return place, f"should have {bound} in it, not {told['actual_length']}"
        case "string_pattern_mismatch" if place.path[-1:] == ("dataset",):
            rule = "letters, digits, dots, underscores and hyphens, 64 at most, and a letter or digit first"
            if "@" in error["input"]:
                return place, f"{quoted(error['input'])} names no version: write pets@3, with a number from 1"
            return place, f"{quoted(error['input'])} is no name: {rule}{did_you_mean(error['input'], KNOWN_DATASETS)}"
        case _:
            return place, error_message(error)


def nested_schemas(annotation: object) -> Iterator[type[BaseModel]]:
    """Every schema within this type annotation."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from nested_schemas(argument)


def _value_at(sent: Any, path: Sequence[PathElement]) -> object:
    for element in path:
        sent = sent[element]
    return sent
