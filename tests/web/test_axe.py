"""axe-core finds nothing: on every page in its main states, in light and in dark colours, wide and narrow."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.web.conftest import OpenPage, settled
from tests.web.problems import Problems
from tests.web.service import Service
from tests.web.states import fill

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text()
# It is evaluated by the debugger's protocol, which no policy of a page forbids.
RUN = """async (rules) => {
  const { violations } = await axe.run(document, rules ? { runOnly: rules } : {});
  const places = (nodes) => nodes.slice(0, 3).map(({ target, html }) => `${target.join(" ")} ${html.slice(0, 120)}`);
  return violations.map(({ id, help, nodes }) => `${id}: ${help}: ${places(nodes).join(" | ")}`);
}"""
COLOURS = ["color-contrast"]


@pytest.fixture(scope="module")
def states(service: Service) -> dict[str, str]:
    return fill(service)


@pytest.fixture
def watched(open_page: OpenPage, service: Service, problems: Problems) -> Page:
    problems.expect("^404: GET /v1/")
    return open_page(service)


def found(page: Page, rules: list[str] | None = None) -> list[str]:
    if page.evaluate("typeof axe") == "undefined":
        page.evaluate(AXE)
    lines: list[str] = page.evaluate(RUN, rules)
    return lines


def in_all_colours(page: Page) -> dict[str, list[str]]:
    light = found(page)
    page.emulate_media(color_scheme="dark")
    dark = found(page, COLOURS)
    page.emulate_media(color_scheme="light")
    return {colours: lines for colours, lines in (("light", light), ("dark", dark)) if lines}


def test_every_page(watched: Page, states: dict[str, str]) -> None:
    wrong: dict[str, Any] = {}
    for name, address in states.items():
        watched.goto(address)
        settled(watched)
        if lines := in_all_colours(watched):
            wrong[name] = lines
    assert wrong == {}


def test_every_page_that_has_nothing_to_show(open_page: OpenPage, fresh_service: Service, problems: Problems) -> None:
    problems.expect("^404: GET /v1/")
    page, wrong = open_page(fresh_service, width=360), dict[str, Any]()
    for address in ("/jobs", "/datasets", "/models", "/sweeps", "/compare", "/workers", "/new", "/settings"):
        page.goto(address)
        settled(page)
        if lines := found(page):
            wrong[address] = lines
    assert wrong == {}


def test_the_question_for_a_key(open_page: OpenPage, keyed_service: Service, problems: Problems) -> None:
    problems.expect("^401: GET /v1/caller")
    page = open_page(keyed_service)
    page.goto("/")
    expect(page.get_by_label("API key")).to_be_visible()
    page.get_by_label("API key").fill("epochal_wrong")
    page.get_by_role("button", name="Continue").click()
    expect(page.locator(".field-error")).to_be_visible()
    assert in_all_colours(page) == {}


def test_what_is_wrong_is_found(watched: Page) -> None:
    """The tool that all these tests rely on."""
    watched.goto("/workers")
    settled(watched)
    watched.evaluate("document.querySelector('main').append(document.createElement('button'))")
    assert any(line.startswith("button-name") for line in found(watched))


def test_the_first_stop_of_the_keyboard_skips_to_the_content(watched: Page) -> None:
    watched.goto("/workers")
    settled(watched)
    watched.keyboard.press("Tab")
    expect(watched.get_by_role("link", name="Skip to content")).to_be_focused()
    watched.keyboard.press("Enter")
    expect(watched.get_by_role("main")).to_be_focused()
