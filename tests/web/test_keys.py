"""A service that asks for keys: the page asks once, and shows the key to nobody."""

import re
from urllib.parse import unquote

import pytest
from playwright.sync_api import Page, Request, expect

from epochal import Epochal
from tests.web.conftest import OpenPage
from tests.web.problems import Problems
from tests.web.service import Service

WANTED = re.compile("This service wants a key")
STORES = "() => ({...sessionStorage, ...localStorage})"


@pytest.fixture
def requests() -> list[Request]:
    return []


@pytest.fixture
def keyed(open_page: OpenPage, keyed_service: Service, problems: Problems, requests: list[Request]) -> Page:
    problems.expect("^401: GET /v1/caller$")  # how the page finds out that a key is wanted
    page = open_page(keyed_service)
    page.on("request", lambda request: requests.append(request))
    return page


def log_in(page: Page, key: str, *, keep: bool = False) -> None:
    page.get_by_label("API key").fill(key)
    if keep:
        page.get_by_label("Keep it on this computer").check()
    page.get_by_role("button", name="Continue").click()


def test_it_asks_for_a_key_and_says_why_it_refuses_one(keyed: Page, keyed_service: Service) -> None:
    keyed.goto("/workers")
    expect(keyed.get_by_role("heading", name=WANTED)).to_be_visible()
    expect(keyed.get_by_role("navigation")).to_have_count(0)
    expect(keyed.get_by_role("button", name="Continue")).to_be_disabled()
    log_in(keyed, "epochal_wrong")
    field = keyed.get_by_label("API key")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(keyed.locator(".field-error")).to_contain_text("key")
    log_in(keyed, keyed_service.keys["train"])
    expect(keyed.get_by_role("heading", name="Workers", exact=True)).to_be_visible()
    expect(keyed).to_have_url(re.compile("/workers$"))


def test_it_is_kept_for_the_tab_or_by_choice_longer(keyed: Page, keyed_service: Service, open_page: OpenPage) -> None:
    keyed.goto("/workers")
    log_in(keyed, keyed_service.keys["train"])
    expect(keyed.get_by_role("heading", name="Workers", exact=True)).to_be_visible()
    keyed.reload()
    expect(keyed.get_by_role("heading", name="Workers", exact=True)).to_be_visible()
    other = open_page(keyed_service, context=keyed.context)
    other.goto("/workers")
    expect(other.get_by_role("heading", name=WANTED)).to_be_visible()
    log_in(other, keyed_service.keys["train"], keep=True)
    expect(other.get_by_role("heading", name="Workers", exact=True)).to_be_visible()
    third = open_page(keyed_service, context=keyed.context)
    third.goto("/workers")
    expect(third.get_by_role("heading", name="Workers", exact=True)).to_be_visible()
    third.get_by_role("button", name="Forget key").click()
    expect(third.get_by_role("heading", name=WANTED)).to_be_visible()
    assert keyed_service.keys["train"] not in third.evaluate(STORES).values()


def test_the_key_stands_in_no_address_and_nowhere_in_the_page(
    keyed: Page, keyed_service: Service, requests: list[Request]
) -> None:
    key = keyed_service.keys["admin"]
    job = keyed_service.stage.submit(name="seen", project="first")
    keyed.goto("/workers")
    log_in(keyed, key)
    expect(keyed.get_by_role("heading", name="Workers", exact=True)).to_be_visible()
    for path in ("/jobs", f"/jobs/{job}", "/settings?part=keys", "/workers"):
        keyed.evaluate(
            "(path) => { history.pushState(null, '', path); dispatchEvent(new PopStateEvent('popstate')); }", path
        )
        keyed.wait_for_load_state("load")
        expect(keyed.get_by_role("main")).not_to_be_empty()
        keyed.wait_for_timeout(200)
        secret = key.partition(".")[2]
        assert secret not in unquote(keyed.url)
        assert secret not in keyed.content()
        assert secret not in keyed.evaluate("JSON.stringify([history.state, document.cookie, name, document.title])")
    assert not [each.url for each in requests if secret in unquote(each.url)]
    asked = [each for each in requests if "/v1/" in each.url][1:]  # but for the question whether it needs one
    assert any(each.url.endswith("/v1/events/stream") for each in asked)
    assert [each.url for each in asked if each.header_value("authorization") != f"Bearer {key}"] == []


def test_what_a_key_may_not_do_is_not_offered(keyed: Page, keyed_service: Service) -> None:
    keyed.goto("/workers")
    log_in(keyed, keyed_service.keys["read"])
    expect(keyed.get_by_role("heading", name="Workers", exact=True)).to_be_visible()
    expect(keyed.locator(".shell-caller")).to_contain_text("read")
    expect(keyed.get_by_role("link", name="New job")).to_have_count(0)
    keyed.goto("/settings")
    expect(keyed.get_by_role("tab", name="Projects")).to_be_visible()
    expect(keyed.get_by_role("tab", name="Keys")).to_have_count(0)


def test_a_wide_key_may_what_narrower_ones_may(keyed: Page, keyed_service: Service) -> None:
    keyed.goto("/settings")
    log_in(keyed, keyed_service.keys["admin"])
    expect(keyed.get_by_role("link", name="New job")).to_be_visible()
    expect(keyed.get_by_role("tab", name="Keys")).to_be_visible()


def test_a_key_that_is_revoked_meanwhile_leads_to_the_question_for_another(
    keyed: Page, keyed_service: Service, problems: Problems
) -> None:
    problems.expect("^401: ", "failed: GET /v1/events/stream")
    with Epochal(keyed_service.url, keyed_service.keys["admin"]) as admin:
        made = admin.keys.create("for the page", ["train"])
        keyed.goto("/workers")
        log_in(keyed, made.key)
        expect(keyed.locator(".connection")).to_have_attribute("data-state", "open")
        admin.keys.delete(made.id)
    expect(keyed.get_by_role("heading", name=WANTED)).to_be_visible()
    expect(keyed.locator(".field-error")).to_contain_text("key")
    assert made.key not in keyed.evaluate(STORES).values()
