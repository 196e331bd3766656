"""What is wrong with a request, where it is, and what would be right.

Pydantic says where in terms of the schema: `('body', 'spec', 'optimizer', 'adamw', 'momentum')`, in which `adamw` is
the choice that a union made and nothing that the client sent there. A client wants a pointer into its own body.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict
from pydantic_core import ErrorDetails

from api.http.validation_messages import sentence
from training.known.datasets import KNOWN_DATASETS
from training.names import did_you_mean, quoted

Element = str | int

# What is wrong with a body is told in full up to here: a mebibyte holds a hundred thousand misspelt fields.
MOST_ERRORS = 50


class RequestBody(BaseModel):
    """What a client may send: these fields and no others, each of exactly its type."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    @classmethod
    def where_belongs(cls, path: Sequence[Element], value: object) -> str | None:
        """What to write in place of the unknown field at `path`, which has `value`. None where nobody knows."""
        return None


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the body."""

    path: tuple[Element, ...]
    owner: type[BaseModel] | None  # what the last element of `path` is, or should be, a field of
    owner_label: str
    label: str
    parts: Sequence[type[BaseModel]]  # what may stand there: several where it comes in several kinds

    @property
    def pointer(self) -> str:
        """RFC 6901, as a URI fragment."""
        tokens = (str(element).replace("~", "~0").replace("/", "~1") for element in self.path)
        return "#" + "".join("/" + quote(token, safe="~", errors="replace") for token in tokens)

    def at(self, name: str) -> "Place":
        """The field `name` of what stands here."""
        return Place((*self.path, name), None, self.label, name, ())


def body_errors(body: type[BaseModel], sent: object, errors: Sequence[ErrorDetails]) -> list[dict[str, str]]:
    """Pydantic's errors on what was sent as a `body`, as `{"pointer", "detail"}`: the first MOST_ERRORS of them."""
    explained = []
    for error in errors[:MOST_ERRORS]:
        place, detail = _explain(error, body, sent)
        explained.append({"pointer": place.pointer, "detail": detail})
    return explained


def parameter_errors(errors: Sequence[ErrorDetails]) -> list[dict[str, str]]:
    """Pydantic's errors on the query as `{"parameter", "detail"}`."""
    return [{"parameter": ".".join(map(str, error["loc"][1:2])), "detail": sentence(error)} for error in errors]


def header_errors(errors: Sequence[ErrorDetails]) -> list[dict[str, str]]:
    """Pydantic's errors on the headers as `{"header", "detail"}`."""
    return [{"header": str(error["loc"][1]), "detail": sentence(error)} for error in errors]


def unknown_name(owner: str, noun: str, name: str, known: Collection[str]) -> str:
    """That `owner` has no such field or parameter, what it has, and which of them may have been meant."""
    if not known:
        return f"{owner} has no {noun} {quoted(name)}; it has none"
    return f"{owner} has no {noun} {quoted(name)}; it has {', '.join(sorted(known))}{did_you_mean(name, known)}"


def _locate(body: type[BaseModel], location: Sequence[Element]) -> Place:
    """Follow `location` through the schema, leaving out which kind of a part was chosen."""
    place = Place((), None, "", "the body", [body])
    for element in location:
        place = _step(place, element)
    return place


def _step(place: Place, element: Element) -> Place:
    kinds = [part for part in place.parts if element in _names(part)] if len(place.parts) > 1 else []
    if kinds:
        return replace(place, parts=kinds, label=str(element))
    path = (*place.path, element)
    if isinstance(element, int):
        return replace(place, path=path)
    owner = place.parts[0] if len(place.parts) == 1 else None
    field = owner.model_fields.get(element) if owner else None
    parts = list(parts_of(field.annotation)) if field else []
    return Place(path, owner, place.label, element, parts)


def _names(part: type[BaseModel]) -> tuple[str, ...]:
    """The names that choose this part where it is one of several kinds."""
    return get_args(part.model_fields["name"].annotation) if "name" in part.model_fields else ()


def _explain(error: ErrorDetails, body: type[BaseModel], sent: object) -> tuple[Place, str]:
    path = error["loc"][1:]
    # A conflict's path is the field's; in pydantic's own, the name of a kind stands behind each part of several.
    place = Place(path, None, "", "", ()) if error["type"] == "conflict" else _locate(body, path)
    kinds = sorted(name for part in place.parts for name in _names(part)) if len(place.parts) > 1 else []
    match error["type"]:
        case "extra_forbidden" if place.owner is not None:
            name = str(place.path[-1])
            elsewhere = body.where_belongs(place.path, error["input"]) if issubclass(body, RequestBody) else None
            if elsewhere:
                return place, f"{place.owner_label} has no field {quoted(name)}: {elsewhere}"
            return place, unknown_name(place.owner_label, "field", name, place.owner.model_fields)
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
            return place, f"{quoted(error['input'])} is no name: {rule}{did_you_mean(error['input'], KNOWN_DATASETS)}"
        case _:
            return place, sentence(error)


def parts_of(annotation: object) -> Iterator[type[BaseModel]]:
    """Every part that may stand in a field of this type."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from parts_of(argument)


def _value_at(sent: Any, path: Sequence[Element]) -> object:
    for element in path:
        sent = sent[element]
    return sent
