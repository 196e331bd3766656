"""The curve is whole, whatever happens to the connection: what a page shows is compared with what the API has."""

import re
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import insert

from models import DEFAULT_PROJECT, Event
from tests.acceptance.conftest import Deployment
from tests.web.conftest import OpenPage, until
from tests.web.cutting import CuttingProxy, cutting
from tests.web.problems import Problems
from tests.web.service import RecordedJob, Service

# How a lost connection and one that ends in the middle are told on the console.
LOST = ("net::ERR_", "^failed: GET /v1/")
HIDE = """(hidden) => {
  Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
  document.dispatchEvent(new Event("visibilitychange"));
}"""
ROW = re.compile(r"[\d.,]+")


def connected(page: Page) -> None:
    expect(page.locator(".connection")).to_have_attribute("data-state", "open")


def open_job(page: Page, job_id: str) -> None:
    """The job's page with the numbers of its losses beside them."""
    page.goto(f"/jobs/{job_id}")
    connected(page)
    page.get_by_role("figure", name="Loss").get_by_role("button", name="Numbers").click()


def shown(page: Page) -> list[list[str]]:
    """What the table of losses says: epoch, train and test loss of each row."""
    rows = page.get_by_role("figure", name="Loss").locator("tbody tr").all_inner_texts()
    return [ROW.findall(row) for row in rows]


def measured(service: Service, job_id: str) -> list[list[str]]:
    rows = service.client.jobs.metrics(job_id)
    return [[str(row.epoch), f"{row.train_loss:.4f}", f"{row.test_loss:.4f}"] for row in rows]


def until_whole(page: Page, service: Service, job: RecordedJob, seconds: float = 20) -> None:
    expected = measured(service, job.id)
    assert len(expected) == job.epochs <= 25  # so many stand in one piece of the table
    until(lambda: shown(page) == expected, "the page lacks epochs, or has others", seconds)


def test_the_curve_grows_epoch_by_epoch(page: Page, service: Service) -> None:
    job = service.job(recorded=3)
    open_job(page, job.id)
    until_whole(page, service, job)
    for _ in range(3):
        job.record()
        until_whole(page, service, job, seconds=5)


def test_a_restart_of_the_service_loses_no_epoch(page: Page, service: Service, problems: Problems) -> None:
    problems.expect(*LOST)
    job = service.job(recorded=3, epochs=25)
    open_job(page, job.id)
    job.record(2)
    service.stop()
    expect(page.locator(".connection")).to_have_attribute("data-state", "lost")
    expect(page.locator(".connection")).to_contain_text("Reconnecting")
    job.record(4)
    service.start()
    job.record(2)
    connected(page)
    until_whole(page, service, job)
    job.record()
    until_whole(page, service, job)


@pytest.fixture
def proxy(service: Service) -> Iterator[CuttingProxy]:
    with cutting(service.url, seconds=0.5) as proxy:
        yield proxy


def test_a_proxy_that_cuts_streams_loses_no_epoch(
    open_page: OpenPage, service: Service, proxy: CuttingProxy, problems: Problems
) -> None:
    problems.expect(*LOST)
    page, job = open_page(proxy.url), service.job(recorded=1, epochs=25)
    open_job(page, job.id)
    while job.epochs < 25:
        job.record()
        time.sleep(0.15)
    until_whole(page, service, job)
    assert proxy.cuts >= 2


def test_a_laptop_that_slept_reads_what_it_missed(open_page: OpenPage, service: Service, problems: Problems) -> None:
    """Its connection is dead, and no error tells so."""
    problems.expect(*LOST)
    with cutting(service.url, seconds=3600) as proxy:
        page, job = open_page(proxy.url), service.job(recorded=2, epochs=25)
        page.clock.install()
        open_job(page, job.id)
        until_whole(page, service, job)
        proxy.fall_silent()
        job.record(5)
        page.wait_for_timeout(300)
        assert len(shown(page)) == 2
        page.clock.fast_forward(3_600_000)
        proxy.speak()
        until_whole(page, service, job)


def test_a_page_that_is_not_seen_for_long_reads_what_it_missed(page: Page, service: Service) -> None:
    job = service.job(recorded=2, epochs=25)
    page.clock.install()
    open_job(page, job.id)
    page.evaluate(HIDE, True)
    page.clock.fast_forward(61_000)
    expect(page.locator(".connection")).to_have_attribute("data-state", "closed")
    job.record(5)
    page.evaluate(HIDE, False)
    until_whole(page, service, job)
    job.record()
    until_whole(page, service, job)


def test_two_tabs_show_the_same(page: Page, open_page: OpenPage, service: Service) -> None:
    job, other = service.job(recorded=1), open_page(service, context=page.context)
    for each in (page, other):
        open_job(each, job.id)
    job.record(3)
    for each in (page, other):
        until_whole(each, service, job)
    other.close()
    job.record()
    until_whole(page, service, job)


def test_who_was_away_for_too_many_events_reads_anew(page: Page, service: Service, problems: Problems) -> None:
    problems.expect(*LOST)
    job, noise = service.job(recorded=2), service.job(recorded=1)
    open_job(page, job.id)
    until_whole(page, service, job)
    service.stop()
    expect(page.locator(".connection")).to_have_attribute("data-state", "lost")
    job.record(2)
    row = {"job_id": noise.id, "attempt": 1, "type": "checkpoint", "message": "", "project": DEFAULT_PROJECT}
    row = {name: value for name, value in row.items() if name in Event.__table__.columns}
    with service.database.session() as session:
        session.execute(insert(Event), [row] * 10_050)
    service.start()
    until_whole(page, service, job)
    job.record()
    until_whole(page, service, job)


def test_from_the_form_to_the_comparison(open_page: OpenPage, deployment: Deployment) -> None:
    """Submit, watch the curve grow, cancel, submit another, compare: with a worker that trains."""
    page = open_page(deployment)
    page.goto("/")
    page.get_by_role("link", name="New job").first.click()
    page.get_by_role("button", name="Fill this in").click()
    page.get_by_role("textbox", name="Epochs", exact=True).fill("500")
    page.get_by_role("button", name="Submit job").first.click()
    page.wait_for_url(re.compile("/jobs/job_"))
    first = page.url.rpartition("/")[2]
    page.get_by_role("figure", name="Loss").get_by_role("button", name="Numbers").click()
    until(lambda: len(shown(page)) >= 1, "no epoch comes", 60)
    seen = len(shown(page))
    until(lambda: len(shown(page)) > seen, "no further epoch comes", 60)
    page.get_by_role("button", name="More").click()
    page.get_by_role("menuitem", name="Cancel job").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel job").click()
    expect(page.get_by_role("main").get_by_text("cancelled").first).to_be_visible(timeout=30_000)
    assert deployment.until(first, "cancelled")["status"] == "cancelled"
    second = deployment.submit(epochs=2)
    deployment.until(second, "succeeded")
    page.goto(f"/compare?job={first}&job={second}")
    expect(page.get_by_role("heading", name="Compare")).to_be_visible()
    expect(page.get_by_role("main")).to_contain_text(second)
    expect(page.locator(".u-over").first).to_be_visible()
