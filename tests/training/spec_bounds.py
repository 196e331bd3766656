"""Which values each field of a stored spec may have, as the JSON schema says it, and whether others are a narrowing.

    python -m tests.training.spec_bounds tests/training/golden/bounds/0.3.json

writes those of this release, once, when it is made.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from training.known.dataset_names import NAME, REFERENCE
from training.spec import ResolvedSpec

Bounds = dict[str, dict[str, Any]]  # by place, such as "optimizer/Sgd/momentum"

# Patterns that were replaced by one that takes all that they took: of a data set's name, which may have a version now,
# and of what to start from, which may be a trained model with an alias.
_WIDENED = {f"^{NAME}$": (f"^{REFERENCE}$", f"^{NAME}(@{NAME})?$")}

_LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems")
_UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems")


def current_bounds() -> Bounds:
    """Of every field of every part, nested ones too."""
    schema = ResolvedSpec.model_json_schema()
    return dict(_walk(schema, schema["$defs"], ""))


def narrowed(then: Bounds, now: Bounds) -> list[str]:
    """Places at which something was accepted then and is not now."""
    return [place for place, bounds in then.items() if place not in now or _is_narrower(bounds, now[place])]


def _walk(schema: Mapping[str, Any], parts: Mapping[str, Any], place: str) -> Iterator[tuple[str, dict[str, Any]]]:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        yield from _walk(parts[name], parts, f"{place}{name}/")
        return
    for branch in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        yield from _walk(branch, parts, place)
    for name, field in schema.get("properties", {}).items():
        yield from _walk(field, parts, f"{place}{name}/")
    for item in (*schema.get("prefixItems", ()), *([schema["items"]] if isinstance(schema.get("items"), dict) else ())):
        yield from _walk(item, parts, f"{place}item/")
    if ("type" in schema and schema["type"] != "object") or "enum" in schema or "const" in schema:
        kept = {key: value for key, value in schema.items() if key in (*_LOWER, *_UPPER, "pattern")}
        if values := schema.get("enum", [schema["const"]] if "const" in schema else []):
            kept["values"] = sorted(values)
        yield f"{place}{schema.get('type', 'value')}", kept


def _is_narrower(then: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    return (
        any(now[key] > then.get(key, float("-inf")) for key in _LOWER if key in now)
        or any(now[key] < then.get(key, float("inf")) for key in _UPPER if key in now)
        or (
            "pattern" in now and now["pattern"] not in (then.get("pattern"), *_WIDENED.get(then.get("pattern", ""), ()))
        )
        or ("values" in now and not set(then.get("values", ("anything",))) <= set(now["values"]))
    )


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(current_bounds(), indent=1, sort_keys=True) + "\n")
