"""What each module beside the rooms may import of ours. import-linter knows packages alone: it says who imports these
modules (pyproject.toml), and takes them for libraries, whose own imports it does not follow.
"""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OURS = {path.parent.name for path in ROOT.glob("*/__init__.py")} | {path.stem for path in ROOT.glob("*.py")}

# Programs may import whatever they start; storage, which jobs are built on, nothing that is built on jobs.
ALLOWED: dict[str, set[str]] = {
    "children": {"training.parent_death_signal"},
    "demo": {"epochal", "epochal.terminal", "epochal.types", "environment.startup", "serve", "settings"},
    "logs": set(),
    "serve": {
        *("access.keys", "children", "jobs", "migrations", "models", "settings"),
        *(
            f"environment.{name}"
            for name in ("addresses", "export_formats", "files", "libraries", "startup", "variable_names")
        ),
    },
    "settings": {
        *("storage", "training.image_folders"),
        *(f"environment.{name}" for name in ("addresses", "brokers", "databases", "files", "libraries")),
        *("environment.export_formats", "environment.import_roots", "environment.variable_names"),
    },
    "storage": {"environment.addresses", "training.durable"},
}


def imports_of(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return {name for name in found if name.partition(".")[0] in OURS}


@pytest.mark.parametrize("path", sorted(ROOT.glob("*.py")), ids=lambda path: path.stem)
def test_a_module_beside_the_rooms_imports_what_it_may(path: Path) -> None:
    assert imports_of(path) <= ALLOWED[path.stem]
