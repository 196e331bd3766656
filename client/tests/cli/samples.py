"""Objects of the API, made of the SDK's own types: every field that they must have, with a value that fits."""

from __future__ import annotations

import datetime
import types
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict

MOMENT = "2026-11-30T10:00:00.250000Z"


def sample(kind: Any, **given: Any) -> Any:
    """As JSON. `given` replaces fields; those that may be None are null."""
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        made = {
            field.name: None
            if field.default is None
            else field.default
            if field.default is not MISSING
            else sample(hints[field.name])
            for field in fields(kind)
            if field.name != "unknown_fields"
        }
        return {**made, **given}
    if is_typeddict(kind):
        hints = get_type_hints(kind)
        return {name: sample(hints[name]) for name in kind.__required_keys__} | given
    return _plain(kind)


def _plain(kind: Any) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Literal:
        return arguments[0]
    if origin in (Union, types.UnionType):
        return None if type(None) in arguments else sample(arguments[0])
    if origin is tuple or origin is list:
        return []
    if origin is not None:
        return {}
    return {
        str: "text",
        int: 1,
        float: 0.5,
        bool: True,
        datetime.datetime: MOMENT,
        datetime.date: "2026-11-30",
    }.get(kind)
