"""The evaluation program on a small network and some images; and killed in the middle of it.

Evaluates as the program does, but in this process; `pytest --long` starts the program itself, which gives way to
whatever else computes.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from storage import Storage
from tests.api.picture_data import _packed, pets
from tests.training.engine.export.networks import weights_file
from training.engine.data.packed import load_packed
from training.engine.export import read_saved
from training.evaluation import from_json, of_predictions
from training.images.packs import ImageIndex
from training.images.predictions import Predictions
from worker.evaluating import measuring
from worker.evaluating.__main__ import carry_out
from worker.evaluating.messages import Evaluated, EvaluationOrder
from worker.images_order import ImagesOrder
from worker.task_runner import _REPORTS
from worker.validation.messages import Progress, Rejected

CLASSES = ("class 0", "class 1", "class 2")
WEIGHTS = weights_file({"name": "wrn-16-1"}, size=16, channels=3, classes=CLASSES)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("evaluation")


@pytest.fixture(scope="module")
def storage(folder: Path) -> Storage:
    return Storage(f"file://{folder}/storage")


def order_of(storage: Storage, folder: Path, classes: Sequence[str] = CLASSES, **fields: Any) -> EvaluationOrder:
    """To evaluate on images of these classes, 14 of each to test on."""
    index, pack = _packed(pets(classes, each=28))
    place = f"datasets/{abs(hash(tuple(classes)))}"
    files = (storage.put(f"{place}/index.npz", index.to_bytes()), storage.put(f"{place}/pack", pack))
    nowhere = folder / "none"
    images = ImagesOrder(
        dataset="pets",
        files=files,
        project="demo",
        image_size=16,
        datasets_dir=nowhere,
        downloads_dir=nowhere,
        cache_dir=folder / "cache",
    )
    values: dict[str, Any] = {
        "task_id": "task_1",
        "storage_url": storage.url,
        "storage_id": None,
        "prefix": "models/demo/task_1/0001",
        "threads": 1,
        "weights": storage.put("job_1/weights.safetensors", WEIGHTS),
        "manifest": {"architecture": {"name": "wrn-16-1"}},
        "images": images,
        "split": "test",
    }
    return EvaluationOrder.model_validate({**values, **fields})


def run(order: EvaluationOrder, storage: Storage, said: list[Progress] | None = None) -> Evaluated | Rejected:
    """In this process."""
    return carry_out(order, storage, (said if said is not None else []).append)


def content(found: Evaluated | Rejected, storage: Storage, name: str) -> bytes:
    assert isinstance(found, Evaluated), found
    return storage.read_verified(next(each.file for each in found.files if each.name == name))


def expected(storage: Storage, order: EvaluationOrder) -> tuple[np.ndarray, list[str]]:
    """What the network gives to each test image, and the names of their classes."""
    index_file, pack = order.images.files
    folder = storage.folder
    assert folder
    found = load_packed("pets", ImageIndex.from_bytes(storage.read(index_file.name)), lambda: [folder / pack.name])
    saved = read_saved(WEIGHTS)
    with torch.inference_mode():
        given = saved.network(saved.normalise(found.test.images)).softmax(1).numpy()
    return given, [found.classes[label] for label in found.test.labels.tolist()]


def test_its_figures_are_what_the_network_does(storage: Storage, folder: Path) -> None:
    order, said = order_of(storage, folder), list[Progress]()
    found = run(order, storage, said)

    report = from_json(content(found, storage, "report.json"))
    given, labels = expected(storage, order)
    taken = [CLASSES[place] for place in given.argmax(1)]
    assert report.accuracy == sum(map(str.__eq__, taken, labels)) / 42
    assert isinstance(found, Evaluated)
    assert found.result["accuracy"] == report.accuracy
    assert found.result["calibration"]["fitted_on"] == "test"
    assert (said[0].stage, said[-2].done, said[-2].total) == ("loading", 42, 42)
    stored = Predictions.from_bytes(content(found, storage, "predictions.safetensors"))
    np.testing.assert_allclose(stored.probabilities, given, rtol=0, atol=1e-5)
    assert of_predictions(stored).confusion.counts.tolist() == report.confusion.counts.tolist()
    sheet = np.asarray(Image.open(BytesIO(content(found, storage, "mistakes.png"))))
    assert sheet[88:264, 24:200].std() > 50  # the first image, of noise


def test_classes_are_found_by_their_names_in_any_order(storage: Storage, folder: Path) -> None:
    """The same images under the same names; the data set has them in another order, by a name that sorts otherwise."""
    order = order_of(storage, folder)
    index_file, pack = order.images.files
    index = ImageIndex.from_bytes(storage.read(index_file.name))
    turned = ImageIndex(
        CLASSES[::-1],
        index.channels,
        splits=index.splits,
        labels=(2 - index.labels).astype(np.int32),
        packs=index.packs,
        offsets=index.offsets,
        lengths=index.lengths,
        digests=index.digests,
        names=index.names,
    )
    turned = turned.take(turned.canonical_order())
    files = (storage.put("datasets/turned/index.npz", turned.to_bytes()), pack)
    images = order.images.model_copy(update={"files": files})
    same = run(order, storage)
    other = run(order.model_copy(update={"images": images, "prefix": "models/demo/task_2/0001"}), storage)

    assert isinstance(same, Evaluated)
    assert isinstance(other, Evaluated)
    assert other.result["accuracy"] == same.result["accuracy"]
    first, second = (from_json(content(each, storage, "report.json")) for each in (same, other))
    assert first.confusion.matrix().tolist() == second.confusion.matrix().tolist()
    stored = [Predictions.from_bytes(content(each, storage, "predictions.safetensors")) for each in (same, other)]
    labels, others = (dict(zip(map(bytes, each.digests), each.labels.tolist(), strict=True)) for each in stored)
    assert labels == others  # by what the images are: 14 of each class, whatever the network takes them for


def test_other_classes_and_other_colours_are_refused_with_what_differs(storage: Storage, folder: Path) -> None:
    refused = run(order_of(storage, folder, ("class 0", "class 1", "dog"), prefix="models/demo/no/0001"), storage)
    assert isinstance(refused, Rejected)
    assert (refused.code, refused.retryable) == ("dataset_invalid", False)
    assert "the network does not know dog; the data set lacks class 2" in refused.message
    grey = weights_file({"name": "wrn-16-1"}, size=16, channels=1, classes=CLASSES[:3])
    weights = storage.put("job_2/weights.safetensors", grey)
    refused = run(order_of(storage, folder, weights=weights, prefix="models/demo/no/0001"), storage)
    assert isinstance(refused, Rejected)
    assert "the data set has images in colour, and the network takes grey images" in refused.message
    assert not storage.list_names("models/demo/no")


def test_more_probabilities_than_fit_are_not_kept(
    storage: Storage, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as of 25,000 classes: what needs all probabilities is of some images, the figures are of all."""
    whole = run(order_of(storage, folder), storage)
    monkeypatch.setattr(measuring, "MOST_BYTES", 100)
    monkeypatch.setattr(measuring, "evenly", lambda count, _classes: np.arange(0, count, 2))
    found = run(order_of(storage, folder, prefix="models/demo/task_3/0001"), storage)

    assert isinstance(found, Evaluated)
    assert [each.name for each in found.files] == ["report.json", "mistakes.png"]
    report, before = (from_json(content(each, storage, "report.json")) for each in (found, whole))
    assert (report.accuracy, report.means, report.reliability) == (before.accuracy, before.means, before.reliability)
    assert report.suspects is None
    assert report.calibration is not None
    assert report.calibration.images == 21


def test_weights_that_are_gone_are_told(storage: Storage, folder: Path) -> None:
    gone = storage.put("job_3/weights.safetensors", b"soon gone")
    storage.delete([gone.name])
    found = run(order_of(storage, folder, weights=gone), storage)
    assert isinstance(found, Rejected)
    assert found.message.startswith("Its weights are gone or damaged: ")


def started(order: EvaluationOrder) -> "subprocess.Popen[bytes]":
    program = subprocess.Popen(
        [sys.executable, "-m", "worker.evaluating"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert program.stdin
    program.stdin.write(order.model_dump_json().encode() + b"\n")
    program.stdin.close()
    return program


@pytest.mark.long
def test_the_program_says_nothing_but_reports_and_killed_it_leaves_whole_files_alone(
    storage: Storage, folder: Path
) -> None:
    order = order_of(storage, folder, prefix="models/demo/task_4/0001")
    with started(order) as program:
        assert program.stdout
        *progress, last = [_REPORTS.validate_json(line) for line in program.stdout]
    assert program.returncode == 0
    assert all(isinstance(each, Progress) for each in progress)
    assert isinstance(last, Evaluated)

    killed = order.model_copy(update={"prefix": "models/demo/task_5/0001"})
    with started(killed) as program:
        assert program.stdout
        for line in program.stdout:
            if b'"storing"' in line:
                program.send_signal(signal.SIGKILL)
    assert program.returncode == -signal.SIGKILL
    for name in storage.list_names(killed.prefix):
        if not Path(name).name.startswith("."):  # of a file that is not whole, with a name that nobody reads
            assert storage.read(name) == storage.read(name.replace("task_5", "task_4"))
    again = run(killed.model_copy(update={"prefix": "models/demo/task_5/0002"}), storage)
    assert content(again, storage, "report.json") == content(last, storage, "report.json")
