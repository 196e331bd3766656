"""The export program on a small network and the images that it was trained on; and killed in the middle of it.

Exports as the program does them, but in this process; `pytest --long` starts the program itself, which gives way
to whatever else computes.
"""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from storage import Storage
from tests.api.picture_data import _packed, pets
from tests.training.engine.export.networks import weights_file
from training.engine.data.packed import load_packed
from training.engine.export import OPSET, TOLERANCE, DiffersFromTorch, read_saved
from training.engine.export.checking import torch_logits
from training.engine.export.sessions import Images, Labels, open_session
from training.images.packs import ImageIndex
from worker.exporting import making
from worker.exporting.__main__ import carry_out
from worker.exporting.messages import Exported, ExportOrder, ModelFile
from worker.images_order import ImagesOrder
from worker.task_runner import _REPORTS
from worker.validation.messages import Progress, Rejected

CLASSES = ("cat", "dog")
WEIGHTS = weights_file({"name": "wrn-16-1"}, size=16, channels=3, classes=CLASSES)

NAMES = (
    "evaluation.json",
    "model.onnx",
    "model.py",
    "model.int8.onnx",
    "model.html",
    "model.pt2",
    "MODEL_CARD.md",
)
MANIFEST = {
    "architecture": {"name": "wrn-16-1"},
    "classes": list(CLASSES),
    "input": {"size": 16, "channels": 3, "resize": "crop"},
    "data": {"name": "pets", "version": 1},
    "files": [],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("export")


@pytest.fixture(scope="module")
def storage(folder: Path) -> Storage:
    return Storage(f"file://{folder}/storage")


@pytest.fixture(scope="module")
def images(folder: Path, storage: Storage) -> tuple[ImagesOrder, str]:
    """The images, and their identity."""
    index, pack = _packed(pets(CLASSES, each=12))
    files = (storage.put("datasets/index.npz", index.to_bytes()), storage.put("datasets/pack", pack))
    identity = load_packed("pets", index, lambda: [folder / "storage/datasets/pack"]).identity
    order = ImagesOrder(
        dataset="pets",
        files=files,
        project="demo",
        image_size=16,
        datasets_dir=folder / "none",
        downloads_dir=folder / "none",
        cache_dir=folder / "cache",
    )
    return order, identity


def order_of(storage: Storage, images: ImagesOrder | None, identity: str | None, **fields: Any) -> ExportOrder:
    assert storage.folder
    work = storage.folder / "work"
    work.mkdir(parents=True, exist_ok=True)
    values: dict[str, Any] = {
        "task_id": "task_1",
        "storage_url": storage.url,
        "storage_id": None,
        "prefix": "models/demo/task_1/0001",
        "folder": work,
        "threads": 1,
        "formats": ["onnx", "python", "int8", "html", "torch"],
        "weights": storage.put("job_1/weights.safetensors", WEIGHTS),
        "files": {},
        "manifest": MANIFEST,
        "images": images,
        "identity": identity,
    }
    return ExportOrder.model_validate({**values, **fields})


def started(order: ExportOrder) -> "subprocess.Popen[bytes]":
    program = subprocess.Popen(
        [sys.executable, "-m", "worker.exporting"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert program.stdin
    program.stdin.write(order.model_dump_json().encode() + b"\n")
    program.stdin.close()
    return program


def run(order: ExportOrder, storage: Storage) -> Exported | Rejected:
    """In this process."""
    return carry_out(order, storage, lambda _: None)


def made(found: Exported, storage: Storage) -> dict[str, tuple[ModelFile, bytes]]:
    """Each file and its content, which is what was said of it."""
    return {each.name: (each, storage.read_verified(each.file)) for each in found.files}


def require_whole(found: Exported, storage: Storage, prefix: str) -> None:
    """Whether the files are what is said of them, and give what the network gives."""
    files = made(found, storage)
    assert {name: each.file.name for name, (each, _) in files.items()} == {name: f"{prefix}/{name}" for name in NAMES}
    facts = dict(files["model.onnx"][0].facts)
    assert 0 < facts.pop("max_difference") < TOLERANCE / 10
    assert facts == {"opset": OPSET, "tolerance": TOLERANCE, "checked_on": "test images", "images": 12}

    saved, (pixels, labels) = read_saved(WEIGHTS), split_for_tests(storage)
    expected = torch_logits(saved, pixels)
    (logits,) = open_session(files["model.onnx"][1]).run(["logits"], {"images": pixels})
    np.testing.assert_allclose(logits, expected, rtol=0, atol=TOLERANCE * np.abs(expected).max())
    facts = dict(files["model.pt2"][0].facts)
    assert 0 <= facts.pop("max_difference") < TOLERANCE / 10
    assert facts.pop("torch_version") == torch.__version__
    assert facts == {"tolerance": TOLERANCE, "checked_on": "test images", "images": 12}
    program = torch.export.load(BytesIO(files["model.pt2"][1])).module()
    np.testing.assert_allclose(program(torch.from_numpy(pixels)).numpy(), expected, rtol=1e-4, atol=1e-4)
    (small,) = open_session(files["model.int8.onnx"][1]).run(["logits"], {"images": pixels})
    evaluated = json.loads(files["evaluation.json"][1])
    right = (expected.argmax(1) == labels).mean()
    assert (evaluated["images"], evaluated["accuracy"]) == (12, pytest.approx(right))
    assert f"**{100 * right:.1f} %** of 12 test images".encode() in files["MODEL_CARD.md"][1]
    assert b"right on" in files["model.html"][1]  # as the int8 file's facts say
    assert sha256(files["model.onnx"][1]).hexdigest().encode() in files["model.py"][1]
    assert files["model.int8.onnx"][0].facts == {
        "accuracy": pytest.approx((small.argmax(1) == labels).mean()),
        "accuracy_fp32": pytest.approx((expected.argmax(1) == labels).mean()),
        "images": 12,
        "calibrated_on": 24,
    }


def split_for_tests(storage: Storage) -> tuple[Images, Labels]:
    assert storage.folder
    pack = storage.folder / "datasets/pack"
    found = load_packed("pets", ImageIndex.from_bytes(storage.read("datasets/index.npz")), lambda: [pack]).test
    return found.images.numpy(), found.labels.numpy()


@pytest.fixture(scope="module")
def whole(storage: Storage, images: tuple[ImagesOrder, str]) -> Exported:
    """Of every format."""
    found = run(order_of(storage, *images), storage)
    assert isinstance(found, Exported)
    return found


def test_what_is_reported_is_whole_and_as_it_is_said(storage: Storage, whole: Exported) -> None:
    require_whole(whole, storage, "models/demo/task_1/0001")


@pytest.mark.long
def test_the_program_says_nothing_but_reports_and_ends_with_its_result(
    storage: Storage, images: tuple[ImagesOrder, str]
) -> None:
    order = order_of(storage, *images, prefix="models/demo/task_5/0001")
    with started(order) as program:
        assert program.stdout
        *progress, last = [_REPORTS.validate_json(line) for line in program.stdout]
    assert program.returncode == 0
    assert all(isinstance(each, Progress) for each in progress)
    assert isinstance(last, Exported)
    require_whole(last, storage, order.prefix)


@pytest.mark.long
def test_killed_it_leaves_whole_files_alone(storage: Storage, images: tuple[ImagesOrder, str]) -> None:
    assert storage.folder
    order = order_of(storage, *images, prefix="models/demo/task_2/0001")
    place = storage.folder / order.prefix
    with started(order) as program:
        until = time.monotonic() + 600
        while not list(place.glob("*.onnx")) and program.poll() is None and time.monotonic() < until:
            time.sleep(0.005)
        program.send_signal(signal.SIGKILL)
    assert program.returncode == -signal.SIGKILL
    left = [name for name in storage.list_names(order.prefix) if not Path(name).name.startswith(".")]
    assert left
    again = order.model_copy(update={"prefix": "models/demo/task_2/0002"})
    assert isinstance(run(again, storage), Exported)
    for name in left:  # the same to the byte as what a whole attempt makes
        assert storage.read(name) == storage.read(f"{again.prefix}/{Path(name).name}")


def test_without_its_images_random_pixels_are_checked_and_int8_is_refused(
    storage: Storage, images: tuple[ImagesOrder, str], whole: Exported, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "onnx_file", lambda _: made(whole, storage)["model.onnx"][1])  # which takes seconds
    gone = order_of(storage, None, images[1], formats=["onnx"], prefix="models/demo/task_3/0001")
    found = run(gone, storage)
    assert isinstance(found, Exported)
    onnx_file, card = found.files
    assert (onnx_file.name, onnx_file.facts["checked_on"]) == ("model.onnx", "random pixels")
    assert card.name == "MODEL_CARD.md"
    reasons = "its images are gone", "its images have changed since it was trained"
    for others, reason in zip(((None, None), (images[0], "0" * 64)), reasons, strict=True):
        refused = run(order_of(storage, *others, prefix="models/demo/task_4/0001"), storage)
        assert isinstance(refused, Rejected)
        assert (refused.code, refused.retryable) == ("dataset_invalid", False)
        assert refused.message.startswith(f"html and int8 cannot be made, since {reason}: ")
    assert not storage.list_names("models/demo/task_4")  # nothing is made of what cannot be finished


def test_a_page_is_made_of_what_the_model_has_already(storage: Storage) -> None:
    files = {name: storage.put(f"earlier/{name}", b"a network") for name in ("model.onnx", "model.int8.onnx")}
    listed = [{"name": "model.int8.onnx", "accuracy": 0.75, "accuracy_fp32": 0.8, "images": 40}]
    order = order_of(storage, None, None, formats=["html"], files=files, manifest={**MANIFEST, "files": listed})
    found = run(order, storage)
    assert isinstance(found, Exported)
    assert [each.name for each in found.files] == ["model.html", "MODEL_CARD.md"]
    assert b"right on 75.0 % of 40 test images" in made(found, storage)["model.html"][1]


def test_where_the_int8_file_is_damaged_and_images_are_gone_a_page_is_refused(storage: Storage) -> None:
    files = {name: storage.put(f"worn/{name}", b"a network") for name in ("model.onnx", "model.int8.onnx")}
    storage.put("worn/model.int8.onnx", b"a netw")
    refused = run(order_of(storage, None, None, formats=["html"], files=files), storage)
    assert isinstance(refused, Rejected)
    assert refused.message.startswith("html cannot be made, since its images are gone: ")


@pytest.mark.parametrize(
    ("error", "code", "retryable"),
    [
        (MemoryError(), "out_of_memory", False),
        (
            RuntimeError("DefaultCPUAllocator: can't allocate memory"),
            "out_of_memory",
            False,
        ),
        (OSError(errno.ENOSPC, "No space left on device"), "storage_full", True),
        (OSError(errno.EIO, "Input/output error"), "internal", True),
        (DiffersFromTorch("a logit differs by 1 where the largest is 2"), "internal", False),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_cannot_be_made_says_why(
    storage: Storage, monkeypatch: pytest.MonkeyPatch, error: Exception, code: str, *, retryable: bool
) -> None:
    def fail(_saved: object) -> bytes:
        raise error

    monkeypatch.setattr(making, "onnx_file", fail)
    found = run(order_of(storage, None, None, formats=["onnx"]), storage)
    assert isinstance(found, Rejected)
    assert (found.code, found.retryable) == (code, retryable)


def test_a_fault_of_ours_is_not_hidden(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_saved: object) -> bytes:
        raise RuntimeError("an operator that nobody knows")

    monkeypatch.setattr(making, "onnx_file", fail)
    with pytest.raises(RuntimeError, match="an operator that nobody knows"):
        run(order_of(storage, None, None, formats=["onnx"]), storage)


@pytest.mark.parametrize("damage", ["gone", "damaged", "another"])
def test_weights_that_cannot_be_read_are_told(storage: Storage, images: tuple[ImagesOrder, str], damage: str) -> None:
    name = f"{damage}/weights.safetensors"
    content = b"nothing of ours" if damage == "another" else WEIGHTS
    order = order_of(storage, *images, weights=storage.put(name, content))
    if damage == "gone":
        storage.delete([name])
    elif damage == "damaged":
        storage.put(name, WEIGHTS[:-1])
    found = run(order, storage)
    assert isinstance(found, Rejected)
    assert found.message.startswith("Its weights are gone or damaged: ")
    assert not found.retryable
