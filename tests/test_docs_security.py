"""docs/security.md answers all of the Top 10, and every test that it names is there."""

import ast
import re
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent
PAGE = (REPOSITORY / "docs" / "security.md").read_text()
RISKS = {
    "API1:2023": "Broken Object Level Authorization",
    "API2:2023": "Broken Authentication",
    "API3:2023": "Broken Object Property Level Authorization",
    "API4:2023": "Unrestricted Resource Consumption",
    "API5:2023": "Broken Function Level Authorization",
    "API6:2023": "Unrestricted Access to Sensitive Business Flows",
    "API7:2023": "Server Side Request Forgery",
    "API8:2023": "Security Misconfiguration",
    "API9:2023": "Improper Inventory Management",
    "API10:2023": "Unsafe Consumption of APIs",
}


def names_of_tests() -> set[str]:
    functions = (
        node.name
        for path in (REPOSITORY / "tests").rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    return {name for name in functions if name.startswith("test_")}


def test_every_test_that_is_named_is_there() -> None:
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    assert len(named) > 60
    assert named - names_of_tests() == set()


def test_every_file_that_is_named_is_there() -> None:
    named = re.findall(r"`((?:access|api|jobs|models|training|webhooks|tests)/[\w./]*|\w+\.py)`", PAGE)
    assert len(named) > 15
    assert [name for name in named if not (REPOSITORY / name).exists()] == []


def test_each_of_the_ten_is_answered_with_files_and_tests() -> None:
    assert dict(re.findall(r"^### (API\d+:2023) (.+)$", PAGE, re.MULTILINE)) == RISKS
    sections = re.split(r"^##+ ", PAGE, flags=re.MULTILINE)
    answered = [section for section in sections if section.startswith("API")]
    assert len(answered) == len(RISKS)
    for section in answered:
        assert re.search(r"^- `test_\w+`", section, re.MULTILINE), section.partition("\n")[0]


def test_every_attack_that_is_tried_is_answered_here() -> None:
    """What a file of attacks is about stands on the page: at least by one of its tests."""
    for path in (REPOSITORY / "tests" / "api").glob("test_attacks_*.py"):
        assert any(f"`{name}`" in PAGE for name in re.findall(r"^def (test_\w+)", path.read_text(), re.MULTILINE)), path
