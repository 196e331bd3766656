"""What varies in a sweep: values by path into a spec, and the specs that they make.

A path is dotted: `optimizer.learning_rate`. A value may be a whole part: `optimizer` may be `{"name": "adamw"}`.
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from itertools import product
from math import prod
from typing import Any

PATH = r"^[a-z][a-z0-9_]{0,63}(\.[a-z][a-z0-9_]{0,63}){0,7}$"


def grid_size(space: Mapping[str, Sequence[Any]]) -> int:
    """How many combinations `grid` makes."""
    return prod(len(values) for values in space.values())


def grid(space: Mapping[str, Sequence[Any]]) -> list[dict[str, int]]:
    """Every combination, as indices into the lists of `space`, by path. The last path varies fastest."""
    indices = product(*(range(len(values)) for values in space.values()))
    return [dict(zip(space, each, strict=True)) for each in indices]


def spec_with(spec: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """`spec` with these values. A whole part is set before fields of it, in whichever order they are given.

    Where the spec has a part by its name alone (`"optimizer": "sgd"`), its fields can be set all the same; where it
    has no such part, an object begins.
    """
    changed = deepcopy(dict(spec))
    for path in sorted(values, key=lambda path: path.count(".")):
        *parents, field = path.split(".")
        part = changed
        for parent in parents:
            inner = part.get(parent)
            part[parent] = inner if isinstance(inner, dict) else {"name": inner} if isinstance(inner, str) else {}
            part = part[parent]
        part[field] = deepcopy(values[path])
    return changed
