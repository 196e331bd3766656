"""Changes of a spec that is there already."""

from collections.abc import Mapping
from typing import Any


def merge_patch(target: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """Apply a JSON merge patch (RFC 7396), with one exception: if the patch changes the `name` of an object, the other
    fields of the old object are dropped. They belong to another optimizer, schedule or network."""
    name = patch.get("name")
    merged = {} if isinstance(name, str) and target.get("name", name) != name else dict(target)
    for field, value in patch.items():
        if value is None:
            merged.pop(field, None)
        elif isinstance(value, Mapping):
            ours = merged.get(field)
            merged[field] = merge_patch(ours if isinstance(ours, Mapping) else {}, value)
        else:
            merged[field] = value
    return merged
