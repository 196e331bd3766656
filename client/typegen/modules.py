"""The modules: classes of records and dictionaries, and an index, which imports the module of a name that is used."""

import sys
import textwrap
from keyword import iskeyword

from typegen.document import EXTENDS, Document, Schema, referred
from typegen.expressions import Expressions, Unions, python_name
from typegen.texts import described, docstring, field_text

HEADER = """\"\"\"{}

Written by `make sdk` from the OpenAPI document of the API: change the schemas there, not this file.
\"\"\"

"""
RECORD = "@record(frozen=True, slots=True, kw_only=True)\n"
# Names that a field would hide from those after it, or from the record.
TAKEN = {"bool", "datetime", "dict", "field", "float", "int", "str", "to_dict", "tuple", "unknown_fields"}
HOMES = {
    "Any": "typing",
    "Literal": "typing",
    "Mapping": "collections.abc",
    "Record": "epochal.records",
    "Sequence": "collections.abc",
    "TYPE_CHECKING": "typing",
    "TypeAlias": "typing",
    "TypedDict": "typing",
    "datetime": "datetime",
    "dict": "builtins",
    "field": "dataclasses",
    "record": "epochal.records",
}
INDEX = (
    HEADER.format("The types of the API, by name. A module is imported when one of its names is used.")
    + """
from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
{imports}
_NAMES = {{
{names}}}
_HOMES = {{name: home for home, names in _NAMES.items() for name in names.split()}}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {{__name__!r}} has no attribute {{name!r}}")
    return getattr(import_module(f"{{__name__}}.{{_HOMES[name]}}"), name)


def __dir__() -> list[str]:
    return sorted(_HOMES)
"""
)


def modules(document: Document) -> dict[str, str]:
    """The text of each module, by its name. It is not formatted."""
    unions = Unions(document)
    homes = {python_name(name): subject for name, subject in document.subjects.items()}
    homes |= {alias: document.subjects[name] for alias, (name, *_) in unions.aliases.items()}
    texts = {subject: _Module(document, unions, subject).text(homes) for subject in dict.fromkeys(homes.values())}
    return texts | {"__init__": _index(homes)}


class _Module:
    def __init__(self, document: Document, unions: Unions, subject: str) -> None:
        self._document, self._unions, self._subject = document, unions, subject
        self._expressions = Expressions(document, unions)
        self._dictionaries = {python_name(name) for name in document.dictionaries}

    def text(self, homes: dict[str, str]) -> str:
        """The module. `homes` says in which module each name is defined."""
        names = [name for name, subject in self._document.subjects.items() if subject == self._subject]
        body = "\n\n".join(map(self._definition, names))
        plain, unread = self._expressions.used, set[str]()
        if "Record" in plain:
            unread = {name for name in plain if name in self._dictionaries and homes[name] != self._subject}
            plain = plain - unread | ({"TYPE_CHECKING", "Any"} if unread else set())
        title = HEADER.format(f"Types of the API: {self._subject.replace('_', ' ')}.")
        imports = self._imports(plain, homes)
        if unread:
            imports += ["if TYPE_CHECKING:", *(f"    {line}" for line in self._imports(unread, homes) if line)]
            imports += [
                "else:  # dictionaries, which are read as they are",
                *(f"    {name} = dict[str, Any]" for name in sorted(unread)),
            ]
        return "\n".join([title, "from __future__ import annotations\n", *imports, "", "", body])

    def _imports(self, names: set[str], homes: dict[str, str]) -> list[str]:
        """Lines that import the names."""
        by_home: dict[str, list[str]] = {}
        for name in sorted(names):
            home = HOMES.get(name) or f"epochal.types.{homes[name]}"
            if home not in ("builtins", f"epochal.types.{self._subject}"):
                by_home.setdefault(home, []).append(name)
        lines = [f"from {home} import {', '.join(by_home[home])}" for home in sorted(by_home) if home != "datetime"]
        modules = ["import datetime"] if "datetime" in by_home else []
        ours = [line for line in lines if line.startswith("from epochal")]
        return [*modules, *(line for line in lines if line not in ours), "", *ours, ""]

    def _use(self, *names: str) -> None:
        self._expressions.used.update(names)

    def _definition(self, name: str) -> str:
        schema = self._document.schemas[name]
        if not schema.get("description"):
            sys.exit(f"typegen: describe the schema {name}")
        if "enum" in schema:
            alias = self._expressions.of(schema, in_record=True)
            self._use("TypeAlias")
            return f"{python_name(name)}: TypeAlias = {alias}\n{docstring(described(schema), 0)}"
        aliases = []
        for alias, (first, expression, uses) in self._unions.aliases.items():
            if first == name:
                aliases.append(f"{alias}: TypeAlias = {expression}\n")
                self._use("TypeAlias", *uses)
        define = self._dictionary if name in self._document.dictionaries else self._record
        return "\n".join([*aliases, define(name, schema)])

    def _dictionary(self, name: str, schema: Schema) -> str:
        """A TypedDict. Python 3.10 has no NotRequired: what is required stands in a base of its own."""
        fields = {
            field: f"    {field}: {self._expressions.of(each, in_record=False)}\n"
            + docstring(field_text(each, in_body=True))
            for field, each in schema["properties"].items()
        }
        required = schema.get("required", [])
        own = "".join(text for field, text in fields.items() if field not in required)
        always = "".join(fields[field] for field in fields if field in required)
        self._use("TypedDict")
        title, text = python_name(name), docstring(described(schema))
        if not own or not always:
            total = "" if always else ", total=False"
            return f"class {title}(TypedDict{total}):\n{text}\n{own or always}\n"
        base = f"class _{title}Required(TypedDict):\n{always}\n\n"
        return f"{base}class {title}(_{title}Required, total=False):\n{text}\n{own}\n"

    def _record(self, name: str, schema: Schema) -> str:
        base, inherited = "Record", dict[str, Schema]()
        if name in EXTENDS:
            base, inherited = python_name(EXTENDS[name]), self._document.schemas[EXTENDS[name]]["properties"]
            if inherited != {field: schema["properties"].get(field) for field in inherited}:
                sys.exit(f"typegen/document.py, EXTENDS: {name} is not a {base} and more")
        self._use("record", base)
        fields = [
            self._field(field, each, required=field in schema.get("required", ()))
            for field, each in schema["properties"].items()
            if field not in inherited
        ]
        return f"{RECORD}class {python_name(name)}({base}):\n{docstring(described(schema))}\n{''.join(fields)}\n"

    def _field(self, name: str, schema: Schema, *, required: bool) -> str:
        """A field. It has a default where an older service need not send it."""
        if name in TAKEN:
            sys.exit(f"typegen: a record cannot have a field {name!r}")
        hint = self._expressions.of(schema, in_record=True)
        default = ""
        if hint == "Any" or hint.endswith("| None"):
            default = "None"
        elif not required:
            default = self._default(schema)
        if schema.get("format") == "password":
            self._use("field")
            default = f"field({f'default={default}, ' if default else ''}repr=False)"
        text = docstring(field_text(schema, in_body=False))
        return f"    {name}{'_' if iskeyword(name) else ''}: {hint}{f' = {default}' if default else ''}\n{text}"

    def _default(self, schema: Schema) -> str:
        default = schema["default"]
        if default == []:
            return "()"
        if default == {}:
            self._use("field")
            return "field(default_factory=dict)"
        if "$ref" in schema:
            part = self._document.schemas[referred(schema)]["properties"]
            if default != {field: each.get("default") for field, each in part.items()}:
                sys.exit(f"typegen: a default that is not its schema's own: {schema}")
            self._use("field")
            return f"field(default_factory={python_name(referred(schema))})"
        return repr(default)


def _index(homes: dict[str, str]) -> str:
    by_module: dict[str, list[str]] = {}
    for name, home in sorted(homes.items()):
        by_module.setdefault(home, []).append(name)
    imports = "".join(
        f"    from epochal.types.{home} import {name} as {name}\n"
        for home in sorted(by_module)
        for name in by_module[home]
    )
    names = "".join(f'    "{home}": ({_texts(by_module[home])}),\n' for home in sorted(by_module))
    return INDEX.format(imports=imports, names=names)


def _texts(names: list[str]) -> str:
    """The names as one text, on lines of their own where it is long."""
    lines = textwrap.wrap(" ".join(names), 100)
    return "\n".join(f'"{line} "' for line in lines[:-1]) + f'"{lines[-1]}"'
