"""The README and docs/operations.md are true: what they list is what there is."""

import re
from pathlib import Path

import pytest

from settings import Settings

ROOT = Path(__file__).parent.parent
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_every_setting_is_listed_and_nothing_else() -> None:
    listed = re.findall(r"^\| `(EPOCHAL_\w+)` \|", OPERATIONS, re.MULTILINE)
    assert listed == [f"EPOCHAL_{name.upper()}" for name in Settings.model_fields]


def test_every_target_of_the_makefile_explains_itself() -> None:
    makefile = (ROOT / "Makefile").read_text()
    [phony] = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert [target for target in phony.split() if not re.search(rf"^{target}:.* ## .+", makefile, re.MULTILINE)] == []


def heading_of(line: str) -> str:
    """What a link to a heading says behind its `#`."""
    return re.sub(r"[^\w\- ]", "", line.lstrip("# ").lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    for target, _, heading in re.findall(r"\]\((?!https?://)([^)#]*)(#([^)]*))?\)", page.read_text()):
        file = page.parent / target if target else page
        assert file.exists(), target
        headings = (
            {heading_of(line) for line in file.read_text().splitlines() if line.startswith("#")} if heading else set()
        )
        assert not heading or heading in headings, (target, heading)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_target_that_a_page_calls_is_in_the_makefile(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    text = page.read_text()
    blocks = "".join(re.findall(r"^ *```sh$(.*?)^ *```$", text, re.MULTILINE | re.DOTALL))
    called = set(re.findall(r"`make ([a-z][a-z-]*)", text)) | set(re.findall(r"\bmake ([a-z][a-z-]*)", blocks))
    assert called - targets == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_a_page_names_is_there(page: Path) -> None:
    named = re.findall(r"`((?:[\w.-]+/)+[\w-]+\.(?:py|json|toml|yml|sh))`", page.read_text())
    made_by_programs = ("data/",)
    assert [file for file in named if not (ROOT / file).exists() and not file.startswith(made_by_programs)] == []
