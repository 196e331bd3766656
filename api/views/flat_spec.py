"""A spec as names with values, for programs that know no nested fields."""

import json
from collections.abc import Iterator, Mapping
from typing import Any


def flat(fields: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, bool | int | float | str]]:
    """`optimizer.learning_rate` and so on. What is null is left out."""
    for name, value in fields.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{name}.")
        elif isinstance(value, bool | int | float | str):
            yield prefix + name, value
        elif value is not None:
            yield prefix + name, json.dumps(value)
