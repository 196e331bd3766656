"""docs/api.md names what there is, and nothing else."""

import re
from pathlib import Path

import pytest

from api.app import create_app
from settings import Settings

PAGE = (Path(__file__).parent.parent / "docs" / "api.md").read_text()
METHODS = "GET|POST|PUT|PATCH|DELETE|OPTIONS"


@pytest.fixture
def operations(tmp_path: Path) -> set[str]:
    """Such as `GET /v1/jobs`."""
    paths = create_app(Settings(data_dir=tmp_path)).openapi()["paths"]
    return {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}


def test_every_operation_is_named_and_no_other(operations: set[str]) -> None:
    named = {f"{method} {path}" for method, path in re.findall(rf"`({METHODS}) (/[^`?\s]*)", PAGE)}
    assert named == operations


def test_every_address_of_a_command_is_there(operations: set[str]) -> None:
    """With a variable of the shell's or of JavaScript's where the contract has a parameter."""
    addresses = {re.sub(r"\$(\w+|\{\w+\})", "{}", path) for path in re.findall(r"(?:\$URL|`)(/[^\s\"'`?)]*)", PAGE)}
    paths = {re.sub(r"\{\w+\}", "{}", operation.partition(" ")[2]) for operation in operations}
    assert addresses
    assert not addresses - paths - {"/docs", "/openapi.json"}
