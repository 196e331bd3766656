"""Data sets on the page: a folder that is dropped, uploads that go on, and the report."""

import random
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import Page, Route, expect

from epochal.packing import open_upload
from tests.acceptance.conftest import Deployment
from tests.web.conftest import OpenPage, until
from tests.web.problems import Problems
from tests.web.service import Service

MARKUP = "<img src=x onerror=alert(1)>&amp; שלום 狗"
ARRIVED = 600_000  # bytes of the first part, when the connection breaks
VALIDATED = 60_000  # milliseconds until a worker has done so, on a machine that is busy
CLASSES = ("cat", MARKUP.replace("/", ""))


@pytest.fixture
def large_folder(tmp_path: Path) -> Path:
    """3 MB that are no images: a worker never sees them."""
    folder, content = tmp_path / "pets", random.Random(0)
    for number in range(9):
        path = folder / "train" / CLASSES[number % 2] / f"{'long' * 40 if number == 3 else 'ü'}{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.randbytes(350_000 + number))
    return folder


def drop(page: Page, folder: Path) -> None:
    """As a person drops it from the desktop."""
    place = page.locator(".datasets-drop").bounding_box()
    assert place
    devtools = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        data = {"items": [], "files": [str(folder)], "dragOperationsMask": 1}
        devtools.send(
            "Input.dispatchDragEvent", {"type": kind, "x": place["x"] + 40, "y": place["y"] + 30, "data": data}
        )


def offsets_of(page: Page) -> list[int]:
    """Grows while the page sends parts."""
    offsets = list[int]()
    page.on(
        "request",
        lambda request: offsets.append(int(request.headers["upload-offset"])) if request.method == "PATCH" else None,
    )
    return offsets


def stored(service: Service, upload_id: str) -> bytes:
    parts = sorted(Path(service.settings.data_dir).rglob(f"{upload_id}/*"), key=lambda path: path.name)
    return b"".join(part.read_bytes() for part in parts)


def content_of(folder: Path) -> bytes:
    with open_upload(folder) as tar:
        return tar.read_at(0, tar.size)


def test_a_dropped_folder_arrives_to_the_byte_though_the_connection_is_cut(
    open_page: OpenPage, fresh_service: Service, large_folder: Path, problems: Problems
) -> None:
    problems.expect("failed: PATCH ", "ERR_CONNECTION_RESET")
    page, content = open_page(fresh_service), content_of(large_folder)
    offsets = offsets_of(page)

    def cut(route: Route) -> None:
        """The service gets the beginning of the first part; then the connection breaks."""
        if route.request.method != "PATCH" or len(offsets) > 1:
            route.continue_()
            return
        upload = urlsplit(route.request.url).path.rpartition("/")[2]
        fresh_service.client.uploads.append(upload, 0, content[:ARRIVED])
        route.abort("connectionreset")

    page.route("**/v1/uploads/*", cut)
    page.goto("/datasets")
    drop(page, large_folder)
    expect(page.locator("dialog").get_by_label("Name")).to_have_value("pets")
    expect(page.locator(".datasets-look")).to_contain_text("9 images among 9 files")
    page.locator("dialog").get_by_role("button", name="Upload").click()
    page.get_by_role("link", name="See the report").wait_for()
    upload = next(iter(fresh_service.client.uploads.list()))
    assert upload.dataset == "pets"
    assert offsets[:2] == [0, ARRIVED]
    assert stored(fresh_service, upload.id) == content


def test_after_a_reload_the_same_folder_goes_on_where_it_stopped(
    open_page: OpenPage, fresh_service: Service, large_folder: Path, problems: Problems
) -> None:
    problems.expect("failed: PATCH ", "ERR_FAILED")
    page = open_page(fresh_service)
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto("/datasets")
    offsets = offsets_of(page)
    page.route("**/v1/uploads/*", lambda route: route.abort() if offsets[-1:] > [0] else route.continue_())
    page.locator("[data-pick=folder]").set_input_files(large_folder)
    page.locator("dialog").get_by_role("button", name="Upload").click()
    expect(page.locator(".datasets-upload")).to_contain_text("It goes on by itself")
    upload = next(iter(fresh_service.client.uploads.list()))
    assert 0 < upload.received_bytes < (upload.bytes or 0)
    page.unroute_all()
    page.reload()
    expect(page.locator(".datasets-unfinished")).to_contain_text("Choose the folder pets again")
    offsets.clear()
    page.locator("[data-pick=folder]").set_input_files(large_folder)
    page.locator("dialog").get_by_role("button", name="Go on").click()
    page.get_by_role("link", name="See the report").wait_for()
    assert offsets[0] == upload.received_bytes
    assert stored(fresh_service, upload.id) == content_of(large_folder)
    assert len(list(fresh_service.client.uploads.list())) == 1


def test_an_upload_that_is_given_up_is_gone(
    open_page: OpenPage, fresh_service: Service, large_folder: Path, problems: Problems
) -> None:
    problems.expect("failed: PATCH ", "ERR_FAILED")
    page = open_page(fresh_service)
    page.goto("/datasets")
    offsets = offsets_of(page)
    page.route(
        "**/v1/uploads/*",
        lambda route: route.abort() if route.request.method == "PATCH" and offsets[-1] > 0 else route.continue_(),
    )
    page.locator("[data-pick=folder]").set_input_files(large_folder)
    page.locator("dialog").get_by_role("button", name="Upload").click()
    expect(page.locator(".datasets-upload")).to_contain_text("It goes on by itself")
    page.locator(".datasets-upload").get_by_role("button", name="Cancel").click()
    page.locator("dialog").get_by_role("button", name="Give it up").click()
    expect(page.locator(".datasets-upload")).to_have_count(0)
    until(lambda: not list(fresh_service.client.uploads.list()), "the upload is still there")


def _pets(folder: Path) -> Path:
    """Six images of two classes in each split; one is there twice, and one is none."""
    for split in ("train", "test"):
        for number, name in enumerate(CLASSES):
            (folder / split / name).mkdir(parents=True)
            for at in range(6):
                image = Image.new("RGB", (24, 24), (40 * at, 90 * number, 200 if split == "train" else 20))
                ImageDraw.Draw(image).ellipse((2 + at, 2, 14 + at, 8 + 2 * at), fill=(250, 30 * at, 60 * number))
                image.save(folder / split / name / f"{at}.png")
    (folder / "train/cat/again.png").write_bytes((folder / "train/cat/0.png").read_bytes())
    (folder / "train/cat/broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    return folder


def test_a_report_comes_in_and_what_it_found_is_left_out(
    open_page: OpenPage, deployment: Deployment, tmp_path: Path
) -> None:
    page = open_page(deployment)
    page.goto("/datasets")
    page.locator("[data-pick=folder]").set_input_files(_pets(tmp_path / "page-pets"))
    page.locator("dialog").get_by_role("button", name="Upload").click()
    page.get_by_role("link", name="See the report").click()
    expect(page).to_have_url(re.compile("/datasets/page-pets/1$"))
    expect(page.get_by_role("heading", name="2 classes")).to_be_visible(timeout=VALIDATED)
    expect(page.locator(".datasets-class").first).to_have_text(CLASSES[1])
    assert page.locator(".datasets img[src=x]").count() == 0  # a class's name is no markup
    duplicates = page.locator("[data-code=exact_duplicates]")
    duplicates.get_by_role("button", name="Show examples").click()
    until(lambda: duplicates.locator("img").evaluate("(image) => image.naturalWidth") > 100, "no picture")
    expect(page.locator("[data-code=unreadable_files]")).to_contain_text("1 file cannot be read")
    duplicates.get_by_role("button", name="Leave out").click()
    page.get_by_role("button", name="Make the next version").click()
    expect(page).to_have_url(re.compile("/datasets/page-pets/2$"))
    expect(page.get_by_role("heading", name="2 classes")).to_be_visible(timeout=VALIDATED)
    expect(page.locator("[data-code=exact_duplicates]")).to_have_count(0)
    page.get_by_role("link", name="Train on it").click()
    expect(page).to_have_url(re.compile("/new.dataset=page-pets(%40|@)2"))


def test_what_is_no_data_set_says_why(open_page: OpenPage, deployment: Deployment, tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes/a.txt").write_text("nothing to see")
    page = open_page(deployment)
    page.goto("/datasets")
    page.locator("[data-pick=folder]").set_input_files(tmp_path / "notes")
    expect(page.locator("dialog .notice-warn")).to_contain_text("will probably refuse it")
    page.locator("dialog").get_by_label("Name").fill("page-notes")
    page.locator("dialog").get_by_role("button", name="Upload").click()
    page.get_by_role("link", name="See the report").click()
    expect(page.locator(".error-panel")).to_contain_text("This upload is no data set", timeout=VALIDATED)
    said: dict[str, Any] = deployment.http.get("/v1/datasets/page-notes/versions/1").json()
    expect(page.locator(".error-panel")).to_contain_text(said["error"]["message"])


def test_a_key_that_may_only_read_is_offered_no_upload(open_page: OpenPage, keyed_service: Service) -> None:
    page = open_page(keyed_service)
    page.add_init_script(f"sessionStorage.setItem('epochal.key', '{keyed_service.keys['read']}')")
    page.goto("/datasets")
    expect(page.locator(".datasets-table")).to_be_visible()
    expect(page.locator(".datasets-drop")).to_have_count(0)
