"""Type expressions of schemas."""

import sys
from collections.abc import Iterable

from typegen.document import Document, Schema, choices, references, referred

SIMPLE = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}
TIMES = {"date-time": "datetime.datetime", "date": "datetime.date"}
NOT_FINITE = ["NaN", "Infinity", "-Infinity"]  # texts in place of numbers


def python_name(name: str) -> str:
    """The class of a schema. pydantic has two of one that answers have otherwise than bodies: `-Output`, `-Input`."""
    return name.removesuffix("-Output").replace("-", "")


class Expressions:
    """Writes types of one module, and notes which names it has used. In a dictionary, values are JSON: a time is
    text, and any sequence will do for a list."""

    def __init__(self, document: Document, unions: "Unions") -> None:
        self._document, self._unions = document, unions
        self.used: set[str] = set()

    def of(self, schema: Schema, *, in_record: bool) -> str:
        """The type of a value of `schema`."""
        words: list[object] = []
        types: dict[str, None] = {}
        for choice in choices(schema):
            if "enum" in choice or "const" in choice:
                values = choice.get("enum", [choice.get("const")])
                words += values if values != NOT_FINITE else []
            else:
                types[self._one(choice, in_record=in_record)] = None
        if words and "str" not in types:
            names = self._unions.names(words)
            self._use(names or "Literal")
            types = {names or literal(words): None} | types
        if "None" in types:
            types["None"] = types.pop("None")
        return " | ".join(types)

    def _one(self, schema: Schema, *, in_record: bool) -> str:
        if "$ref" in schema:
            return self._named(referred(schema))
        if "oneOf" in schema:
            return self._use(self._unions.union(schema))
        kind = schema.get("type")
        if kind == "array":
            return self._array(schema, in_record=in_record)
        if kind == "object":
            values = [schema.get("additionalProperties", {}), *schema.get("patternProperties", {}).values()]
            value = self.of(values[-1], in_record=in_record) if isinstance(values[-1], dict) else self._use("Any")
            return f"{self._use('dict' if in_record else 'Mapping')}[str, {value}]"
        if kind is None:
            return self._use("Any")
        if in_record and schema.get("format") in TIMES:
            self._use("datetime")
            return TIMES[schema["format"]]
        return SIMPLE[kind]

    def _array(self, schema: Schema, *, in_record: bool) -> str:
        if "prefixItems" in schema and in_record:
            return f"tuple[{', '.join(self.of(each, in_record=True) for each in schema['prefixItems'])}]"
        kinds = {self.of(each, in_record=in_record) for each in schema.get("prefixItems", [schema.get("items", {})])}
        if len(kinds) > 1:
            sys.exit(f"typegen: a list of several types in a body: {schema}")
        return f"tuple[{kinds.pop()}, ...]" if in_record else f"{self._use('Sequence')}[{kinds.pop()}]"

    def _named(self, name: str) -> str:
        return self._use(python_name(name) if self._document.schemas[name] else "Any")

    def _use(self, name: str) -> str:
        self.used.add(name)
        return name


class Unions:
    """The unions of which a value's `name` says which one it is, and those names: `OptimizerSpec` and `OptimizerName`
    for the field `optimizer`. `aliases` has, by alias, the first schema that needs it, what it stands for, and the
    names that this uses."""

    def __init__(self, document: Document) -> None:
        self.aliases: dict[str, tuple[str, str, list[str]]] = {}
        self._by_parts: dict[tuple[str, ...], str] = {}
        self._by_names: dict[tuple[str, ...], str] = {}
        for name in document.subjects:
            for field, schema in document.schemas[name].get("properties", {}).items():
                for choice in choices(schema):
                    if "oneOf" in choice and _parts(choice) not in self._by_parts:
                        self._add(choice, name, field.title().replace("_", ""))
        if records := {part for parts in self._by_parts for part in parts} - document.dictionaries:
            sys.exit(f"typegen: epochal.decoding cannot tell records of a union apart: {sorted(records)}")

    def _add(self, union: Schema, schema: str, title: str) -> None:
        names = sorted(union["discriminator"]["mapping"])
        self._by_parts[_parts(union)], self._by_names[tuple(names)] = f"{title}Spec", f"{title}Name"
        parts = [python_name(part) for part in _parts(union)]
        self.aliases[f"{title}Name"] = schema, literal(names), ["Literal"]
        self.aliases[f"{title}Spec"] = schema, " | ".join(parts), parts

    def union(self, schema: Schema) -> str:
        """The name of a union."""
        return self._by_parts[_parts(schema)]

    def names(self, words: Iterable[object]) -> str | None:
        """The alias for the names of the parts of a union, if `words` are those."""
        return self._by_names.get(tuple(sorted(map(str, words))))


def _parts(union: Schema) -> tuple[str, ...]:
    parts: Iterable[Schema] = union["oneOf"]
    return tuple(name for part in parts for name in references(part))


def literal(words: Iterable[object]) -> str:
    """The type of these words."""
    return f"Literal[{', '.join(map(repr, dict.fromkeys(words)))}]"
