"""Whether the HTML file of a trained model gives, in a real browser, what its int8 network gives in Python.

    make verify-page PARTS="families trained"

`families`: each family of networks is exported with random weights for grey and coloured images of 8 to 224 pixels. A
ResNet is trained on CIFAR-100 for some epochs (`benchmarks.verify_export`), and the page classifies test images that
its network was not trained on: on equal pixels, the label and the accuracy are compared with those of the int8 file in
onnxruntime. Asks for Chromium, which gets no network.
"""

import argparse
import base64
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from playwright.sync_api import Browser, sync_playwright

from benchmarks.cifar100 import load_cifar100
from benchmarks.result import print_table, save
from benchmarks.verify_export import CALIBRATION_IMAGES, CHANNELS, FAMILIES, trained_network, weights_file
from training.engine.export import onnx_file, quantised, read_saved
from training.engine.export.sessions import Images, open_session
from training.takeaway.html_page import html_page

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
SIZES, FAMILY_IMAGES, CALIBRATION = (8, 32, 64, 224), 10, 64
AT_ONCE = 200  # images that are handed over to the page
CLASSIFY = """async ([images, size]) => {
    const found = [];
    for (const image of images) {
        const pixels = Uint8Array.from(atob(image), each => each.charCodeAt(0));
        found.push((await classifyPixels(pixels, size, size)).logits);
    }
    return found;
}"""


@dataclass(frozen=True, slots=True)
class Shown:
    """One page. `same_labels`: share of images. `difference`: the largest of two logits. Sizes in MB, times of an image
    in milliseconds."""

    network: str
    channels: int
    image_size: int
    images: int
    same_labels: float
    difference: float
    page_megabytes: float
    seconds_to_ready: float
    page_milliseconds: float
    python_milliseconds: float


def in_the_page(browser: Browser, page_file: bytes, images: Images) -> tuple[NDArray[np.float32], float, float]:
    """Logits, seconds until the model was loaded, and milliseconds of an image."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.html"
        file.write_bytes(page_file)
        page = browser.new_context(offline=True).new_page()
        begun = time.monotonic()
        page.goto(file.as_uri())
        page.wait_for_selector("body.ready")
        ready = time.monotonic() - begun
        begun, found = time.monotonic(), []
        for start in range(0, len(images), AT_ONCE):
            sent = [base64.b64encode(each.tobytes()).decode() for each in images[start : start + AT_ONCE]]
            found += page.evaluate(CLASSIFY, [sent, images.shape[1]])
        taken = time.monotonic() - begun
        page.context.close()
    return np.array(found, np.float32), ready, 1000 * taken / len(images)


def in_python(onnx: bytes, images: Images) -> tuple[NDArray[np.float32], float]:
    """Logits, and milliseconds of an image, one by one on one thread."""
    session, begun = open_session(onnx), time.monotonic()
    found = [session.run(["logits"], {"images": images[each : each + 1]})[0] for each in range(len(images))]
    return np.concatenate(found), 1000 * (time.monotonic() - begun) / len(images)


def compared(browser: Browser, name: str, onnx: bytes, classes: list[str], images: Images) -> tuple[Shown, list[int]]:
    """The comparison, and the page's labels."""
    size, channels = images.shape[1], images.shape[3]
    manifest = {"architecture": name, "classes": classes, "input": {"size": size, "channels": channels}}
    content = b"".join(html_page(onnx, manifest))
    shown, ready, page_milliseconds = in_the_page(browser, content, images)
    expected, python_milliseconds = in_python(onnx, images)
    return Shown(
        network=name,
        channels=channels,
        image_size=size,
        images=len(images),
        same_labels=float((shown.argmax(1) == expected.argmax(1)).mean()),
        difference=float(np.abs(shown - expected).max()),
        page_megabytes=round(len(content) / 1e6, 1),
        seconds_to_ready=round(ready, 2),
        page_milliseconds=round(page_milliseconds, 1),
        python_milliseconds=round(python_milliseconds, 2),
    ), shown.argmax(1).tolist()


def of_families(browser: Browser) -> Iterator[Shown]:
    """At each size, with each number of channels."""
    for architecture in FAMILIES:
        for size in SIZES:
            for channels in CHANNELS:
                saved = read_saved(weights_file(architecture, size, channels))
                shape = (CALIBRATION + FAMILY_IMAGES, size, size, channels)
                images = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
                onnx = quantised(onnx_file(saved), images[:CALIBRATION])
                name = " ".join(map(str, architecture.values()))
                yield compared(browser, name, onnx, list(saved.inputs.classes), images[CALIBRATION:])[0]


def of_trained(browser: Browser, epochs: int, count: int) -> dict[str, Any]:
    """Of a network that was trained, on `count` test images."""
    dataset = load_cifar100()
    saved = read_saved(trained_network(epochs)[0])
    rows = np.random.default_rng(0).permutation(len(dataset.train.labels))[:CALIBRATION_IMAGES]
    whole = onnx_file(saved)
    onnx = quantised(whole, dataset.train.images.numpy()[rows])
    chosen = np.random.default_rng(0).permutation(len(dataset.test.labels))[:count]
    images, labels = dataset.test.images.numpy()[chosen], dataset.test.labels.numpy()[chosen]
    shown, found = compared(browser, "resnet20", onnx, list(saved.inputs.classes), images)
    accuracies = {
        "page": float((np.array(found) == labels).mean()),
        "int8": float((in_python(onnx, images)[0].argmax(1) == labels).mean()),
        "onnx": float((in_python(whole, images)[0].argmax(1) == labels).mean()),
    }
    trained_on = len(dataset.train.labels)
    return {**asdict(shown), "epochs": epochs, "train_images": trained_on, "accuracy": accuracies}


def main() -> None:
    """Do the parts that are asked for, and exit with a message where a page disagrees with its network."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("parts", nargs="+", choices=["families", "trained"])
    parser.add_argument("--epochs", type=int, default=2, help="of the network that is trained")
    parser.add_argument("--images", type=int, default=10_000, help="of its test split")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    path = next(filter(None, map(shutil.which, CHROMIUM)), None) or sys.exit("There is no Chromium here.")
    measured: dict[str, Any] = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        measured["chromium"] = browser.version
        if "families" in arguments.parts:
            pages = list(of_families(browser))
            print_table(
                ("network", "channels", "pixels", "same labels", "difference", "ms in page", "ms in Python"),
                [
                    (each.network, str(each.channels), str(each.image_size), f"{each.same_labels:.0%}",
                     f"{each.difference:.2g}", f"{each.page_milliseconds}", f"{each.python_milliseconds}")
                    for each in pages
                ],
            )  # fmt: skip
            measured["families"] = [asdict(each) for each in pages]
        if "trained" in arguments.parts:
            measured["trained"] = of_trained(browser, arguments.epochs, arguments.images)
            print(measured["trained"])
        browser.close()
    print(f"Kept in {save('verify_page', ['onnxruntime', 'playwright'], measured)}.")
    if (
        "trained" in measured
        and measured["trained"]["accuracy"]["page"] < measured["trained"]["accuracy"]["int8"] - 0.001
    ):
        sys.exit("The page is right less often than its network.")


if __name__ == "__main__":
    main()
