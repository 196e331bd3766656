"""Random bodies of a spec, drawn from its own JSON schema."""

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from training.spec import TrainingSpec

SCHEMA = TrainingSpec.model_json_schema()
DEFINITIONS: Mapping[str, Any] = SCHEMA["$defs"]
MOST_FIELDS = 8  # of one part, at once: whoever says everything at random says hardly ever what fits together

GARBAGE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**25), 10**25),
    st.floats(),
    st.text(max_size=8),
    st.lists(st.integers(0, 3), max_size=3),
    st.dictionaries(st.text(max_size=8), st.integers(0, 3), max_size=2),
)


def resolved(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """What `schema` refers to, or itself."""
    return DEFINITIONS[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema


def bodies() -> st.SearchStrategy[dict[str, Any]]:
    """A body whose every field is within its own bounds."""
    return _object(SCHEMA).map(lambda body: {**body, "dataset": "digits"})


def broken_bodies() -> st.SearchStrategy[dict[str, Any]]:
    """The same with one place that need not be."""
    return bodies().flatmap(_damaged)


def values_of(field: str) -> st.SearchStrategy[Any]:
    """What `field` of the spec may say."""
    return _values(SCHEMA["properties"][field])


def _values(schema: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    schema = resolved(schema)
    choices = schema.get("anyOf") or schema.get("oneOf")
    if choices:
        return st.sampled_from(choices).flatmap(_values)
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    match schema["type"]:
        case "null":
            return st.none()
        case "boolean":
            return st.booleans()
        case "string":
            return st.from_regex(schema["pattern"].replace("$", r"\Z"), fullmatch=True)
        case "integer":
            small = st.integers(schema["minimum"], min(schema["minimum"] + 40, _end(schema)))
            return small | st.integers(schema["minimum"], _end(schema))
        case "number":
            return _numbers(schema)
        case "array" if "prefixItems" in schema:
            return st.tuples(*map(_values, schema["prefixItems"])).map(list)
        case "array":
            return st.lists(_values(schema["items"]), min_size=schema["minItems"], max_size=3, unique=True).map(sorted)
        case "object":
            return _object(schema)
    raise AssertionError(schema)


def _end(schema: Mapping[str, Any]) -> int:
    end: int = schema["maximum"] if "maximum" in schema else schema["exclusiveMaximum"] - 1
    return end


def _numbers(schema: Mapping[str, Any]) -> st.SearchStrategy[float]:
    """Not denormal ones, whose product with anything is 0."""
    return st.floats(
        schema.get("minimum", schema.get("exclusiveMinimum")),
        schema.get("maximum", schema.get("exclusiveMaximum")),
        exclude_min="exclusiveMinimum" in schema,
        exclude_max="exclusiveMaximum" in schema,
        allow_subnormal=False,
    )


@st.composite
def _object(draw: st.DrawFn, schema: Mapping[str, Any]) -> dict[str, Any]:
    properties, required = schema["properties"], schema.get("required", [])
    optional = [name for name in properties if name not in required]
    count = draw(st.integers(0, min(MOST_FIELDS, len(optional))))
    chosen = draw(st.permutations(optional))[:count]
    return {name: draw(_values(properties[name])) for name in [*required, *chosen]}


@st.composite
def _damaged(draw: st.DrawFn, body: dict[str, Any]) -> dict[str, Any]:
    """`body` with garbage in one place, at any depth, or with a field that there is not."""
    name = draw(st.sampled_from([*body, "no_such_field"]))
    part = body.get(name)
    if isinstance(part, dict) and part and draw(st.booleans()):
        return {**body, name: draw(_damaged(part))}
    return {**body, name: draw(GARBAGE)}
