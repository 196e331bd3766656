"""Docstrings from the schemas' descriptions."""

import re
import textwrap
from collections.abc import Mapping
from typing import Any

from typegen.document import Schema, choices

WIDTH = 120


def docstring(text: str, indent: int = 4) -> str:
    """A docstring, wrapped; nothing for no text."""
    if not text:
        return ""
    margin = " " * indent
    opening = 'r"""' if "\\" in text else '"""'
    # The closing quotes take three places on the last line, wherever that is.
    lines = textwrap.wrap(f"{opening}{text}", WIDTH - indent - 3, break_long_words=False, break_on_hyphens=False)
    return "\n".join(f"{margin}{line}" for line in lines) + '"""\n'


def described(schema: Schema) -> str:
    """The description, in Python's words."""
    return re.sub(r"\b[Nn]ull\b", "None", " ".join(schema.get("description", "").split()))


def field_text(schema: Schema, *, in_body: bool) -> str:
    """The description of a field, with its range and its unit; that of a body also with its form and its default."""
    ranges = [text for choice in choices(schema) for text in _ranges(choice)]
    parts = [described(schema), *dict.fromkeys(ranges)]
    if in_body and any(choice.get("format") == "date-time" for choice in choices(schema)):
        parts.append("Such as '2026-11-30T12:00:00Z'.")
    if unit := schema.get("unit"):
        parts.append(f"Unit: {unit}.")
    if in_body and "default" in schema:
        parts.append(f"Default: {_shown(schema['default'])}.")
    return " ".join(filter(None, parts))


def _ranges(schema: Schema) -> list[str]:
    bounds = [
        _between(schema, "minLength", "maxLength", " characters"),
        _between(schema, "minItems", "maxItems", " items") if "prefixItems" not in schema else "",
        _between(schema, "minProperties", "maxProperties", " entries"),
        _between(schema, "minimum", "maximum", "", "from "),
        _beyond(schema),
    ]
    return [f"{text[0].upper()}{text[1:]}." for text in bounds if text]


def _between(schema: Schema, low: str, high: str, unit: str, start: str = "") -> str:
    least, most = schema.get(low), schema.get(high)
    if least is not None and most is not None:
        return f"{start}{_shown(least)} to {_shown(most)}{unit}"
    if least is not None:
        return f"at least {_shown(least)}{unit if least > 1 else unit.rstrip('s')}"
    return f"at most {_shown(most)}{unit}" if most is not None else ""


def _beyond(schema: Schema) -> str:
    words = {"exclusiveMinimum": "greater than", "exclusiveMaximum": "less than"}
    return ", ".join(f"{word} {_shown(schema[key])}" for key, word in words.items() if key in schema)


def _shown(value: Any) -> str:
    """As Python writes it; whole numbers without a point, and a part of a spec by its name."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, Mapping) and "name" in value:
        return repr(value["name"])
    return repr(value)
