"""Files that say what to train: JSON, YAML and TOML; and YAML as a form of output.

YAML is read by the core schema of YAML 1.2. By that of 1.1, which PyYAML follows, `1e-3` would be a string, `no` would
be false and `1:30` would be 90. A name that comes twice in a mapping is an error in all three.
"""

from __future__ import annotations

import json
import re
from importlib import import_module
from pathlib import Path

from epochal.cli.failures import CommandError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# By tag: which plain scalars have it, and with which characters those begin.
_CORE_SCHEMA = (
    ("bool", "true|True|TRUE|false|False|FALSE", [*"tTfF"]),
    ("int", "[-+]?[0-9]+", [*"-+0123456789"]),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", [*"-+.0123456789"]),
    ("null", "~|null|Null|NULL|", [*"~nN", ""]),
)
_MOST_BYTES = 1 << 20  # a spec has a few hundred


def read_document(path: str) -> dict[str, Any]:
    """The mapping in a file; `-` is the standard input, which is JSON or YAML. Raises CommandError."""
    if path == "-":
        from epochal.cli.output import read_standard_input

        text = read_standard_input()
    else:
        text = _text_of(path)
    where = name_of(path)
    suffix = Path(path).suffix.lower()
    parse = {".json": _json, ".toml": _toml, ".yaml": _yaml, ".yml": _yaml}.get(suffix, _json_or_yaml)
    try:
        content = parse(text)
    except ValueError as error:
        raise CommandError(f"{where}: {error}") from error
    except RecursionError:
        raise CommandError(f"{where}: nested too deeply") from None
    if not isinstance(content, dict):
        raise CommandError(f"{where}: a mapping is expected, such as {{dataset: digits}}")
    return content


def name_of(path: str) -> str:
    """How an error names the file."""
    return "the standard input" if path == "-" else path


def parse_json(text: str) -> Any:
    """Raises ValueError, also for what only Python takes for JSON: NaN, and a name that comes twice."""
    return json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse_constant)


def to_yaml(value: Any, *, ascii_only: bool) -> str:
    """One document, that YAML 1.1 and 1.2 read alike."""
    yaml = _library()
    return str(yaml.safe_dump(value, allow_unicode=not ascii_only, sort_keys=False, width=100_000))


def _text_of(path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        raise CommandError(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    if len(content) > _MOST_BYTES:
        raise CommandError(f"{path}: more than {_MOST_BYTES // 1024} KiB cannot be a spec")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CommandError(f"{path}: not UTF-8 text") from error


def _json(text: str) -> Any:
    try:
        return parse_json(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"line {error.lineno}, column {error.colno}: not JSON: {error.msg}") from error


def _json_or_yaml(text: str) -> Any:
    return _json(text) if text.lstrip().startswith("{") else _yaml(text)


def _toml(text: str) -> Any:
    try:
        import tomllib
    except ImportError:
        raise ValueError("TOML needs Python 3.11 or newer; write it as JSON or YAML") from None
    return tomllib.loads(text)


def _yaml(text: str) -> Any:
    yaml = _library()
    try:
        return yaml.load(text, Loader=_loader(yaml))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise ValueError(f"{where}not YAML: {getattr(error, 'problem', None) or type(error).__name__}") from error


def _library() -> Any:
    try:
        return import_module("yaml")
    except ImportError:
        raise CommandError("YAML needs the package PyYAML", "pip install pyyaml; or write it as JSON.") from None


def _loader(yaml: Any) -> Any:
    """Of YAML 1.2's core schema, that refuses a name that comes twice."""

    class Loader(yaml.SafeLoader):  # type: ignore[misc]  # it is imported only where it is needed
        yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  # as in PyYAML

        def construct_mapping(self, node: Any, deep: bool = False) -> Any:  # noqa: FBT001, FBT002  # PyYAML's own
            names = [self.construct_object(name, deep=True) for name, _ in node.value]
            for place, name in enumerate(names):
                if not isinstance(name, str):
                    raise ValueError(f"line {node.start_mark.line + 1}: {name!r} is no name of a field")
                if name in names[:place]:
                    raise ValueError(f"line {node.start_mark.line + 1}: {name!r} comes twice")
            return super().construct_mapping(node, deep=deep)

    for tag, pattern, first in _CORE_SCHEMA:
        Loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(f"^(?:{pattern})$"), first)
    Loader.add_constructor("tag:yaml.org,2002:int", lambda loader, node: int(loader.construct_scalar(node)))
    Loader.add_constructor("tag:yaml.org,2002:float", lambda loader, node: float(loader.construct_scalar(node)))
    return Loader


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(name for place, (name, _) in enumerate(pairs) if name in [other for other, _ in pairs[:place]])
        raise ValueError(f"{twice!r} comes twice")
    return found


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
