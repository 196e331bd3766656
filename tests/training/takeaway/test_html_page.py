"""The page in a real browser, held against Python on equal pixels."""

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from gzip import decompress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from json import loads
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Browser, Page

from tests.training.takeaway.networks import int8_network, manifest
from training.images.decoding import Form, Resize, decode_image, resize_pixels
from training.takeaway import runtime
from training.takeaway.html_page import html_page

HOSTILE = "</script><img src=x onerror='window.hacked = 1'>\u2028<!--"
CLASSES = [HOSTILE, "cat & dog", "<b>$title</b>", "owl", "猫"]  # as many as are shown
COLOUR = Form(32, 3, "crop")
LOGITS = 1e-4  # apart at most: the same network by two builds of one runtime


@dataclass(frozen=True)
class Opened:
    page: Page
    requests: list[str]
    address: str


@pytest.fixture(scope="module")
def network() -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(int8_network(COLOUR.size, COLOUR.channels, len(CLASSES)))


@pytest.fixture(scope="module")
def opened(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Opened:
    file = tmp_path_factory.mktemp("page") / "model.html"
    onnx = int8_network(COLOUR.size, COLOUR.channels, len(CLASSES))
    file.write_bytes(b"".join(html_page(onnx, manifest(COLOUR.size, COLOUR.channels, CLASSES))))
    page = chromium.new_page()
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.goto(file.as_uri())
    page.wait_for_selector("body.ready")
    return Opened(page, requests, file.as_uri())


def noise(height: int, width: int, channels: int) -> NDArray[np.uint8]:
    return np.random.default_rng(height * width).integers(0, 256, (height, width, channels), dtype=np.uint8)


UNPACKED = "Uint8Array.from(atob(pixels), each => each.charCodeAt(0))"  # lists of numbers take long to hand over


def packed(pixels: NDArray[np.uint8]) -> str:
    return base64.b64encode(pixels.tobytes()).decode()


def classified(page: Page, pixels: NDArray[np.uint8]) -> dict[str, Any]:
    call = f"([pixels, height, width]) => classifyPixels({UNPACKED}, height, width)"
    found: dict[str, Any] = page.evaluate(call, [packed(pixels), *pixels.shape[:2]])
    return found


def test_it_gives_what_its_network_gives_in_python(opened: Opened, network: onnxruntime.InferenceSession) -> None:
    for pixels in (noise(32, 32, 3), noise(45, 300, 3), noise(200, 90, 3)):
        square = resize_pixels(pixels, COLOUR)
        logits = network.run(["logits"], {"images": square[None]})[0][0]
        found = classified(opened.page, pixels)
        assert np.abs(np.array(found["logits"]) - logits).max() < LOGITS
        assert found["order"][0] == logits.argmax()
        powers = np.exp(logits / 1.37)
        assert np.allclose(found["probabilities"], powers / powers.sum(), atol=1e-5)


SHAPES = [(1, 1), (40, 3), (3, 40), (31, 57), (64, 5), (286, 167), (344, 124), (94, 319), (700, 333)]


@pytest.mark.parametrize("resize", ["crop", "pad", "stretch"])
def test_it_resizes_as_training_does_to_the_bit(opened: Opened, resize: Resize) -> None:
    call = f"""cases => cases.map(([pixels, height, width, channels, size, resize]) => btoa(String.fromCharCode(
        ...squarePixels({{pixels: {UNPACKED}, height, width, channels}}, size, resize))))"""
    forms = [Form((17, 32, 64)[n % 3], (1, 3)[n % 2], resize) for n in range(len(SHAPES))]
    pictures = [noise(*shape, form.channels) for shape, form in zip(SHAPES, forms, strict=True)]
    cases = [
        [packed(picture), *picture.shape, form.size, form.resize] for picture, form in zip(pictures, forms, strict=True)
    ]
    for found, picture, form in zip(opened.page.evaluate(call, cases), pictures, forms, strict=True):
        expected = resize_pixels(picture, form)
        assert base64.b64decode(found) == expected.tobytes(), (picture.shape, form)


def lying_on_its_side(tmp_path: Path) -> Path:
    """A PNG of a wide picture that says that it is to be turned, half of it transparent."""
    image = Image.fromarray(noise(60, 100, 3))
    alpha = Image.new("L", image.size, 255)
    alpha.paste(0, (0, 0, 50, 60))
    image.putalpha(alpha)
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(tmp_path / "sideways.png", exif=exif)
    return tmp_path / "sideways.png"


def shown(page: Page) -> list[tuple[str, str]]:
    return list(zip(page.locator(".name").all_inner_texts(), page.locator(".share").all_inner_texts(), strict=True))


def percent(share: float) -> str:
    return f"{100 * share:.1f} %" if share >= 0.001 else "< 0.1 %"


def expected_rows(network: onnxruntime.InferenceSession, file: Path) -> list[tuple[str, str]]:
    with Image.open(file) as image:
        logits = network.run(["logits"], {"images": decode_image(image, COLOUR)[None]})[0][0]
    powers = np.exp(logits / 1.37)
    shares = powers / powers.sum()
    return [(CLASSES[each], percent(shares[each])) for each in np.argsort(-shares)]


def test_a_chosen_picture_is_shown_upright_with_its_classes_as_text(
    opened: Opened, network: onnxruntime.InferenceSession, tmp_path: Path
) -> None:
    file, page = lying_on_its_side(tmp_path), opened.page
    page.set_input_files("#file", file)
    page.wait_for_selector("#classes li")
    found = [(name.replace("\u2028", ""), share) for name, share in shown(page)]
    assert found == [(name.replace("\u2028", ""), share) for name, share in expected_rows(network, file)]
    assert page.evaluate("typeof hacked") == "undefined"
    assert page.locator("img").count() == 0
    picture = "document.getElementById('picture').toDataURL()"
    before = page.evaluate(picture)
    page.locator("#classes button").first.press("Enter")
    assert page.evaluate(picture) != before, "the map of the class lies over the picture"
    assert page.locator("#classes button").first.get_attribute("aria-pressed") == "true"


def test_a_file_that_is_no_picture_is_said_to_be_none(opened: Opened) -> None:
    drop = """() => {
        const data = new DataTransfer();
        data.items.add(new File(["no picture"], "notes.txt", {type: "text/plain"}));
        document.dispatchEvent(new DragEvent("drop", {dataTransfer: data, bubbles: true, cancelable: true}));
    }"""
    opened.page.evaluate(drop)
    opened.page.wait_for_selector("#problem:not([hidden])")
    assert opened.page.inner_text("#problem").startswith("“notes.txt” is no picture")


def test_pasted_pictures_are_classified(opened: Opened, network: onnxruntime.InferenceSession, tmp_path: Path) -> None:
    file = tmp_path / "grey.png"
    Image.fromarray(noise(50, 33, 1)[:, :, 0]).save(file)
    paste = """content => {
        const data = new DataTransfer();
        data.items.add(new File([Uint8Array.from(content)], "pasted.png", {type: "image/png"}));
        document.dispatchEvent(new ClipboardEvent("paste", {clipboardData: data, bubbles: true}));
    }"""
    opened.page.evaluate(paste, list(file.read_bytes()))
    opened.page.wait_for_selector(
        "#picture[aria-label='pasted.png']"
    )  # a function would be compiled: the CSP forbids it
    assert [share for _, share in shown(opened.page)] == [share for _, share in expected_rows(network, file)]


@pytest.fixture
def reached() -> Iterator[tuple[str, list[str]]]:
    """An address on this machine, and the paths that were asked for there."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Access-Control-Allow-Origin", "*")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, args=(0.05,)).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


def test_it_may_use_no_network(opened: Opened, reached: tuple[str, list[str]]) -> None:
    assert opened.requests == [opened.address], "nothing was asked for by all that was done above"
    address, asked = reached
    tried = """address => Promise.all([
        fetch(`${address}/fetch`).then(() => "reached", () => "refused"),
        new Promise(done => {
            const image = document.body.appendChild(new Image());
            image.onload = image.onerror = done;
            image.src = `${address}/image`;
        }),
        new Promise(done => {
            const script = document.body.appendChild(document.createElement("script"));
            script.onload = script.onerror = done;
            script.src = `${address}/script`;
        }),
    ])"""
    opened.page.evaluate(tried, address)
    assert asked == []


def test_a_grey_network_without_activation_maps(chromium: Browser, tmp_path: Path) -> None:
    onnx = int8_network(28, 1, 2, maps=False)
    described = manifest(28, 1, ["no", "yes"], resize="pad") | {"calibration": None, "metrics": None, "files": []}
    (tmp_path / "model.html").write_bytes(b"".join(html_page(onnx, described)))
    page = chromium.new_page()
    page.goto((tmp_path / "model.html").as_uri())
    colours = Image.fromarray(noise(41, 90, 3))
    colours.save(tmp_path / "colours.png")
    page.set_input_files("#file", tmp_path / "colours.png")
    page.wait_for_selector("#classes li")
    square = decode_image(Image.open(tmp_path / "colours.png"), Form(28, 1, "pad"))
    logits = onnxruntime.InferenceSession(onnx).run(["logits"], {"images": square[None]})[0][0]
    powers = np.exp(logits - logits.max())
    best = int(logits.argmax())
    assert shown(page)[0] == (["no", "yes"][best], f"{100 * (powers / powers.sum())[best]:.1f} %")
    assert page.locator("#classes button").count() == 0
    page.close()


def test_what_is_vendored_is_what_its_authors_published() -> None:
    folder = Path(runtime.__file__).parent / "vendored"
    files = loads((folder / "vendored.json").read_text())["files"]
    for name, known in files.items():
        packed = folder / f"{name}.gz"
        content = decompress(packed.read_bytes()) if packed.exists() else (folder / name).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (known["bytes"], known["sha256"]), name
    assert {path.name.removesuffix(".gz") for path in folder.iterdir()} == {*files, "vendored.json", "README.md"}


@pytest.mark.parametrize(
    ("accuracy", "told"), [(0.8991, "cost 1.3 points"), (0.9223, "are 1.0 points better"), (0.9125, "cost nothing")]
)
def test_it_says_what_8_bits_cost(accuracy: float, told: str) -> None:
    head = b"".join(html_page(b"", manifest(8, 1, ["a"]), facts={"accuracy": accuracy, "accuracy_fp32": 0.9123}))
    assert f"<dd>{told}: 91.2 % with".encode() in head


def test_equal_models_give_equal_bytes() -> None:
    onnx = int8_network(16, 3, 3)
    one, other = (b"".join(html_page(onnx, manifest(16, 3, ["a", "b", "c"]))) for _ in range(2))
    assert one == other
    assert BytesIO(one).read(15) == b"<!doctype html>"
