"""The page of one job: how it is going, why, and what to do next."""

import json
import re
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Locator, Page, expect

from tests.api.picture_data import pets, predictions_on, store_ready
from tests.web.conftest import PATIENCE_SECONDS, OpenPage, until
from tests.web.problems import Problems
from tests.web.service import RecordedJob, Service

HOSTILE = "<img src=x onerror=document.title='run'> \u202egnp.exe \U0001f408 ".ljust(200, "w")


def opened(page: Page, job: RecordedJob, search: str = "") -> Page:
    page.goto(f"/jobs/{job.id}{search}")
    expect(page.locator(".job-header")).to_be_visible()
    return page


def epochs_in(page: Page) -> list[str]:
    """The epochs of the accuracy's chart, as its table has them."""
    return page.locator(".chart-numbers").first.locator("tbody th").all_inner_texts()


def show_numbers(page: Page) -> Locator:
    page.get_by_role("button", name="Numbers").first.click()
    return page.locator(".chart-numbers").first


def test_the_curve_grows_and_is_whole_after_a_restart(service: Service, page: Page, problems: Problems) -> None:
    problems.expect("ERR_", "events/stream")
    job = service.job(recorded=3, epochs=12)
    show_numbers(opened(page, job))
    until(lambda: epochs_in(page) == ["0", "1", "2"], "what was recorded before is there")
    job.record(2)
    until(lambda: epochs_in(page)[-1] == "4", "new epochs come by themselves")
    expect(page.locator(".job-facts")).to_contain_text("5 of 12 epochs")
    service.stop()
    job.record(3)
    service.start()
    until(lambda: epochs_in(page) == [str(n) for n in range(8)], "none is lost or doubled", seconds=30)


def test_an_epoch_that_is_trained_again_replaces_the_one_before(service: Service, page: Page) -> None:
    job = service.job(recorded=4, epochs=12)
    table = show_numbers(opened(page, job))
    expect(table.locator("tbody tr")).to_have_count(4)
    job.epochs = 2
    job.record(1, test_accuracy=0.1234)
    expect(table.locator("tbody tr").nth(2)).to_contain_text("12.34 %")
    expect(table.locator("tbody tr")).to_have_count(4)


def test_each_verb_says_its_consequence_and_is_done(service: Service, page: Page) -> None:
    job = service.job()
    opened(page, job).get_by_role("button", name="Stop").click()
    expect(page.get_by_role("dialog")).to_contain_text("the weights of this moment become a model")
    page.get_by_role("dialog").get_by_role("button", name="Not now").click()
    assert service.client.jobs.retrieve(job.id).requested is None
    page.get_by_role("button", name="More").click()
    page.get_by_role("menuitem", name="Cancel job").click()
    expect(page.get_by_role("dialog")).to_contain_text("weights and checkpoints are discarded")
    page.get_by_role("dialog").get_by_role("button", name="Cancel job").click()
    expect(page.locator(".status")).to_contain_text("cancelling")
    assert job.claim is not None
    service.stage.release_job(job.claim)
    expect(page.locator(".status")).to_have_text("cancelled")


def test_name_and_tags_are_changed_in_place_with_the_keyboard(service: Service, page: Page) -> None:
    job = service.job(running=False, name="before")
    opened(page, job).get_by_role("button", name="Change the name").press("Enter")
    page.keyboard.press("Control+A")
    page.keyboard.type(HOSTILE)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(HOSTILE)
    assert service.client.jobs.retrieve(job.id).name == HOSTILE
    assert not page.title().startswith("run")
    assert page.locator("h1 img").count() == 0
    page.get_by_role("button", name="Change the tags").press("Enter")
    page.keyboard.type("one, two ,one")
    page.keyboard.press("Enter")
    expect(page.locator(".job-tags .tag")).to_have_text(["one", "two"])


def test_what_the_curves_say_leads_to_the_form_with_the_change(service: Service, page: Page) -> None:
    job = service.job(recorded=0, epochs=60)
    for epoch in range(30):
        rises = 1.0 + 0.1 * max(0, epoch - 6)
        job.record(
            1,
            train_loss=2.0 / (1 + epoch) ** 2,
            train_accuracy=1 - 0.8 / (1 + epoch) ** 2,
            test_loss=rises,
            test_accuracy=0.5,
        )
    opened(page, job)
    finding = page.locator(".job-finding").first
    expect(finding).to_contain_text("It overfits")
    address = urlsplit(finding.get_by_role("link", name="Try this").get_attribute("href") or "")
    said = parse_qs(address.query)
    suggested = service.client.jobs.retrieve(job.id).diagnosis().findings[0].suggestion
    assert suggested is not None
    assert (address.path, said["from"], json.loads(said["spec"][0])) == ("/new", [job.id], suggested.spec)


def test_how_far_the_accuracies_lie_apart_is_said_though_no_rule_finds_anything(service: Service, page: Page) -> None:
    job = service.job(recorded=2)
    job.record(1, train_accuracy=0.9, test_accuracy=0.755)
    table = opened(page, job).get_by_role("table", name="Accuracy on the train images and on others")
    last = table.get_by_role("row", name="last, epoch 2")
    expect(last.get_by_role("cell")).to_have_text(["90.0 %", "75.5 %", "14.5 points"])
    assert "healthy" not in page.locator(".job-diagnosis").inner_text()


def test_the_epoch_in_which_a_job_diverged_is_not_done(service: Service, page: Page) -> None:
    job = service.job(recorded=1, epochs=3)
    job.record(1, train_loss=float("nan"))
    job.fail()
    expect(opened(page, job).locator(".job-facts")).to_contain_text("1 of 3 epochs")


def test_a_job_that_ended_before_its_first_epoch_promises_none(service: Service, page: Page) -> None:
    job = service.job(recorded=0)
    job.fail()
    expect(opened(page, job).locator(".job-diagnosis")).to_contain_text("it ended before its first epoch")
    expect(page.get_by_role("tab", name="Evaluation")).to_have_count(0)


def test_what_is_asked_of_a_job_is_not_offered_again(service: Service, page: Page) -> None:
    job = service.job()
    service.client.jobs.stop(job.id)
    expect(opened(page, job).locator(".status")).to_contain_text("stopping")
    expect(page.locator(".job-actions").get_by_role("button")).to_have_text(["More"])


def test_settings_have_the_names_of_the_readers_language(service: Service, open_page: OpenPage) -> None:
    page = open_page(service, locale="zh-CN")
    job = service.client.jobs.create({"dataset": "digits", "architecture": "resnet20", "optimizer": {"name": "adam"}})
    page.goto(f"/jobs/{job.id}?tab=settings&differs=1")
    rows = page.locator(".job-spec tbody tr")
    expect(rows.filter(has_text="网络结构")).to_contain_text("resnet18")
    expect(rows.filter(has_text="优化器")).to_contain_text("sgd")


def test_settings_that_differ_are_marked_and_explained(service: Service, page: Page) -> None:
    job = service.job(running=False, epochs=7)
    opened(page, job, "?tab=settings")
    row = page.get_by_role("row", name=re.compile("^Epochs"))
    expect(row).to_contain_text("default: 30", timeout=1000 * PATIENCE_SECONDS)
    row.locator(".job-field").focus()
    expect(row.get_by_role("tooltip")).to_be_visible()
    page.get_by_label("Only what differs").check()
    expect(page).to_have_url(f"{service.url}/jobs/{job.id}?tab=settings&differs=1")
    expect(page.locator(".job-spec tbody tr")).to_have_count(1)


def test_a_cell_of_the_confusion_matrix_opens_its_pictures(service: Service, page: Page) -> None:
    predictions = predictions_on(
        store_ready(service.database, service.stage.storage, pets(("cat", "dog", "bee"), each=40))
    )
    job = service.job(dataset="pets")
    job.succeed(predictions=predictions.to_bytes())
    opened(page, job, "?tab=evaluation")
    matrix = page.get_by_role("application", name="Confusion matrix")
    matrix.focus()
    told = page.locator(".job-matrix-readout")
    expect(told).to_contain_text("are recognised")
    page.keyboard.press("ArrowRight")
    expect(told).to_contain_text("taken for")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    pictures = page.get_by_role("dialog").locator("img")
    first, test = int(predictions.labels.min()), predictions.splits == 1
    count = int(((predictions.labels == first) & (predictions.probabilities.argmax(1) == first) & test).sum())
    expect(pictures).to_have_count(count)
    until(lambda: pictures.first.evaluate("image => image.complete && image.naturalWidth > 0"), "the picture is there")


def test_a_key_that_only_reads_is_offered_no_verb(
    keyed_service: Service, open_page: OpenPage, problems: Problems
) -> None:
    problems.expect("401: GET /v1/caller")
    job = keyed_service.job(project="first")
    page = open_page(keyed_service)
    page.goto(f"/jobs/{job.id}")
    page.get_by_label("API key").fill(keyed_service.keys["read"])
    page.get_by_role("button", name="Continue").click()
    expect(page.locator(".job-facts")).to_contain_text("Best accuracy")
    assert page.locator(".job-actions button, .job-edit").count() == 0
    expect(page.locator(".job-actions a")).to_have_text(["Compare"])
    page.get_by_role("tab", name="Files").click()
    with page.expect_download() as saved:  # by a link that is signed: a download sends no header
        page.get_by_role("button", name="Epochs as CSV").click()
    assert saved.value.path().read_text().startswith("epoch,train_loss,")
    with page.expect_download() as saved:
        page.get_by_role("button", name="Download the report").click()
    assert "<h1" in saved.value.path().read_text()


def test_a_job_that_is_gone_says_so(service: Service, page: Page, problems: Problems) -> None:
    problems.expect("404")
    job = service.job()
    opened(page, job)
    assert job.claim is not None
    service.stage.fail(job.claim)
    expect(page.locator(".error-panel")).to_contain_text("Lower the learning rate.")
    service.client.jobs.delete(job.id)
    expect(page.get_by_role("alert").filter(has_text="deleted meanwhile")).to_be_visible()
    assert page.locator(".job-edit").count() == 0
    page.reload()
    expect(page.get_by_role("heading", name="There is no such job")).to_be_visible()
