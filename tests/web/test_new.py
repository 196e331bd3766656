"""The form that submits a job."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Locator, Page, expect

from api.schemas.submission import JobCreate
from tests.web.conftest import OpenPage, until
from tests.web.service import Service
from tests.web.test_axe import in_all_colours

READY = ".form-state[data-state=ready]"
REFUSED = r"422: POST /v1/jobs"

# A spec in which every part that may be missing is there.
ALL_ON = {
    "validation_fold": {"index": 0, "of": 5},
    "optimizer": {"name": "sgd", "sam": {}},
    "augmentation": {
        part: {} for part in ("crop", "resized_crop", "rotation", "colour", "cutout", "erasing", "mixup", "cutmix")
    }
    | {"policy": {"name": "randaugment"}},
    "regularisation": {"ema": {}, "swa": {"start_epoch": 3}, "early_stopping": {}},
}
HOSTILE = """it's "$HOME" `id` \\n !x ü 中文 <b>"""


def opened(page: Page, address: str = "/new", *, ready: bool = True) -> Page:
    page.goto(address)
    page.wait_for_selector(READY if ready else ".form-state[data-state=wrong]")
    return page


def field(page: Page, name: str) -> Locator:
    return page.locator(f'[data-field="{name}"]')


def control(page: Page, name: str) -> Locator:
    return field(page, name).locator("input, select, textarea").first


def equivalent(page: Page, tab: str) -> str:
    page.get_by_role("tab", name=tab, exact=True).click()
    return page.locator("[data-equivalent] pre").inner_text()


def body(page: Page) -> Any:
    return json.loads(equivalent(page, "JSON"))


def open_groups(page: Page) -> None:
    page.evaluate("document.querySelectorAll('details.form-group:not([open]) > summary').forEach(each => each.click())")
    expect(page.locator("details.form-group:not([open])")).to_have_count(0)


# Chooses one kind of a part after the other, and returns every field that is then shown.
CHOOSE_EACH = """async ([part, kinds]) => {
  const found = new Set();
  const drawn = () => new Promise(requestAnimationFrame);
  const look = () => document.querySelectorAll("[data-field]").forEach((each) => found.add(each.dataset.field));
  const control = document.querySelector(`[data-field="${part}"] :is(input, select)`);
  look();
  for (const kind of kinds ?? [...control.options].map((each) => each.value)) {
    control.value = kind;
    control.dispatchEvent(new Event(kinds ? "input" : "change", { bubbles: true }));
    await drawn();
    if (kinds) control.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));
    await drawn();
    look();
  }
  return [...found];
}"""
FAMILIES = ["resnet20", "resnet50", "resnext29-8x64d", "resnext50-32x4d", "wrn-16-1", "pyramidnet-110-48"]


def options_in(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Every object that a value of the schema may be."""
    if "$ref" in schema:
        yield from options_in(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    for each in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        yield from options_in(each, definitions)
    if "properties" in schema:
        yield schema


def names_in(schema: Mapping[str, Any], definitions: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Every field, by its path. A part's `name` is the part itself in the form."""
    for option in options_in(schema, definitions):
        for name, inner in option["properties"].items():
            if not (name == "name" and path.count(".") >= 1):
                yield path + name
                yield from names_in(inner, definitions, f"{path}{name}.")


def test_every_field_of_the_schema_is_in_the_form(page: Page, problems: Any) -> None:
    problems.expect(REFUSED)
    opened(page, f"/new?spec={quote(json.dumps(ALL_ON))}", ready=False)
    open_groups(page)
    found = set[str]()
    kinds = {"optimizer": None, "schedule": None, "augmentation.policy": None, "architecture": FAMILIES}
    for part, names in kinds.items():
        found |= set(page.evaluate(CHOOSE_EACH, [f"spec.{part}", names]))
    schema = JobCreate.model_json_schema()
    always_there = {"spec", "spec.augmentation", "spec.regularisation", "spec.checkpoints"}  # groups, and no fields
    assert set(names_in(schema, schema["$defs"])) - always_there == found


# What zh_fields.js names, by path, by name, and units.
NAMED = """async () => {
  const base = document.documentElement.dataset.assets;
  const { paths, names, units } = (await import(`${base}/text/zh_fields.js`)).default;
  return [paths, names, units].map((each) => Object.keys(each));
}"""


def test_chinese_names_are_of_fields_that_there_are(open_page: OpenPage, service: Service) -> None:
    page = opened(open_page(service, locale="zh-CN"))
    expect(field(page, "spec.optimizer.learning_rate").locator("label")).to_have_text("学习率")
    paths, names, units = map(set, page.evaluate(NAMED))
    schema = JobCreate.model_json_schema()
    fields = set(names_in(schema, schema["$defs"]))
    assert paths - {each.removeprefix("spec.").replace(".", "_") for each in fields} == set()
    assert names - {each.rpartition(".")[2] for each in fields} == set()
    assert units - set(re.findall(r'"unit": "([^"]+)"', json.dumps(schema))) == set()


def test_values_come_from_recipe_and_defaults_until_something_is_said(page: Page) -> None:
    opened(page)
    page.locator("input[type=radio][value=standard]").check()
    expect(control(page, "spec.epochs")).to_have_attribute("placeholder", "200")
    expect(field(page, "spec.epochs").locator(".form-origin")).to_have_text("recipe")
    expect(field(page, "spec.seed").locator(".form-origin")).to_have_text("default")
    assert body(page) == {"spec": {"dataset": "digits", "recipe": "standard"}}

    control(page, "spec.epochs").fill("7")
    control(page, "spec.augmentation.flip").uncheck()
    control(page, "spec.augmentation.crop").uncheck()
    control(page, "spec.optimizer").select_option("adam")
    expect(control(page, "spec.optimizer.learning_rate")).to_have_attribute("placeholder", "0.001")
    assert body(page)["spec"] == {
        "dataset": "digits",
        "recipe": "standard",
        "epochs": 7,
        "augmentation": {"flip": False, "crop": None},
        "optimizer": {"name": "adam"},
    }
    expect(page.locator(".form-changes")).to_contain_text("epochs2007")

    for name in ("spec.epochs", "spec.augmentation.flip", "spec.augmentation.crop", "spec.optimizer"):
        field(page, name).get_by_role("button", name="Set back").click()
    assert body(page) == {"spec": {"dataset": "digits", "recipe": "standard"}}


def test_what_the_form_shows_is_what_the_service_resolves(page: Page, service: Service) -> None:
    opened(page)
    control(page, "spec.dataset").fill("cifar10")
    for recipe in service.client.recipes.list():
        page.locator(f"input[type=radio][value={recipe.name}]").check()
        page.wait_for_selector(READY)
        resolved = service.client.jobs.dry_run({"dataset": "cifar10", "recipe": recipe.name}).spec
        for name in ("epochs", "batch_size"):
            expect(control(page, f"spec.{name}")).to_have_attribute("placeholder", str(resolved[name]))
        expect(control(page, "spec.optimizer")).to_have_value(resolved["optimizer"]["name"])
        assert control(page, "spec.augmentation.flip").is_checked() == resolved["augmentation"]["flip"]
        assert control(page, "spec.augmentation.crop").is_checked() == (resolved["augmentation"]["crop"] is not None)


def test_errors_stand_at_their_fields_and_lead_there(page: Page, service: Service, problems: Any) -> None:
    problems.expect(REFUSED)
    opened(page)
    control(page, "spec.dataset").fill("")
    expect(field(page, "spec.dataset").locator(".field-error")).to_contain_text("missing")
    control(page, "spec.dataset").fill("digit")
    expect(field(page, "spec.dataset").locator(".field-error")).to_contain_text("Did you mean 'digits'?")
    control(page, "spec.dataset").press("Enter")  # takes the one that is found
    page.wait_for_selector(READY)
    control(page, "spec.epochs").fill("many")
    expect(field(page, "spec.epochs").locator(".field-error")).to_have_text('should be an integer, not "many"')
    control(page, "spec.epochs").fill("3")
    page.wait_for_selector(READY)
    page.get_by_role("searchbox").fill("early stopping")
    control(page, "spec.regularisation.early_stopping").check()
    page.get_by_role("searchbox").fill("")
    entry = page.locator(".form-errors button", has_text="Early stopping")
    expect(entry).to_contain_text("nothing is split off to validate on: set validation_fraction")
    entry.click()  # opens the group in which it is folded away
    expect(control(page, "spec.regularisation.early_stopping")).to_be_focused()
    described = control(page, "spec.regularisation.early_stopping").get_attribute("aria-describedby") or ""
    texts = [page.locator(f'[id="{each}"]').text_content() or "" for each in described.split()]
    assert any("validation_fraction" in each for each in texts), texts

    jobs = len(service.client.jobs.list().data)
    page.locator(".form-side .form-submit").click()
    page.wait_for_timeout(300)
    assert len(service.client.jobs.list().data) == jobs
    assert page.url.endswith("/new")


def test_a_double_click_and_a_lost_answer_make_one_job(page: Page, service: Service, problems: Any) -> None:
    problems.expect(r"failed: POST /v1/jobs: net::ERR_FAILED", "ERR_FAILED")
    opened(page)
    page.get_by_role("button", name="Fill this in").click()
    control(page, "name").fill(HOSTILE)
    page.wait_for_selector(READY)
    lost = list[str]()

    def lose_the_first(route: Any) -> None:
        lost.append(route.request.headers["idempotency-key"])
        if len(lost) == 1:
            route.fetch()
            route.abort()
        else:
            route.continue_()

    page.route("**/v1/jobs", lose_the_first)
    page.locator(".form-side .form-submit").dblclick()
    page.wait_for_url("**/jobs/job_*")
    jobs = [each for each in service.client.jobs.list() if each.name == HOSTILE]
    assert len(jobs) == 1
    assert page.url.endswith(jobs[0].id)
    assert lost[1:] == lost[:1]
    assert (jobs[0].spec["epochs"], jobs[0].spec["architecture"]["name"]) == (5, "resnet20")
    opened(page)  # nothing is left of the draft
    assert body(page) == {"spec": {"dataset": "digits"}}


def test_a_draft_outlives_its_page(page: Page) -> None:
    opened(page)
    control(page, "spec.batch_size").fill("64")
    control(page, "tags").fill("lab, report, lab")
    assert body(page) == {"tags": ["lab", "report"], "spec": {"dataset": "digits", "batch_size": 64}}
    opened(page, "/new?recipe=standard")
    assert body(page) == {"spec": {"recipe": "standard", "dataset": "digits"}}
    opened(page)
    assert body(page) == {"tags": ["lab", "report"], "spec": {"dataset": "digits", "batch_size": 64}}
    page.get_by_role("button", name="Start over").click()
    assert body(page) == {"spec": {"dataset": "digits"}}


SPEC = {
    "dataset": "digits",
    "recipe": "strong",
    "epochs": 9,
    "optimizer": {"name": "muon", "momentum": 0.9},
    "augmentation": {"cutmix": None, "crop": {"padding": 1}, "rotation": {}},
    "checkpoints": {"minutes": None},
}


def test_a_job_is_taken_over_with_what_differs_from_its_recipe(page: Page, service: Service) -> None:
    job = service.client.jobs.create(SPEC, name="first", tags=["lab"])
    opened(page, f"/new?from={job.id}")
    assert body(page) == {"name": "first 2", "tags": ["lab"], "spec": SPEC}
    again = service.client.jobs.dry_run(body(page)["spec"])
    assert again.spec == job.spec


def test_a_suggested_change_is_marked(page: Page, service: Service) -> None:
    job = service.client.jobs.create(SPEC)
    change = {
        "regularisation": {"label_smoothing": 0.2},
        "optimizer": {"name": "adamw"},
        "augmentation": {"cutmix": {}},
    }
    opened(page, f"/new?from={job.id}&spec={quote(json.dumps(change))}")
    expect(field(page, "spec.regularisation.label_smoothing").locator(".form-suggested")).to_be_visible()
    expect(field(page, "spec.optimizer").locator(".form-suggested")).to_be_visible()
    expect(field(page, "spec.epochs").locator(".form-suggested")).to_have_count(0)
    rerun = service.client.jobs.rerun(job.id, spec=change)
    assert service.client.jobs.dry_run(body(page)["spec"]).spec == rerun.spec
    control(page, "spec.regularisation.label_smoothing").fill("0.3")
    expect(field(page, "spec.regularisation.label_smoothing").locator(".form-suggested")).to_have_count(0)


def submitted(service: Service, command: list[str], text: str = "") -> Any:
    """The job that a command makes."""
    before = {each.id for each in service.client.jobs.list()}
    environment = os.environ | {
        "EPOCHAL_URL": service.url,
        "EPOCHAL_API_KEY": service.keys.get("train", ""),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    done = subprocess.run(command, input=text, text=True, capture_output=True, env=environment, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    (job,) = [each for each in service.client.jobs.list() if each.id not in before]
    return job


@pytest.fixture
def filled(page: Page, service: Service) -> Page:
    spec = SPEC | {
        "architecture": {"name": "resnet20", "activation": "relu"},
        "optimizer": {"name": "adam", "epsilon": 1e-8},
    }
    spec |= {"schedule": {"name": "multistep", "milestones": [3, 6]}}
    opened(page, f"/new?spec={quote(json.dumps(spec))}&recipe=strong")
    control(page, "name").fill(HOSTILE)
    control(page, "tags").fill("-x, lab, true")
    open_groups(page)
    control(page, "priority").fill("7")
    page.wait_for_selector(READY)
    return page


def test_the_equivalents_make_the_same_job(filled: Page, service: Service) -> None:
    said = body(filled)
    expected = service.client.jobs.dry_run(**said)
    ways = {
        "curl": ["bash", "-c", equivalent(filled, "curl") + " --fail-with-body"],
        "Python": [sys.executable, "-c", equivalent(filled, "Python")],
        "Command": ["bash", "-c", equivalent(filled, "Command")],
    }
    jobs = {way: submitted(service, command) for way, command in ways.items()}
    jobs["YAML"] = submitted(service, ["epochal", "submit", "-f", "-"], equivalent(filled, "YAML"))
    jobs["JSON"] = submitted(service, ["epochal", "submit", "-f", "-"], equivalent(filled, "JSON"))
    for way, job in jobs.items():
        assert job.spec == expected.spec, way
        assert (job.name, list(job.tags), job.priority) == (HOSTILE, ["-x", "lab", "true"], 7), way


def with_key(page: Page, key: str) -> None:
    page.goto("/new")
    page.get_by_label("API key").fill(key)
    page.get_by_role("button", name="Continue").click()


def test_a_key_that_may_not_train_is_offered_no_form(
    open_page: OpenPage, keyed_service: Service, problems: Any
) -> None:
    problems.expect("^401: GET /v1/caller")  # before there is a key
    page = open_page(keyed_service)
    with_key(page, keyed_service.keys["read"])
    page.wait_for_selector("text=may not submit jobs")
    assert page.locator(".form").count() == 0

    page = open_page(keyed_service)
    with_key(page, keyed_service.keys["train"])
    page.wait_for_selector(READY)
    for way, shell in {"curl": ["bash", "-c"], "Python": [sys.executable, "-c"], "Command": ["bash", "-c"]}.items():
        text = equivalent(page, way)
        assert keyed_service.keys["train"] not in text
        assert submitted(keyed_service, [*shell, text]).spec["dataset"] == "digits"


def test_help_opens_with_the_focus_and_closes_with_escape(page: Page) -> None:
    opened(page)
    control(page, "spec.optimizer.learning_rate").focus()
    help_ = field(page, "spec.optimizer.learning_rate").get_by_role("tooltip")
    expect(help_).to_be_visible()
    expect(help_).to_contain_text("How far a step goes, before the schedule.")
    expect(help_).to_contain_text("Epochal's default.")
    page.keyboard.press("Escape")
    expect(help_).to_be_hidden()
    control(page, "spec.augmentation.crop").check()
    control(page, "spec.augmentation.crop.padding").focus()
    expect(page.get_by_role("tooltip")).to_have_count(1)  # not that of the part, too
    expect(page.get_by_role("tooltip")).to_contain_text("Width of the border on each side")
    field(page, "spec.seed").locator("label").hover()
    expect(field(page, "spec.seed").get_by_role("tooltip")).to_be_visible()


def test_the_newest_dry_run_wins(page: Page) -> None:
    opened(page)
    asked = list[Any]()
    page.on("request", lambda each: asked.append(each.post_data_json) if "dry_run" in each.url else None)
    control(page, "spec.epochs").press_sequentially("123", delay=30)
    page.wait_for_selector(READY)
    until(lambda: "in 123 epochs" in page.locator(".form-facts").inner_text(), "the steps of 123 epochs")
    assert [each["spec"]["epochs"] for each in asked] == [123], "one request when the typing pauses"


def test_axe_finds_nothing_with_everything_open(page: Page, problems: Any) -> None:
    problems.expect(REFUSED)
    opened(page, f"/new?recipe=strong&spec={quote(json.dumps(ALL_ON | {'epochs': -1}))}", ready=False)
    open_groups(page)
    assert in_all_colours(page) == {}
    control(page, "spec.architecture").click()
    expect(field(page, "spec.architecture").get_by_role("tooltip")).to_be_visible()
    assert in_all_colours(page) == {}


def test_what_is_typed_for_an_architecture_is_taken_when_the_field_is_left(page: Page, problems: Any) -> None:
    problems.expect(REFUSED)
    opened(page)
    architecture = control(page, "spec.architecture")
    architecture.click()
    page.keyboard.type("resnet20")  # the click has selected what was there
    page.keyboard.press("Tab")
    expect(architecture).to_have_value("resnet20")
    assert body(page)["spec"]["architecture"] == {"name": "resnet20"}
    architecture.press("Control+a")
    page.keyboard.type("resnet999")
    page.keyboard.press("Tab")
    expect(architecture).to_have_value("resnet999")
    expect(field(page, "spec.architecture").locator(".field-error")).to_contain_text("no architecture 'resnet999'")


def test_suggested_changes_stand_at_the_top_and_lead_to_their_fields(page: Page, service: Service) -> None:
    base = service.job(name="the base").id
    opened(page, f"/new?from={base}&spec={quote(json.dumps({'optimizer': {'learning_rate': 0.01}}))}")
    page.get_by_role("button", name="Learning rate: 0.01").click()
    expect(control(page, "spec.optimizer.learning_rate")).to_be_focused()
    expect(control(page, "spec.optimizer.learning_rate")).to_be_in_viewport()
