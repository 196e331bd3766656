"""Downloads, read by torchvision from small files in the publishers' own formats; only the network is missing."""

import gzip
import hashlib
import io
import pickle
import socket
import struct
import tarfile
import urllib.request
from http.client import IncompleteRead
from pathlib import Path
from threading import Event, Thread
from typing import Any
from urllib.error import URLError

import numpy as np
import pytest
import torch
from filelock import FileLock
from numpy.typing import NDArray
from scipy.io import savemat
from torchvision import datasets

from training.engine.data import Dataset, DatasetInvalid, load_dataset
from training.known.datasets import KNOWN_DATASETS

TRAIN_IMAGES, TEST_IMAGES = 10, 4
Splits = dict[str, tuple[NDArray[np.uint8], NDArray[np.int64]]]


def make_splits(name: str) -> Splits:
    """What a publisher would publish: images [N, height, width, channels] and labels [N]."""
    random, known = np.random.default_rng(0), KNOWN_DATASETS[name]
    shape = (known.image_size, known.image_size, known.channels)
    return {
        split: (
            random.integers(0, 256, (count, *shape), dtype=np.uint8),
            random.integers(0, known.classes, count, dtype=np.int64),
        )
        for split, count in (("train", TRAIN_IMAGES), ("test", TEST_IMAGES))
    }


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def batch(images: NDArray[np.uint8], labels: NDArray[np.int64], key: str) -> bytes:
    rows = images.transpose(0, 3, 1, 2).reshape(len(images), -1)  # planes of red, green and blue
    return pickle.dumps({"data": rows, key: labels.tolist()})


def publish_cifar(root: Path, reader: Any, splits: Splits, monkeypatch: pytest.MonkeyPatch) -> None:
    """The archive as it arrives, in `root`."""
    key = "labels" if reader is datasets.CIFAR10 else "fine_labels"
    (train_images, train_labels), (test_images, test_labels) = splits["train"], splits["test"]
    parts = np.array_split(np.arange(TRAIN_IMAGES), len(reader.train_list))
    names = [f"kind {number}" for number in range(10 if reader is datasets.CIFAR10 else 100)]
    contents = [batch(train_images[part], train_labels[part], key) for part in parts]
    contents += [batch(test_images, test_labels, key), pickle.dumps({reader.meta["key"]: names})]
    files = [file for file, _ in reader.train_list + reader.test_list] + [reader.meta["filename"]]
    with tarfile.open(root / reader.filename, "w:gz") as archive:
        for file, content in zip(files, contents, strict=True):
            member = tarfile.TarInfo(f"{reader.base_folder}/{file}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    sums = [[file, md5(content)] for file, content in zip(files, contents, strict=True)]
    monkeypatch.setattr(reader, "train_list", sums[:-2])
    monkeypatch.setattr(reader, "test_list", sums[-2:-1])
    monkeypatch.setattr(reader, "meta", {**reader.meta, "md5": sums[-1][1]})
    monkeypatch.setattr(reader, "tgz_md5", md5((root / reader.filename).read_bytes()))


def publish_fashion_mnist(root: Path, splits: Splits, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = root / "FashionMNIST/raw"
    raw.mkdir(parents=True)
    resources = []
    for prefix, (images, labels) in zip(("train", "t10k"), splits.values(), strict=True):
        count = len(images)
        idx3 = struct.pack(">IIII", 0x803, count, 28, 28) + images.tobytes()
        idx1 = struct.pack(">II", 0x801, count) + labels.astype(np.uint8).tobytes()
        for file, content in ((f"{prefix}-images-idx3-ubyte.gz", idx3), (f"{prefix}-labels-idx1-ubyte.gz", idx1)):
            (raw / file).write_bytes(compressed := gzip.compress(content))
            resources.append((file, md5(compressed)))
    monkeypatch.setattr(datasets.FashionMNIST, "resources", resources)


def publish_svhn(root: Path, splits: Splits, monkeypatch: pytest.MonkeyPatch) -> None:
    sums = {}
    for split, (images, labels) in splits.items():
        file = f"{split}_32x32.mat"
        digits = np.where(labels == 0, 10, labels).astype(np.uint8)[:, np.newaxis]  # SVHN writes 0 as 10
        savemat(root / file, {"X": images.transpose(1, 2, 3, 0), "y": digits})
        sums[split] = [datasets.SVHN.split_list[split][0], file, md5((root / file).read_bytes())]
    monkeypatch.setattr(datasets.SVHN, "split_list", sums)


def publish(name: str, root: Path, monkeypatch: pytest.MonkeyPatch) -> Splits:
    root.mkdir(exist_ok=True)
    splits = make_splits(name)
    match name:
        case "cifar10" | "cifar100":
            reader = datasets.CIFAR10 if name == "cifar10" else datasets.CIFAR100
            publish_cifar(root, reader, splits, monkeypatch)
        case "fashion_mnist":
            publish_fashion_mnist(root, splits, monkeypatch)
        case "svhn":
            publish_svhn(root, splits, monkeypatch)
    return splits


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise URLError("Name or service not known")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)


@pytest.fixture
def downloads_dir(tmp_path: Path) -> Path:
    return tmp_path / "downloads"


def load(name: str, downloads_dir: Path, image_size: int | None = None) -> Dataset:
    return load_dataset(
        name, image_size=image_size, datasets_dir=downloads_dir.parent / "datasets", downloads_dir=downloads_dir
    )


DOWNLOADS = [name for name, known in KNOWN_DATASETS.items() if known.source == "download"]
CLASSES = {
    "cifar10": tuple(f"kind {number}" for number in range(10)),
    "cifar100": tuple(f"kind {number}" for number in range(100)),
    "fashion_mnist": (
        *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
        *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    ),
    "svhn": tuple("0123456789"),
}


@pytest.mark.parametrize("name", DOWNLOADS)
def test_a_download_holds_what_was_published(name: str, downloads_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    published, known = publish(name, downloads_dir, monkeypatch), KNOWN_DATASETS[name]
    dataset = load(name, downloads_dir)
    assert (dataset.name, dataset.source, dataset.classes) == (name, "download", CLASSES[name])
    assert (dataset.image_size, dataset.channels) == (known.image_size, known.channels)
    for split, (images, labels) in zip((dataset.train, dataset.test), published.values(), strict=True):
        assert np.array_equal(split.images.numpy(), images)
        assert split.labels.tolist() == labels.tolist()
        assert split.labels.dtype == torch.int64


@pytest.mark.parametrize("name", ["cifar10", "fashion_mnist"])
def test_a_download_is_resized_on_request(name: str, downloads_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(name, downloads_dir, monkeypatch)
    dataset = load(name, downloads_dir, image_size=16)
    assert dataset.train.images.shape == (TRAIN_IMAGES, 16, 16, KNOWN_DATASETS[name].channels)


@pytest.mark.parametrize("name", DOWNLOADS)
def test_without_network_the_way_out_is_named(name: str, downloads_dir: Path) -> None:
    with pytest.raises(DatasetInvalid) as caught:
        load(name, downloads_dir)
    assert caught.value.detail.startswith(f"{name} could not be downloaded")
    assert "Name or service not known" in caught.value.detail
    assert "\n" not in caught.value.detail
    assert f"{name}/train/<class>/" in caught.value.hint
    assert str(downloads_dir.parent) not in str(caught.value), "which goes to whoever submitted the job"
    assert str(downloads_dir) in caught.value.__notes__[0], "which a notebook shows"


@pytest.mark.parametrize(("name", "file"), [("cifar10", "cifar-10-python.tar.gz"), ("svhn", "train_32x32.mat")])
def test_what_does_not_match_its_checksum_is_not_read(
    name: str, file: str, downloads_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(name, downloads_dir, monkeypatch)
    content = (downloads_dir / file).read_bytes()
    (downloads_dir / file).unlink()

    def serve_a_flipped_bit(url: str, target: str) -> None:
        Path(target).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))

    monkeypatch.setattr("torchvision.datasets.utils._get_redirect_url", lambda url, max_hops: url)
    monkeypatch.setattr("torchvision.datasets.utils._urlretrieve", serve_a_flipped_bit)
    with pytest.raises(DatasetInvalid, match="corrupted"):
        load(name, downloads_dir)


def test_a_connection_that_breaks_off(downloads_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_off(*_: object, **__: object) -> None:
        raise IncompleteRead(b"half")

    monkeypatch.setattr(urllib.request, "urlopen", break_off)
    with pytest.raises(DatasetInvalid, match="IncompleteRead"):
        load("svhn", downloads_dir)


def test_a_damaged_file_that_torchvision_trusts_is_reported(
    downloads_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish("fashion_mnist", downloads_dir, monkeypatch)
    load("fashion_mnist", downloads_dir)
    extracted = downloads_dir / "FashionMNIST/raw/train-images-idx3-ubyte"
    for size in (5000, 2, 0):
        extracted.write_bytes(extracted.read_bytes()[:size])
        with pytest.raises(DatasetInvalid, match="downloads' folder is damaged"):
            load("fashion_mnist", downloads_dir)


def test_downloads_dir_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DatasetInvalid, match="Not a directory"):
        load("svhn", tmp_path / "file/downloads")


def test_a_second_trainer_waits_for_the_download_of_the_first(
    downloads_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish("cifar10", downloads_dir, monkeypatch)
    reached, download = Event(), datasets.CIFAR10.download

    def note_and_download(reader: datasets.CIFAR10) -> None:
        reached.set()
        download(reader)

    monkeypatch.setattr(datasets.CIFAR10, "download", note_and_download)
    loaded: list[Dataset] = []
    second = Thread(target=lambda: loaded.append(load("cifar10", downloads_dir)))
    with FileLock(downloads_dir / ".cifar10.lock"):
        second.start()
        assert not reached.wait(0.3)
    second.join(timeout=240)
    assert reached.is_set()
    assert loaded[0].name == "cifar10"


def test_a_silent_publisher_is_given_up_and_other_sockets_keep_their_timeout(
    downloads_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[float | None] = []
    monkeypatch.setattr(datasets.CIFAR10, "download", lambda reader: seen.append(socket.getdefaulttimeout()))
    with pytest.raises(DatasetInvalid):
        load("cifar10", downloads_dir)
    assert seen[0] is not None
    assert socket.getdefaulttimeout() is None
