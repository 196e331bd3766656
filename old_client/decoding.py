"""Decodes JSON into dataclasses, by their type hints."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from functools import cache
from types import NoneType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

Resource = TypeVar("Resource")


def decode(kind: type[Resource], value: object) -> Resource:
    """An instance of the dataclass `kind`. If `value` does not fit, raises ValueError, which names the field."""
    if not isinstance(value, Mapping):
        raise ValueError(f"{kind.__name__} should be an object, not {value!r}")
    decoded = {}
    for name, hint in _field_hints(kind).items():  # type: ignore[arg-type]  # mypy: a generic class is not hashable
        try:
            decoded[name] = _decode(hint, value.get(name))
        except (TypeError, ValueError) as error:
            raise ValueError(f"{kind.__name__}.{name}: {error}") from error
    return kind(**decoded)


@cache
def _field_hints(kind: Any) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind)}


def _decode(hint: Any, value: Any) -> Any:
    choices = get_args(hint)
    if NoneType in choices:
        return None if value is None else _decode(choices[0], value)
    if value is None:
        raise ValueError("missing")
    if isinstance(hint, type) and is_dataclass(hint):
        return decode(hint, value)
    if get_origin(hint) is tuple:
        return tuple(_decode(choices[0], item) for item in value)
    if hint is float:
        return float(value)  # also "NaN", "Infinity" and "-Infinity", which JSON cannot express as numbers
    if hint is datetime:
        return datetime.fromisoformat(value)
    return value
