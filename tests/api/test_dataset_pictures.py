"""What images of an uploaded data set look like, over HTTP."""

import struct
import sys
import zlib
from collections.abc import Sequence
from contextlib import closing
from io import BytesIO
from pathlib import Path
from subprocess import run
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from api.service.index_cache import IndexCache
from api.service.picture_renderer import PictureRenderer
from api.service.request_costs import COSTS, EXPENSIVE
from models import Database
from storage import Storage
from tests.api.picture_data import Sample, encoded, noise, pets, store_ready
from training.images.packs import ImageIndex

if TYPE_CHECKING:
    from tests.api.conftest import Tenants

VERSION = "/v1/datasets/pets/versions/1"
SHEET = f"{VERSION}/samples.png"
AS_JSON = {"Accept": "application/json"}


@pytest.fixture
def index(database: Database, storage: Storage) -> ImageIndex:
    return store_ready(database, storage, pets(), findings=FINDINGS)


def picture(client: TestClient, url: str, **query: Any) -> Image.Image:
    answer = client.get(url, params=query)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png"), answer.text
    return Image.open(BytesIO(answer.content)).convert("RGB")


def shown(sheet: Image.Image, image: Image.Image) -> bool:
    """Whether an image of 16 pixels a side is on a sheet, six times as large."""
    wanted = np.asarray(image.convert("RGB")).repeat(6, 0).repeat(6, 1)
    pixels = np.asarray(sheet)
    rows, columns = np.nonzero((pixels == wanted[0, 0]).all(axis=-1))
    return any(
        np.array_equal(pixels[row : row + 96, column : column + 96], wanted)
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True)
    )


def problem(client: TestClient, url: str, status: int, **query: Any) -> Any:
    answer = client.get(url, params=query)
    assert answer.status_code == status, answer.text
    return answer.json()


def finding(code: str, *examples: dict[str, Any]) -> dict[str, Any]:
    return {
        "code": code,
        "severity": "warning",
        "count": len(examples),
        "message": f"{len(examples)} images are {code}.",
        "hint": "Look at them.",
        "examples": list(examples),
    }


def _pair(one: int, other: int) -> dict[str, Any]:
    ids = [_index_of_pets().ids[row] for row in (one, other)]
    return {"image": ids[0], "other": ids[1], "value": 3.0, "detail": "train/cat and train/dog: 3 of 64 bits differ"}


def _index_of_pets() -> ImageIndex:
    from tests.api.picture_data import _packed

    return _packed(pets())[0]


FINDINGS = [
    finding("leaked_near", _pair(0, 5)),
    finding("too_dark", {"image": _index_of_pets().ids[2], "other": None, "value": 0.1, "detail": "train/cat: dark"}),
    finding("few_images", {"image": None, "other": None, "value": 3.0, "detail": "class cat: 3 images"}),
]


def test_a_contact_sheet_shows_images_of_each_class(client: TestClient, index: ImageIndex) -> None:
    sheet = picture(client, SHEET)
    assert all(shown(sheet, noise(1000 * label + number)) for label in range(2) for number in range(6))


def test_class_and_split_choose(client: TestClient, index: ImageIndex) -> None:
    sheet = picture(client, SHEET, **{"class": "dog", "split": "test"})
    assert [shown(sheet, noise(1000 + number)) for number in range(6)] == [False] * 4 + [True] * 2
    assert not shown(sheet, noise(0))


def test_the_same_seed_draws_the_same_images_and_another_one_others(client: TestClient, index: ImageIndex) -> None:
    drawn = {seed: client.get(SHEET, params={"seed": seed, "count": 1}).content for seed in range(8)}
    assert client.get(SHEET, params={"seed": 3, "count": 1}).content == drawn[3]
    sheets = [Image.open(BytesIO(content)).convert("RGB") for content in drawn.values()]
    chosen = {tuple(shown(sheet, noise(number)) for number in range(6)) for sheet in sheets}
    assert len(chosen) > 1
    assert {sum(each) for each in chosen} == {1}


def test_an_edited_version_shows_the_other_images_as_before(
    client: TestClient, database: Database, storage: Storage
) -> None:
    every = pets(each=20)
    store_ready(database, storage, every)
    before = picture(client, SHEET, **{"class": "cat", "count": 5})
    hidden = next(number for number in range(30) if shown(before, noise(number)))
    store_ready(database, storage, [each for each in every if not each.name.endswith(f"/cat/{hidden}.png")])
    after = picture(client, "/v1/datasets/pets/versions/2/samples.png", **{"class": "cat", "count": 5})
    kept = [number for number in range(30) if number != hidden and shown(before, noise(number))]
    assert len(kept) == 4
    assert all(shown(after, noise(number)) for number in kept)


def test_classes_that_do_not_fit_are_counted(client: TestClient, database: Database, storage: Storage) -> None:
    names = [f"class {number:03} {'訓練' * (number % 3)}" for number in range(100)]
    store_ready(database, storage, pets(names, each=2))
    sheet = picture(client, SHEET)
    assert (sheet.width <= 1600, 2200 < sheet.height <= 2400) == (True, True)
    assert picture(client, SHEET, **{"class": names[-1]})


@pytest.mark.parametrize("url", [SHEET, f"{SHEET}?class=cat", f"{SHEET}?finding=leaked_near"])
def test_a_picture_that_is_known_is_not_drawn_again(
    client: TestClient, index: ImageIndex, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = client.get(url)
    etag = first.headers["etag"]
    monkeypatch.delattr(PictureRenderer, "draw")
    assert client.get(url).content == first.content
    known = client.get(url, headers={"If-None-Match": etag})
    assert (known.status_code, known.headers["etag"], known.content) == (304, etag, b"")
    assert client.get(url, headers={"If-Match": '"other"'}).status_code == 412
    assert client.head(url).headers["content-length"] == str(len(first.content))


def test_every_picture_has_an_etag_of_its_own(client: TestClient, index: ImageIndex) -> None:
    queries = ["", "?seed=1", "?class=cat", "?split=test", "?count=3", "?finding=too_dark", "?finding=leaked_near"]
    urls = [f"{SHEET}{query}" for query in queries] + [f"{VERSION}/images/{name}" for name in index.ids[:2]]
    assert len({client.get(url).headers["etag"] for url in urls}) == len(urls)


def test_what_there_is_not_is_told_with_what_was_meant(client: TestClient, index: ImageIndex) -> None:
    assert "did you mean 'cat'?" in problem(client, SHEET, 422, **{"class": "Cat"})["detail"]
    assert "did you mean 'leaked_near'?" in problem(client, SHEET, 422, finding="leaked_nera")["detail"]
    assert "did you mean 'dog'?" in problem(client, f"{VERSION}/images", 422, **{"class": "dogs"})["detail"]
    assert problem(client, SHEET, 422, **{"finding": "too_dark", "class": "cat", "seed": 1})["errors"] == [
        {"parameter": name, "detail": "does not go with `finding`, which names its images"}
        for name in ("class", "seed")
    ]
    for wrong in ("0", "x" * 16, "0" * 16, f"{index.ids[0]}-1", f"{index.ids[0]}-2", "%00", "<b>"):
        assert problem(client, f"{VERSION}/images/{wrong}", 404)["code"] == "image_not_found"
    assert problem(client, f"{VERSION}/images", 422, after="0" * 16)["code"] == "cursor_invalid"


def test_examples_of_a_finding_stand_side_by_side(client: TestClient, index: ImageIndex) -> None:
    sheet = np.asarray(picture(client, SHEET, finding="leaked_near"))
    for row, left in ((0, 24), (5, 24 + 176 + 3)):
        content = client.get(f"{VERSION}/images/{index.ids[row]}").content
        wanted = np.asarray(Image.open(BytesIO(content)).convert("RGB")).repeat(11, 0).repeat(11, 1)
        np.testing.assert_array_equal(sheet[88 : 88 + 176, left : left + 176], wanted)
    assert "no examples that are images" in problem(client, SHEET, 422, finding="few_images")["detail"]


def test_an_image_is_a_picture_or_what_is_known_of_it(client: TestClient, index: ImageIndex) -> None:
    url = f"{VERSION}/images/{index.ids[0]}"
    answer = client.get(url)
    assert (answer.headers["content-type"], answer.headers["vary"]) == ("image/png", "Accept")
    told = client.get(url, headers=AS_JSON)
    assert told.json() == {
        "id": index.ids[0],
        "name": index.names[0],
        "class": "cat",
        "split": "train",
        "bytes": int(index.lengths[0]),
        "links": {"self": url, "version": VERSION},
    }
    assert client.get(url, headers={**AS_JSON, "If-None-Match": told.headers["etag"]}).status_code == 304
    assert client.get(url, headers={"Accept": "text/html"}).status_code == 406


def test_a_picture_is_upright_opaque_and_not_too_large(
    client: TestClient, database: Database, storage: Storage
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    turned = encoded(Image.new("L", (60, 30), 7), "JPEG", exif=exif)
    clear = encoded(Image.new("RGBA", (20, 20), (0, 0, 0, 0)))
    large = encoded(Image.new("RGB", (5000, 2500), (1, 2, 3)))
    samples = [
        Sample("train", "a", name, content, name.encode() * 16)
        for name, content in (("t1", turned), ("c1", clear), ("l1", large))
    ]
    index = store_ready(database, storage, samples)
    found = {
        name: client.get(f"{VERSION}/images/{image}").content
        for name, image in zip(index.names, index.ids, strict=True)
    }
    pictures = {name: Image.open(BytesIO(content)) for name, content in found.items()}
    assert (pictures["t1"].size, pictures["t1"].mode) == ((30, 60), "L")
    assert pictures["c1"].convert("RGB").getpixel((0, 0)) == (255, 255, 255)
    assert pictures["l1"].size == (2048, 1024)


def test_pages_have_every_image_once_with_its_name_as_it_was_sent(
    client: TestClient, database: Database, storage: Storage
) -> None:
    names = ['a"b\\', '\\"', "訓練/1.png", "a\r\nX: y", "<b>", "\u202e", "../../etc/passwd", "x" * 300]
    content = encoded(noise(1))
    alike = [Sample("train", "cät & dog", name, content) for name in names]
    index = store_ready(database, storage, [*alike, *pets()])
    found, url = list[Any](), f"{VERSION}/images?limit=3"
    while url:
        page = client.get(url).json()
        assert page["has_more"] == (page["next"] is not None)
        found += page["data"]
        url = page["next"]
    assert [(each["id"], each["name"]) for each in found] == [*zip(index.ids, index.names, strict=True)]
    chosen = client.get(f"{VERSION}/images", params={"class": "cät & dog", "limit": 2}).json()
    rest = client.get(chosen["next"]).json()["data"]
    assert [each["name"] for each in [*chosen["data"], *rest]] == sorted(names)[:4]
    assert {each["split"] for each in client.get(f"{VERSION}/images?split=test").json()["data"]} == {"test"}
    last = client.get(found[len(names) - 1]["links"]["self"])
    assert last.status_code == 200


def test_only_a_version_that_is_ready_has_pictures(client: TestClient, database: Database) -> None:
    from jobs import new_versions

    with database.session() as session:
        new_versions.add_version(session, "default", "pets", "upload")
    for url in (SHEET, f"{VERSION}/images", f"{VERSION}/images/{'0' * 16}"):
        assert problem(client, url, 409)["code"] == "dataset_version_not_ready"


def test_what_is_another_project_s_is_not_there(
    guarded: TestClient, database: Database, storage: Storage, tenants: "Tenants"
) -> None:
    index = store_ready(database, storage, pets(), project="first", findings=FINDINGS)
    urls = [SHEET, f"{SHEET}?class=cat", f"{SHEET}?finding=too_dark", f"{VERSION}/images"]
    urls += [f"{VERSION}/images/{index.ids[0]}"]
    for url in urls:
        assert guarded.get(url, headers=tenants.header("first", "read")).status_code == 200
        answer = guarded.get(url, headers=tenants.header("second", "read"))
        assert (answer.status_code, answer.json()["code"]) == (404, "dataset_not_found")
        assert guarded.get(url).status_code == 401


def test_a_storage_that_does_not_answer_is_told(client: TestClient, database: Database, storage: Storage) -> None:
    store_ready(database, storage, pets())
    names = storage.list_names("datasets")
    storage.delete([name for name in names if "images-" in name])
    assert problem(client, SHEET, 503)["code"] == "storage_unavailable"
    store_ready(database, storage, pets(["eel"]), dataset="others")
    for name in storage.list_names("datasets"):
        if name.endswith("index.npz"):
            storage.put(name, b"damaged")
    assert problem(client, "/v1/datasets/others/versions/1/images", 503)["code"] == "storage_unavailable"


def test_where_nothing_can_be_drawn_another_try_may_do(
    client: TestClient, index: ImageIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    with monkeypatch.context() as without:
        without.setattr("api.service.drawing_process.subprocess.Popen", refuse)
        answer = client.get(SHEET)
        assert (answer.status_code, answer.json()["code"], "retry-after" in answer.headers) == (
            503,
            "picture_not_drawn",
            True,
        )
    assert client.get(SHEET).status_code == 200


def test_images_that_cannot_be_decoded_are_told_and_the_others_shown(
    client: TestClient, database: Database, storage: Storage
) -> None:
    bomb = gigapixels()
    bad = [("text", b"hello"), ("cut", encoded(noise(3))[:200]), ("bomb", bomb), ("empty", b"\0")]
    samples = pets() + [Sample("train", "cat", name, content, name.encode().ljust(32)) for name, content in bad]
    index = store_ready_with_sizes(database, storage, samples)
    sheet = picture(client, SHEET, **{"class": "cat"})
    assert sum(shown(sheet, noise(number)) for number in range(6)) == 6
    row = index.names.index("bomb")
    refused = picture(client, f"{VERSION}/images/{index.ids[row]}")
    assert refused.size == (176, 176)
    assert client.get("/livez").status_code == 200


def gigapixels() -> bytes:
    """A PNG that says that it has 3.6 of them."""
    header = b"IHDR" + struct.pack("!IIBBBBB", 60_000, 60_000, 1, 0, 0, 0, 0)
    data = b"IDAT" + zlib.compress(bytes(2**20))
    chunks = (
        struct.pack("!I", len(chunk) - 4) + chunk + struct.pack("!I", zlib.crc32(chunk)) for chunk in (header, data)
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def store_ready_with_sizes(database: Database, storage: Storage, samples: Sequence[Sample]) -> ImageIndex:
    """Of samples of which some are no images."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.api.picture_data._size", lambda _content: (16, 16))
        return store_ready(database, storage, samples)


def test_a_picture_that_may_be_better_next_time_is_not_kept(
    client: TestClient, index: ImageIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    from api.views.dataset_pictures_data import Picture

    answers = iter([Picture(b"first", is_final=False), Picture(b"second", is_final=True)])
    monkeypatch.setattr("api.service.drawing_process.DrawingProcess.ask", lambda *_: next(answers).pack())
    first, second, third = (client.get(SHEET) for _ in range(3))
    assert (first.content, first.headers["cache-control"], "etag" in first.headers) == (b"first", "no-store", False)
    assert (second.content, third.content) == (b"second", b"second")


def test_the_process_that_draws_has_no_secret_and_nothing_of_the_service(
    monkeypatch: pytest.MonkeyPatch, storage: Storage
) -> None:
    for name in ("EPOCHAL_DATABASE_URL", "AWS_SECRET_ACCESS_KEY", "PGPASSWORD", "OTEL_EXPORTER_OTLP_HEADERS"):
        monkeypatch.setenv(name, "hunter2")
    with closing(PictureRenderer(storage)) as renderer:
        process = renderer._process._running()
        assert b"hunter2" not in Path(f"/proc/{process.pid}/environ").read_bytes()
    told = "import sys; import api.views.dataset_pictures; print(*sorted({n.partition('.')[0] for n in sys.modules}))"
    imported = run([sys.executable, "-c", told], capture_output=True, text=True, check=True).stdout.split()
    assert not {"sqlalchemy", "fastapi", "pydantic", "jobs", "models", "storage", "matplotlib", "torch"} & {*imported}


def test_the_api_does_not_have_what_decodes_images() -> None:
    decoders = "{'training.images.decoding', 'PIL.PngImagePlugin', 'PIL.JpegImagePlugin'}"
    told = f"import sys; import api.app; print(*{decoders} & {{*sys.modules}})"
    assert not run([sys.executable, "-c", told], capture_output=True, text=True, check=True).stdout.split()


def test_indexes_are_kept_as_far_as_there_is_room(database: Database, storage: Storage) -> None:
    store_ready(database, storage, pets())
    (name,) = [name for name in storage.list_names("datasets") if name.endswith("index.npz")]
    file = storage.put(name, storage.read(name))
    kept, without_room = IndexCache(storage), IndexCache(storage, max_bytes=10)
    first = kept.get(file)
    assert len(without_room.get(file)) == len(first)
    storage.put(name, b"gone")
    assert kept.get(file) is first
    with pytest.raises(Exception, match="does not give the index"):
        without_room.get(file)


def test_pictures_are_dear() -> None:
    from starlette.datastructures import QueryParams

    dear = ("get_samples_png", "get_dataset_image", "list_dataset_images")
    assert all(COSTS[operation](QueryParams()) >= EXPENSIVE for operation in dear)
