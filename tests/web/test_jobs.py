"""All jobs in one table: live, searched, sorted, narrowed by the address, and changed several at once."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.web.conftest import OpenPage, until
from tests.web.problems import Problems
from tests.web.service import RecordedJob, Service

HEIGHT = 44  # of a row


def rows(page: Page) -> Locator:
    return page.locator(".jobs-row")


def row(page: Page, name: str) -> Locator:
    return rows(page).filter(has=page.locator(".jobs-name", has_text=name))


def names(page: Page) -> list[str]:
    return page.locator(".jobs-name").all_inner_texts()


def open_jobs(page: Page, address: str = "/jobs") -> None:
    page.goto(address)
    expect(page.locator(".connection")).to_have_attribute("data-state", "open")


def asked(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def waiting(service: Service, name: str, spec: Mapping[str, Any] = MappingProxyType({}), **submission: Any) -> str:
    """A job that nobody has taken."""
    return service.client.jobs.create({"dataset": "digits", "epochs": 2, **spec}, name=name, **submission).id


def test_who_has_no_job_is_told_what_to_do(open_page: OpenPage, fresh_service: Service) -> None:
    page = open_page(fresh_service)
    open_jobs(page, "/jobs/latest")
    expect(page.get_by_role("link", name="Fill in a form")).to_have_attribute("href", "/new")
    open_jobs(page)
    expect(page.get_by_label("Or from a shell")).to_contain_text(f"curl {fresh_service.url}/v1/jobs")
    fresh_service.job(name="the first", running=False)
    expect(row(page, "the first")).to_contain_text("no worker")
    job_id = waiting(fresh_service, "the second", repeats=3)
    page.goto("/jobs/latest")
    page.wait_for_url(f"**/jobs/{job_id}")
    expect(page.get_by_role("heading", name="the second")).to_be_visible()


def test_a_row_says_what_the_job_says_as_it_happens(page: Page, service: Service) -> None:
    job = service.job(name="live", recorded=2, epochs=4)
    open_jobs(page)
    found = row(page, "live")
    expect(found).to_contain_text("running")
    expect(found.locator(".jobs-epochs")).to_have_text("2 / 4")
    job.record(test_loss=0.4321, test_accuracy=0.87654)
    expect(found.locator(".jobs-epochs")).to_have_text("3 / 4")
    expect(found.locator(".jobs-cell-test_loss")).to_have_text("0.4321")
    expect(found.locator(".jobs-cell-best")).to_have_text("87.65 % test")
    job.record(test_loss=float("nan"), test_accuracy=0.5)
    expect(found.locator(".jobs-cell-test_loss")).to_have_text("NaN")
    expect(found.locator(".jobs-cell-best")).to_have_text("87.65 % test")
    expect(found.locator(".jobs-curve-train")).to_have_attribute("d", re.compile(r"^M[^M]*(L[^L]*){3}$"))
    job.succeed()
    expect(found).to_contain_text("succeeded")
    service.client.jobs.update(job.id, name="renamed")
    expect(row(page, "renamed")).to_be_visible()
    service.client.jobs.delete(job.id)
    expect(row(page, "renamed")).to_have_count(0)


def test_what_happens_while_the_service_is_away_is_shown_afterwards(
    open_page: OpenPage, fresh_service: Service, problems: Problems
) -> None:
    problems.expect("net::ERR_", "^failed: GET /v1/")
    page = open_page(fresh_service)
    job = fresh_service.job(name="goes on", recorded=1, epochs=5)
    gone = ended(fresh_service, "gone")
    open_jobs(page)
    expect(row(page, "gone")).to_be_visible()
    fresh_service.stop()
    expect(page.locator(".jobs-note")).to_contain_text("Not connected")
    expect(row(page, "goes on")).to_be_visible()
    job.record(2)
    fresh_service.job(name="new", running=False)
    fresh_service.start()
    fresh_service.client.jobs.delete(gone.id)
    expect(row(page, "goes on").locator(".jobs-epochs")).to_have_text("3 / 5", timeout=20_000)
    expect(row(page, "new")).to_be_visible()
    expect(row(page, "gone")).to_have_count(0)
    expect(page.locator(".jobs-note")).to_have_count(0)


def test_the_address_says_what_is_listed(open_page: OpenPage, service: Service) -> None:
    page = open_page(service)
    for name, rate, tags in (("sorted 10", 0.1, ["ours"]), ("sorted 9", 0.3, []), ("sorted 8", 0.2, ["ours"])):
        optimizer = {"name": "sgd", "learning_rate": rate}
        waiting(service, name, tags=tags, spec={"optimizer": optimizer})
    open_jobs(page, "/jobs?q=sorted")
    assert names(page) == ["sorted 8", "sorted 9", "sorted 10"]
    page.get_by_role("button", name="Name").click()
    until(lambda: names(page) == ["sorted 8", "sorted 9", "sorted 10"], "numbers in names count as numbers")
    page.get_by_role("button", name="Columns").click()
    page.get_by_label("Find a column").fill("learning")
    page.get_by_label("optimizer.learning_rate").check()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="optimizer.learning_rate").click()
    until(lambda: names(page) == ["sorted 10", "sorted 8", "sorted 9"], "by the hyperparameter")
    page.get_by_role("button", name="Tag").click()
    page.get_by_label("ours").check()
    until(lambda: names(page) == ["sorted 10", "sorted 8"], "those that have the tag")
    assert asked(page).items() >= {"q": ["sorted"], "sort": ["spec.optimizer.learning_rate"], "tag": ["ours"]}.items()
    shared = open_page(service)
    open_jobs(shared, page.url)
    expect(shared.get_by_role("columnheader", name="optimizer.learning_rate")).to_have_attribute(
        "aria-sort", "ascending"
    )
    until(lambda: names(shared) == names(page), "whoever opens the address sees the same")
    shared.get_by_label("Search names").fill("nothing is called so")
    shared.get_by_role("button", name="Clear filters").click()
    expect(shared.get_by_label("Search names")).to_have_value("")
    assert set(asked(shared)) == {"sort", "with"}


def test_repeats_and_parts_of_sweeps_do_not_flood_the_list(page: Page, service: Service) -> None:
    waiting(service, "many seeds", repeats=4)
    service.client.sweeps.create({"dataset": "digits", "epochs": 2}, {"batch_size": [32, 64]}, name="a sweep")
    open_jobs(page, "/jobs?q=many seeds")
    expect(rows(page)).to_have_count(1)
    page.get_by_role("link", name="4 runs").click()
    expect(rows(page)).to_have_count(4)
    open_jobs(page)
    page.get_by_role("button", name="parts of sweeps").click()
    assert asked(page)["parts"] == ["1"]


def choose(page: Page, *jobs: str) -> None:
    for name in jobs:
        row(page, name).get_by_role("checkbox").check()


def ended(service: Service, name: str) -> RecordedJob:
    job = service.job(name=name, recorded=1, epochs=1)
    job.succeed()
    return job


def test_a_deletion_can_be_undone_until_it_is_sent(page: Page, service: Service) -> None:
    kept, left = ended(service, "kept"), ended(service, "left")
    open_jobs(page)
    choose(page, "kept")
    page.get_by_role("button", name="Delete").click()
    expect(row(page, "kept")).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(row(page, "kept")).to_be_visible()
    choose(page, "left")
    page.get_by_role("button", name="Delete").click()
    expect(row(page, "left")).to_have_count(0)
    page.goto("about:blank")  # before the time for undoing is over
    until(lambda: left.id not in {job.id for job in service.client.jobs.list()}, "it was not deleted")
    assert service.client.jobs.retrieve(kept.id).status == "succeeded"


def test_what_cannot_be_undone_is_confirmed_and_failures_are_told_by_name(
    page: Page, service: Service, problems: Problems
) -> None:
    problems.expect("409: POST")
    first, second = (service.job(name=name, recorded=1) for name in ("to cancel", "ends first"))
    open_jobs(page)
    choose(page, "to cancel", "ends first")
    page.get_by_role("toolbar").get_by_role("button", name="Cancel").click()
    asks = page.get_by_role("dialog")
    expect(asks).to_contain_text("The curves stay, the weights are discarded")
    assert service.client.jobs.retrieve(first.id).requested is None

    def cancel(route: Route) -> None:
        if second.id in route.request.url:
            second.succeed()
        route.continue_()

    page.route("**/cancel", cancel)
    asks.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("dialog")).to_contain_text("1 job was not cancelled")
    expect(page.get_by_role("listitem").filter(has_text="ends first")).to_be_visible()
    assert service.client.jobs.retrieve(first.id).requested == "cancel"


def test_the_keyboard_alone_opens_and_chooses(page: Page, service: Service) -> None:
    ids = [service.job(name=f"key {n}", running=False).id for n in range(3)][::-1]
    open_jobs(page, "/jobs?q=key")
    expect(rows(page)).to_have_count(3)
    grid = page.get_by_role("grid")
    grid.focus()
    for key, active in (("ArrowDown", 1), ("ArrowDown", 2), ("ArrowDown", 2), ("Home", 0)):
        page.keyboard.press(key)
        expect(grid).to_have_attribute("aria-activedescendant", f"jobs-{ids[active]}")
    for key in ("Space", "ArrowDown", "Space"):
        page.keyboard.press(key)
    page.get_by_role("button", name="Compare").press("Enter")
    assert sorted(asked(page)["job"]) == sorted(ids[:2])
    page.go_back()
    grid.focus()
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/jobs/{ids[2]}")


@pytest.mark.parametrize("width", [360, 1280])
def test_only_what_is_in_view_is_drawn(open_page: OpenPage, fresh_service: Service, width: int) -> None:
    count = 150  # more than the first page that is read
    for number in range(count):
        fresh_service.job(name=f"run {number}", running=False)
    page = open_page(fresh_service, width=width, height=700)
    open_jobs(page)
    grid = page.get_by_role("grid")
    expect(grid).to_have_attribute("aria-rowcount", str(count + 1))
    expect(row(page, f"run {count - 1}")).to_have_attribute("aria-rowindex", "2")
    assert rows(page).count() < 40
    grid.focus()
    page.keyboard.press("End")
    expect(page.locator(".jobs-name", has_text="run 0")).to_be_in_viewport()
    assert rows(page).count() < 40
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
