"""What users write is shown, never run; and the page talks to its own service alone."""

import re
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256

import httpx2
import pytest
from playwright.sync_api import Page, expect

from api.contract.page import PAGES
from benchmarks.page_weight import WEB
from tests.web.conftest import OpenPage, settled
from tests.web.problems import Problems
from tests.web.service import Service
from tests.web.states import HOSTILE, fill

NARROW = 360


@pytest.fixture(scope="module")
def states(service: Service) -> dict[str, str]:
    return fill(service)


@pytest.fixture
def narrow(open_page: OpenPage, service: Service, problems: Problems) -> Iterator[Page]:
    problems.expect("^404: GET /v1/")  # what is not there is left out, or said
    page = open_page(service, width=NARROW, height=800)
    yield page
    assert page.evaluate("window.hacked") is None


def too_wide(page: Page) -> object:
    """What sticks out of the page, or nothing."""
    return page.evaluate("""() => document.documentElement.scrollWidth <= innerWidth ? null :
      [...document.querySelectorAll('main *')].filter((each) => each.getBoundingClientRect().right > innerWidth + 1)
        .slice(0, 5).map((each) => each.outerHTML.slice(0, 200))""")


def test_nothing_runs_and_nothing_sticks_out(narrow: Page, states: dict[str, str]) -> None:
    """Every page, 360 pixels wide, with names of all kinds."""
    wide = {}
    for name, address in states.items():
        narrow.goto(address)
        settled(narrow)
        if found := too_wide(narrow):
            wide[name] = found
        assert narrow.evaluate("window.hacked") is None, name
    assert wide == {}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_name_is_shown_as_it_was_written(narrow: Page, states: dict[str, str], kind: str) -> None:
    narrow.goto(states[f"a job {kind}"])
    expect(narrow.get_by_role("heading", level=1)).to_contain_text(HOSTILE[kind])
    expect(narrow).to_have_title(re.compile(re.escape(HOSTILE[kind])))
    settled(narrow)
    for found in narrow.locator(".user-text").all():
        isolated = found.evaluate("(each) => getComputedStyle(each).unicodeBidi")
        assert isolated in ("isolate", "plaintext", "isolate-override"), found


def test_an_error_is_shown_as_it_was_written(narrow: Page, states: dict[str, str]) -> None:
    narrow.goto(states["a job that failed"])
    expect(narrow.get_by_text(f"The loss was nan: {HOSTILE['markup']}").first).to_be_visible()


def test_every_page_allows_scripts_of_its_own_and_nothing_else(service: Service) -> None:
    with httpx2.Client(base_url=service.url) as client:
        for path in PAGES:
            answer = client.get(re.sub(r"\{\w+\}", "x", path))
            [script] = re.findall('<script type="importmap">(.*?)</script>', answer.text)
            digest = b64encode(sha256(script.encode()).digest()).decode()
            assert answer.headers["content-security-policy"] == (
                f"default-src 'none'; script-src 'self' 'sha256-{digest}'; style-src 'self'; "
                "img-src 'self' blob: data:; connect-src 'self'; worker-src 'self'; "
                "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
            )
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert " style=" not in answer.text
            assert re.findall(r"\son\w+=", answer.text) == []


def test_no_script_makes_markup_of_text() -> None:
    forbidden = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|dangerouslySetInnerHTML|\beval\(|new Function"
    )
    for path in WEB.rglob("scripts/**/*.js"):
        assert not forbidden.search(path.read_text()), path.name


def test_what_the_page_must_not_do_is_noticed(page: Page, problems: Problems) -> None:
    """The watch that all these tests rely on."""
    page.goto("/workers")
    settled(page)
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<p style=\"color: red\">red</p>')")
    page.evaluate("fetch('http://127.0.0.1:9/').catch(() => {})")
    page.evaluate("fetch('/v1/jobs/nothing')")
    page.evaluate("setTimeout(() => { throw new Error('broken') })")
    page.wait_for_timeout(200)
    for pattern in ("policy: style-src", "policy: connect-src", "^404: GET /v1/jobs/nothing", "^error: broken"):
        assert any(re.search(pattern, each) for each in problems.found), (pattern, problems.found)
    problems.expect("policy", "Content Security Policy", "^404", "broken", "left the origin", "Failed to load|failed: ")
