"""Models on the page: asked what a picture shows, named, and moved to by an alias."""

from io import BytesIO

import pytest
from PIL import Image
from playwright.sync_api import FilePayload, Page, Route, expect

from tests.acceptance.conftest import PATIENCE_SECONDS, Deployment
from tests.web.conftest import OpenPage, until
from tests.web.problems import Problems
from tests.web.service import Service

SLOW = 60_000  # milliseconds that a prediction may take on a machine that is busy
MARKUP = "<b>better</b> by 2 points"


def picture() -> FilePayload:
    """A one, as `digits` has it."""
    image = Image.new("L", (8, 8))
    image.paste(255, (3, 0, 5, 8))
    file = BytesIO()
    image.save(file, "PNG")
    return {"name": "one.png", "mimeType": "image/png", "buffer": file.getvalue()}


def choose(page: Page, file: FilePayload) -> None:
    page.locator("[data-pick=picture]").set_input_files(file)


@pytest.fixture(scope="module")
def trained(deployment: Deployment) -> str:
    """The id of a model that a job has just left."""
    job = deployment.submit(epochs=2)
    deployment.until(job, "succeeded")
    model: str = deployment.http.get("/v1/models", params={"job": job}).json()["data"][0]["id"]
    return model


def test_a_trained_model_is_asked_what_a_picture_shows(
    open_page: OpenPage, deployment: Deployment, trained: str, problems: Problems
) -> None:
    page = open_page(deployment)
    page.goto("/models")
    page.locator(f".models-name[href='/models/{trained}']").click()
    problems.expect("409: POST /v1/models/.*/predict")  # it has not been exported: the page offers to do so
    choose(page, picture())
    page.get_by_role("button", name="Export and ask").click()
    expect(page.locator(".models-labels li")).to_have_count(5, timeout=SLOW)
    said = deployment.http.post(
        f"/v1/models/{trained}/predict?top=5", content=picture()["buffer"], headers={"Content-Type": "image/png"}
    ).json()["predictions"][0]["labels"]
    expect(page.locator(".models-label-name")).to_have_text([each["label"] for each in said])
    shares = page.locator(".models-label-share").all_inner_texts()
    assert shares[0] == f"{said[0]['probability']:.1%}".replace("%", "\u00a0%") or shares[0].startswith(">")
    seen = page.get_by_role("img", name="The picture with what speaks for")
    until(lambda: seen.evaluate("(image) => image.naturalWidth") >= 8, "no activation map")

    choose(page, {"name": "cat.png", "mimeType": "image/png", "buffer": b"this is no picture"})
    expect(page.locator(".models-answer")).to_contain_text("This is no picture that can be read", timeout=SLOW)
    expect(page.locator(".models-labels")).to_have_count(0)
    choose(page, picture())
    expect(page.locator(".models-label-name").first).to_have_text(said[0]["label"], timeout=SLOW)


def test_a_format_is_made_and_downloaded(open_page: OpenPage, deployment: Deployment, trained: str) -> None:
    page = open_page(deployment)
    page.goto(f"/models/{trained}")
    program = page.locator("[data-format=torch]")
    program.get_by_role("button", name="Make").click()
    expect(program.get_by_role("button", name="Download model.pt2")).to_be_visible(timeout=1000 * PATIENCE_SECONDS)
    with page.expect_download() as download:
        program.get_by_role("button", name="Download model.pt2").click()
    assert download.value.suggested_filename == "model.pt2"


def models_of(service: Service, count: int) -> list[str]:
    for _ in range(count):
        service.job(recorded=2).succeed()
    return [model.id for model in service.client.models.list()][:count]


def test_an_alias_moves_from_one_version_to_another(open_page: OpenPage, fresh_service: Service) -> None:
    newer, older = models_of(fresh_service, 2)
    page = open_page(fresh_service)
    for at, model in enumerate((older, newer)):
        page.goto(f"/models/{model}")
        page.get_by_label("Give it a name").fill("cats")
        page.get_by_role("button", name="Name it").click()
        expect(page.locator(".models-named-head")).to_contain_text(f"cats@{at + 1}")
        page.get_by_label("Alias").fill("production")
        page.get_by_label("Reason").fill(MARKUP)
        page.get_by_role("button", name="Set").click()
    expect(page.locator("dialog")).to_contain_text("cats@production stands for version 1")
    assert fresh_service.client.models.retrieve("cats@production").id == older  # not before it is confirmed
    page.locator("dialog").get_by_role("button", name="Move it").click()
    expect(page.locator(".models-aliases")).to_contain_text("stands for this")
    assert fresh_service.client.models.retrieve("cats@production").id == newer
    page.get_by_role("button", name="History").click()
    expect(page.locator("dialog")).to_contain_text(MARKUP)
    page.locator("dialog").get_by_role("button", name="Back to it").click()
    page.locator("dialog").get_by_role("button", name="Move it").click()
    until(lambda: fresh_service.client.models.retrieve("cats@production").id == older, "it has not moved back")


def test_a_model_is_deleted_once_that_is_confirmed(open_page: OpenPage, fresh_service: Service) -> None:
    free, _ = models_of(fresh_service, 2)
    page = open_page(fresh_service)
    page.goto(f"/models/{free}")
    page.get_by_role("button", name="More").click()
    page.get_by_role("menuitem", name="Delete the model").click()
    expect(page.locator("dialog")).to_contain_text("The job stays with its curves")
    page.locator("dialog").get_by_role("button", name="Delete").click()
    expect(page.locator(".models-table tbody tr")).to_have_count(1)


def test_a_picture_that_is_fetched_after_its_link_has_ended_gets_another(
    open_page: OpenPage, keyed_service: Service, problems: Problems
) -> None:
    problems.expect("^410: GET /v1/jobs/")
    path, png = "/v1/jobs/job_01kasm2pbk5s9d0w3g6vq8zrhf/curves.png", picture()["buffer"]
    page = open_page(keyed_service)
    page.add_init_script(f"sessionStorage.setItem('epochal.key', '{keyed_service.keys['train']}')")
    page.goto("/models")
    expect(page.get_by_role("heading", name="Models", exact=True)).to_be_visible()
    links = list[str]()

    def answer(route: Route) -> None:
        links.append(route.request.url)
        if len(links) == 1:
            route.fulfill(status=410)
        else:
            route.fulfill(body=png, content_type="image/png")

    page.route(f"**{path}*", answer)
    page.evaluate(
        f"""async () => {{
          const root = document.documentElement.dataset.assets;
          const {{ html, render }} = await import(`${{root}}/scripts/dom.js`);
          const {{ Picture }} = await import(`${{root}}/scripts/components/basics.js`);
          const place = document.body.appendChild(document.createElement("div"));
          place.id = "place";
          render(html`<${{Picture}} path="{path}" alt="curves" />`, place);
        }}"""
    )
    curves = page.locator("#place img")
    until(lambda: curves.count() and curves.evaluate("(image) => image.naturalWidth") > 0, "no picture")
    assert len(links) == 2
