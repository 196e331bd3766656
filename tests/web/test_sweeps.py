"""Sweeps and experiments: how they are made, how far they are, and what they say."""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Page, expect

from epochal import types
from tests.web.conftest import OpenPage, until
from tests.web.problems import Problems
from tests.web.service import RecordedJob, Service

SPEC = {"dataset": "digits", "architecture": "resnet20", "epochs": 4}
SPACE: Mapping[str, Sequence[Any]] = {"optimizer": ["sgd", "adam"], "optimizer.learning_rate": [0.1, 0.001]}


def made(service: Service, name: str = "rates") -> types.Sweep:
    return service.client.sweeps.create(SPEC, SPACE, name=name)


def played(service: Service, trial: types.Trial, *accuracies: float, ends: bool = True) -> RecordedJob:
    job = RecordedJob(service.stage, trial.job_id, service.stage.start(trial.job_id))
    for accuracy in accuracies:
        job.record(test_accuracy=accuracy)
    if ends:
        job.succeed()
    return job


def numbers(page: Page) -> Sequence[str]:
    """The numbers of the jobs, in the order of the table."""
    return page.locator(".sweeps-trials tbody th").all_inner_texts()


def asked(page: Page, name: str) -> Sequence[str]:
    return parse_qs(urlsplit(page.url).query).get(name, [])


def test_a_sweep_is_followed_live(page: Page, service: Service) -> None:
    sweep = made(service)
    first, second, *_ = sweep.trials
    played(service, first, 0.7, 0.8, 0.8, 0.8)
    page.goto(f"/sweeps/{sweep.id}")
    expect(page.get_by_text("1 of 4 jobs have ended")).to_be_visible()
    expect(page.locator(".sweeps-callout")).to_contain_text("80.00 % in job 1: optimizer sgd, learning rate 0.1")
    job = played(service, second, 0.9, ends=False)
    expect(page.locator(".sweeps-callout")).to_contain_text("90.00 % in job 2: optimizer sgd, learning rate 0.001")
    job.record(3, test_accuracy=0.85)
    job.succeed()
    expect(page.get_by_text("2 of 4 jobs have ended")).to_be_visible(timeout=10_000)
    expect(page.locator(".sweeps-row-best")).to_contain_text("90.00 % best")


def test_its_table_is_sorted_and_kept_in_the_address(page: Page, service: Service) -> None:
    sweep = made(service)
    for trial, accuracy in zip(sweep.trials, (0.7, 0.9, 0.8, 0.6), strict=True):
        played(service, trial, accuracy)
    page.goto(f"/sweeps/{sweep.id}")
    until(lambda: numbers(page) == ["2", "3", "1", "4"], "the best come first")
    page.get_by_role("button", name="learning rate").click()
    until(lambda: numbers(page) == ["2", "4", "1", "3"], "by the learning rate, the least first")
    page.reload()
    until(lambda: numbers(page) == ["2", "4", "1", "3"], "the address says so")
    page.get_by_role("slider", name="Best accuracy, from").press("ArrowUp")
    until(lambda: set(numbers(page)) == {"1", "2", "3"}, "a range on an axis chooses jobs")
    page.get_by_role("checkbox", name="Show job 1 in colour").uncheck()
    page.get_by_role("link", name="Compare the 3 in colour").click()
    expect(page.locator(".compare-jobs tbody tr")).to_have_count(3)
    assert set(asked(page, "job")) == {sweep.trials[n].job_id for n in (1, 2, 3)}


def test_errors_stand_at_their_values(page: Page, service: Service, problems: Problems) -> None:
    problems.expect("422: POST /v1/sweeps")
    base = service.job(name="the base").id
    page.goto(f"/sweeps?from={base}")
    expect(page.get_by_text("the base")).to_be_visible()
    page.get_by_label("Values").fill("0.1, quick")
    expect(page.get_by_text("2 jobs, 20 epochs")).to_be_visible()
    page.get_by_role("button", name="Train 2 jobs").click()
    expect(page.get_by_label("Values")).to_have_attribute("aria-invalid", "true")
    expect(page.locator(".sweeps-value-wrong")).to_have_text("quick")
    expect(page.get_by_text('should be a number, not "quick"')).to_be_visible()


def test_a_sweep_is_made_of_a_job_and_a_grid(page: Page, service: Service) -> None:
    base = service.job(name="the base").id
    page.goto(f"/sweeps?from={base}")
    page.get_by_label("Name").fill("rates and batches")
    page.get_by_label("Epochs").fill("3")
    page.get_by_label("Values").fill("0.1, 0.01")
    page.get_by_role("button", name="Add a field").click()
    page.get_by_label("Field 2", exact=True).fill("batch_size")
    page.get_by_label("Values").nth(1).fill("32, 64, 128")
    expect(page.get_by_text("= 6 jobs, 18 epochs")).to_be_visible()
    page.get_by_role("button", name="Train 6 jobs").click()
    expect(page.get_by_role("heading", name="rates and batches")).to_be_visible()
    sweep = service.client.sweeps.retrieve(urlsplit(page.url).path.rpartition("/")[2])
    assert {path: [*values] for path, values in sweep.space.items()} == {
        "optimizer.learning_rate": [0.1, 0.01],
        "batch_size": [32, 64, 128],
    }
    assert service.client.jobs.retrieve(sweep.trials[0].job_id).spec["epochs"] == 3


def test_a_sweep_is_cancelled_and_deleted_with_its_consequences(page: Page, service: Service) -> None:
    sweep = made(service, "to be deleted")
    page.goto(f"/sweeps/{sweep.id}")
    page.get_by_role("button", name="Cancel the sweep").click()
    expect(page.get_by_text("4 jobs that have not ended are cancelled")).to_be_visible()
    page.get_by_role("dialog").get_by_role("button", name="Cancel the sweep").click()
    page.get_by_role("button", name="Delete the sweep").click()
    expect(page.get_by_text("Its 4 jobs are deleted as well")).to_be_visible()
    page.get_by_role("dialog").get_by_role("button", name="Delete the sweep").click()
    page.wait_for_url("**/sweeps")
    assert sweep.id not in [each.id for each in service.client.sweeps.list()]


def test_the_list_says_how_far_each_is_and_which_job_is_best(page: Page, service: Service) -> None:
    sweep = made(service, "half done")
    for trial, accuracy in zip(sweep.trials[:2], (0.5, 0.75), strict=True):
        played(service, trial, accuracy, accuracy, accuracy, accuracy)
    page.goto("/sweeps")
    row = page.locator(".sweeps-list tbody tr", has_text="half done")
    expect(row).to_contain_text("2 / 4")
    expect(row.get_by_role("link", name="75.00 %")).to_have_attribute("href", f"/jobs/{sweep.trials[1].job_id}")


def test_nobody_has_a_sweep_yet(open_page: OpenPage, fresh_service: Service) -> None:
    page = open_page(fresh_service)
    page.goto("/sweeps")
    page.get_by_role("button", name="New sweep").last.click()
    expect(page.get_by_role("heading", name="What varies")).to_be_visible()


def test_an_experiment_is_read_run_and_answered(page: Page, service: Service) -> None:
    page.goto("/experiments")
    page.get_by_role("link", name="Activations").click()
    experiment = service.client.experiments.retrieve("activations")
    expect(page.get_by_text(experiment.question)).to_be_visible()
    expect(page.get_by_text("It has not been run here")).to_be_visible()
    page.get_by_role("button", name=re.compile("Run the 6 jobs")).click()
    expect(page.get_by_text("0 of 6 jobs have ended")).to_be_visible()
    sweep = service.client.sweeps.retrieve(asked(page, "run")[0])
    sigmoid, *_, relu = [trial for trial in sweep.trials if trial.label in ("sigmoid", "relu")]
    played(service, sigmoid, *[0.2] * 8)
    played(service, relu, *[0.95] * 8)
    expect(page.get_by_text("2 of 6 jobs have ended")).to_be_visible(timeout=10_000)
    answer = service.client.sweeps.answer(sweep.id)
    expect(page.get_by_text(answer.summary)).to_be_visible(timeout=10_000)
    finding = page.locator(".answer-finding", has_text="On new images, ReLU does better than sigmoid.")
    expect(finding).to_contain_text("as expected")
    picture = page.locator("img.answer-picture")
    until(lambda: picture.evaluate("image => image.naturalWidth") > 0, "there is no picture")


def test_a_field_of_a_part_that_nobody_named_varies(page: Page, service: Service, problems: Problems) -> None:
    problems.expect("422: POST /v1/jobs")  # of banana
    page.goto("/sweeps?new=1")
    page.get_by_label("Epochs").fill("1")
    page.get_by_label("Values").fill("0.1, banana")
    expect(page.locator(".sweeps-value-wrong")).to_have_text("banana")
    page.get_by_label("Values").fill("0.1, 0.01")
    expect(page.locator(".sweeps-value-wrong")).to_have_count(0)
    expect(page.get_by_text("2 jobs, 2 epochs")).to_be_visible()
    expect(page.locator(".sweeps-form .field-error")).to_have_count(0)
    page.get_by_role("button", name="Train 2 jobs").click()
    expect(page.get_by_role("heading", name="Sweep of learning rate")).to_be_visible()
    sweep = service.client.sweeps.retrieve(urlsplit(page.url).path.rpartition("/")[2])
    rates = [service.client.jobs.retrieve(trial.job_id).spec["optimizer"]["learning_rate"] for trial in sweep.trials]
    assert rates == [0.1, 0.01]
