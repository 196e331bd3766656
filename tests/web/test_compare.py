"""Jobs side by side: live, as differences from a baseline, over repeats, and by their hyperparameters."""

from collections.abc import Sequence
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.web.conftest import OpenPage, until
from tests.web.problems import Problems
from tests.web.service import RecordedJob, Service

SPEC = {"dataset": "digits", "architecture": "resnet20", "epochs": 10}
Pair = tuple[RecordedJob, RecordedJob]
SGD, ADAM = {"name": "sgd", "learning_rate": 0.1}, {"name": "adam", "learning_rate": 0.001}


def submitted(service: Service, name: str, accuracies: Sequence[float], **spec: object) -> RecordedJob:
    """A job that runs and has epochs of these test accuracies."""
    job = service.client.jobs.create({**SPEC, **spec}, name=name)
    return played(service, job.id, accuracies)


def played(service: Service, job_id: str, accuracies: Sequence[float]) -> RecordedJob:
    job = RecordedJob(service.stage, job_id, service.stage.start(job_id))
    for accuracy in accuracies:
        job.record(test_accuracy=accuracy)
    return job


def compare(page: Page, *jobs: RecordedJob | str, query: str = "") -> None:
    ids = [job if isinstance(job, str) else job.id for job in jobs]
    page.goto(f"/compare?{'&'.join(f'job={job_id}' for job_id in ids)}{query}")
    expect(page.locator(".compare-charts canvas")).to_have_count(2)


def row(page: Page, name: str) -> Sequence[str]:
    """The numbers of a job: best accuracy, test accuracy, test loss, train accuracy, train loss."""
    cells = page.locator(".compare-jobs tbody tr", has_text=name).locator("td.num div")
    return [" ".join(text.split()) for text in cells.all_inner_texts()]


def asked(page: Page, name: str) -> Sequence[str]:
    return parse_qs(urlsplit(page.url).query).get(name, [])


@pytest.fixture
def pair(service: Service) -> Pair:
    """One at 0.80 after its best of 0.85, and one at 0.90."""
    return submitted(service, "left", [0.6, 0.85, 0.8], optimizer=SGD), submitted(
        service, "right", [0.7, 0.9], optimizer=ADAM
    )


def test_running_jobs_are_compared_live(page: Page, service: Service, pair: Pair) -> None:
    left, right = pair
    compare(page, left, right)
    assert row(page, "left")[:2] == ["85.00 %", "80.00 %"]
    assert row(page, "right")[:2] == ["90.00 %", "90.00 %"]
    left.record(test_accuracy=0.95, test_loss=0.125)
    until(lambda: row(page, "left")[:3] == ["95.00 %", "95.00 %", "0.1250"], "the epoch has not come")
    left.succeed()
    expect(page.locator(".compare-jobs tbody tr", has_text="left").get_by_text("succeeded")).to_be_visible()


def test_no_epoch_is_lost_while_the_service_is_away(
    fresh_service: Service, open_page: OpenPage, problems: Problems
) -> None:
    left = submitted(fresh_service, "left", [0.6])
    right = submitted(fresh_service, "right", [0.7])
    page = open_page(fresh_service)
    compare(page, left, right)
    problems.expect("failed", "connection", "ERR_", "503")
    fresh_service.stop()
    left.record(test_accuracy=0.8)
    left.record(test_accuracy=0.75)
    fresh_service.start()
    until(lambda: row(page, "left")[:2] == ["80.00 %", "75.00 %"], "an epoch is missing", seconds=30)


def test_a_baseline_makes_every_number_a_difference(page: Page, pair: Pair) -> None:
    left, right = pair
    compare(page, left, right)
    page.get_by_role("radio", name="Make A, left, the baseline").check()
    assert asked(page, "baseline") == [left.id]
    until(lambda: row(page, "right")[0] == "▲ +5.00 pp better", f"it says {row(page, 'right')}")
    assert row(page, "right")[1] == "▲ +10.00 pp better"
    assert row(page, "left")[:2] == ["85.00 %", "80.00 %"], "the baseline keeps its own numbers"
    page.get_by_role("button", name="Numbers").nth(1).click()
    table = page.get_by_role("group", name="Accuracy, difference from A in points")
    names = table.locator("thead th").all_inner_texts()[1:]
    first = dict(zip(names, table.locator("tbody tr").first.locator("td").all_inner_texts(), strict=True))
    assert (first["A test"], first["B test"]) == ("±0.00 pp", "+10.00 pp")


def test_what_is_hidden_changes_no_number(page: Page, pair: Pair) -> None:
    left, right = pair
    compare(page, left, right, query=f"&baseline={left.id}")
    before = row(page, "left"), row(page, "right")
    page.get_by_role("button", name="Line of A, left").click()
    expect(page.get_by_role("button", name="Line of A, left")).to_have_attribute("aria-pressed", "false")
    assert (row(page, "left"), row(page, "right")) == before
    assert asked(page, "hide") == [left.id]
    page.reload()
    expect(page.get_by_role("button", name="Line of A, left")).to_have_attribute("aria-pressed", "false")


def test_jobs_are_added_by_name_and_removed(page: Page, service: Service, pair: Pair) -> None:
    left, right = pair
    third = submitted(service, "a third one", [0.5])
    compare(page, left, right)
    search = page.get_by_role("combobox", name="Add a job")
    search.fill("third")
    expect(page.get_by_role("listbox", name="Add a job").get_by_role("option")).to_have_count(1)
    search.press("Enter")
    expect(page.locator(".compare-jobs tbody tr")).to_have_count(3)
    assert asked(page, "job") == [left.id, right.id, third.id]
    page.get_by_role("button", name="Take A, left, out of the comparison").click()
    expect(page.locator(".compare-jobs tbody tr")).to_have_count(2)
    assert asked(page, "job") == [right.id, third.id]


def test_a_mean_is_of_all_repeats_and_a_verdict_says_so(page: Page, service: Service) -> None:
    means = []
    for name, accuracies in (("steady", [0.9, 0.91, 0.92]), ("worse", [0.5, 0.51, 0.53])):
        first = service.client.jobs.create(SPEC, name=name, repeats=3)
        for job, accuracy in zip(service.client.jobs.repeats(first.id).jobs, accuracies, strict=True):
            played(service, job.id, [0.1, accuracy]).succeed()
        means.append(first.id)
    compare(page, *means)
    assert row(page, "steady")[0] == "91.00 %"
    assert row(page, "steady")[1].startswith("91.00 % ± ")
    assert row(page, "worse")[1].startswith("51.33 % ± ")
    steady = page.locator(".compare-jobs tbody tr", has_text="steady")
    expect(steady.get_by_text("mean of 3 seeds").first).to_be_visible()
    [verdict] = service.client.compare(means).verdicts
    assert verdict.verdict == "different"
    expect(page.get_by_role("listitem").get_by_text(verdict.sentence)).to_be_visible()


def test_specs_differ_field_by_field(page: Page, pair: Pair) -> None:
    left, right = pair
    compare(page, left, right, query=f"&baseline={left.id}")
    field = page.locator(".compare-differences tbody tr", has=page.locator('th[title="optimizer.learning_rate"]'))
    values = [" ".join(text.split()) for text in field.locator("td").all_inner_texts()]
    assert values == ["0.1", "0.001 ÷ 100"]


def test_a_range_on_an_axis_is_chosen_with_the_keyboard(page: Page, pair: Pair) -> None:
    compare(page, *pair)
    end = page.get_by_role("slider", name="learning rate, to")
    expect(end).to_have_attribute("aria-valuetext", "0.1")
    end.press("ArrowDown")
    expect(page.get_by_text("1 of 2 chosen")).to_be_visible()
    assert asked(page, "brush") == ["optimizer.learning_rate~0.001~0.001"]
    end.press("Escape")
    expect(page.get_by_text("1 of 2 chosen")).not_to_be_visible()


def test_names_are_inert(page: Page, service: Service) -> None:
    name = '<img src=x onerror="document.title=1">'
    compare(page, submitted(service, name, [0.5]), submitted(service, "‮reversed" + "x" * 180, [0.6]))
    expect(page.locator(".compare-jobs").get_by_text(name)).to_be_visible()
    assert page.locator("main img").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page is wider than the window"


def test_a_job_that_is_gone_can_be_left_out(page: Page, pair: Pair, problems: Problems) -> None:
    problems.expect("404: GET /v1/compare")
    gone = "job_01m8pvfk1200ftj5ayvb5vqetk"
    page.goto(f"/compare?job={pair[0].id}&job={pair[1].id}&job={gone}")
    page.get_by_role("button", name=f"Leave out {gone}").click()
    expect(page.locator(".compare-charts canvas")).to_have_count(2)
