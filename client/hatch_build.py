"""Puts the service's own check of data sets into the client's distribution.

In the repository, `epochal` imports a part of `training`, the service's own code. A distribution has no `training`:
what it needs of it stands in `epochal._service_check` there, and every import says so. Nothing else is changed.
"""

from __future__ import annotations

import ast
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PACKAGE, SERVICE, COPY = "epochal", "training", "epochal._service_check"


class CustomBuildHook(BuildHookInterface):  # type: ignore[type-arg]  # of one builder; this one is of all
    """See `hatchling`'s documentation of build hooks."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Before anything is built: name the files that are made."""
        client = Path(self.root)
        if version == "editable" or (client / PACKAGE / "_service_check").is_dir():
            return  # a source distribution has them already
        self._made = tempfile.TemporaryDirectory()
        for target, text in rewritten(client, client.parent).items():
            made = Path(self._made.name, target)
            made.parent.mkdir(parents=True, exist_ok=True)
            made.write_text(text, "utf-8")
            build_data["force_include"][str(made)] = target

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """After everything is built."""
        if hasattr(self, "_made"):
            self._made.cleanup()


def rewritten(client: Path, repository: Path) -> dict[str, str]:
    """The modules of `epochal` that import the service's, and those of the service that are imported, by their places
    in the distribution."""
    sources = {
        path.relative_to(client).as_posix(): path.read_text("utf-8") for path in client.glob(f"{PACKAGE}/**/*.py")
    }
    own = {target: text for target, text in sources.items() if any(imported(text, target))}
    waiting = [name for target, text in own.items() for name in imported(text, target)]
    found: dict[str, str] = {}
    while waiting:
        name = waiting.pop()
        if name in found or (path := module_file(repository, name)) is None:
            continue  # what is imported from a module need be no module
        found[name] = path.read_text("utf-8")
        waiting += [name.rpartition(".")[0]] if "." in name else []  # it is imported first
        waiting += imported(found[name], name)
        own[service_target(path.relative_to(repository))] = found[name]
    return {target: with_own_imports(text, target) for target, text in own.items()}


def imported(text: str, where: str) -> Iterator[str]:
    """The names of the service's modules that a module imports, and of what it imports from them."""
    for node in import_nodes(text, where):
        yield node.module or ""
        yield from (f"{node.module}.{name.name}" for name in node.names)


def import_nodes(text: str, where: str) -> Iterator[ast.ImportFrom]:
    """The statements that import from the service. Raises ValueError for a form that is not rewritten here."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import) and any(name.name.partition(".")[0] == SERVICE for name in node.names):
            raise ValueError(f"{where}:{node.lineno}: write `from {SERVICE}… import …`")
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == SERVICE:
            yield node


def with_own_imports(text: str, where: str) -> str:
    """The module with imports from the copy."""
    lines = text.splitlines(keepends=True)
    for node in import_nodes(text, where):
        begin, front = f"from {SERVICE}", lines[node.lineno - 1][: node.col_offset]
        line = lines[node.lineno - 1][node.col_offset :]
        if front.strip() or not line.startswith(begin):
            raise ValueError(f"{where}:{node.lineno}: write `{begin}… import …` in a line of its own")
        lines[node.lineno - 1] = f"{front}from {COPY}{line.removeprefix(begin)}"
    return "".join(lines)


def module_file(repository: Path, name: str) -> Path | None:
    """Where a module is; None where there is none of this name."""
    place = repository.joinpath(*name.split("."))
    return next((path for path in (place / "__init__.py", place.with_suffix(".py")) if path.is_file()), None)


def service_target(path: Path) -> str:
    """Where a file of the service's stands in the distribution."""
    return "/".join([*COPY.split("."), *path.parts[1:]])
