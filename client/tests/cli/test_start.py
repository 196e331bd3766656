"""The command starts at once: what it must not import for that."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {
    "asyncio",
    "dataclasses",
    "email",
    "httpx2",
    "inspect",
    "json",
    "logging",
    "pathlib",
    "rich",
    "socket",
    "ssl",
    "typing",
    "urllib",
    "yaml",
}
HEAVY_OF_OURS = {"epochal.cli.output", "epochal.terminal", "epochal.types", "epochal._sync", "epochal._http"}


@pytest.mark.parametrize(
    "argv",
    [
        ["--help"],
        ["submit", "--help"],
        ["datasets", "--help"],
        ["datasets", "upload", "--help"],
        ["__complete", "bash", "su"],
        ["__complete", "bash", "submit", "--l"],
        ["__complete", "bash", "ls", "--status", ""],
    ],
    ids=" ".join,
)
def test_help_and_completion_import_nothing_heavy(argv: list[str]) -> None:
    program = """
import sys
before = set(sys.modules)
from epochal.cli import main
main(sys.argv[1:])
sys.stderr.write(" ".join(set(sys.modules) - before))
"""
    ended = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path[:0] = {sys.path!r}\n{program}", *argv],
        capture_output=True,
        text=True,
        check=True,
    )
    imported = set(ended.stderr.split())
    assert imported & HEAVY == set()
    assert [name for name in imported if name.startswith(tuple(HEAVY_OF_OURS))] == []
    assert "epochal.cli" in imported
    assert ended.stdout
