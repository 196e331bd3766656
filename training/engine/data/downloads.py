"""Data sets that torchvision downloads from their publishers and checks against known sums."""

import errno
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.engine.data.dataset import Dataset, Split
from training.engine.data.file_locks import exclusive_file_lock
from training.errors import DatasetInvalid, told
from training.image_folders import layout

SILENCE = 60.0  # seconds without a byte after which a publisher counts as gone


def load_download(name: str, *, downloads_dir: Path) -> Dataset:
    """Downloads into `downloads_dir` what is not there yet. Raises DatasetInvalid where that fails, and
    OSError where the disk is full."""
    try:
        downloads_dir.mkdir(parents=True, exist_ok=True)
        with exclusive_file_lock(downloads_dir / f".{name}.lock"), _impatient_sockets():
            classes, train, test = _read(name, downloads_dir)
    except (OSError, HTTPException, RuntimeError, ValueError, AssertionError) as error:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise  # nothing is wrong with the data set
        reason = " ".join(told(error).split())  # torchvision lists its mirrors on lines of their own
        raise DatasetInvalid(
            f"{name} could not be downloaded, or what lies in the downloads' folder is damaged: {reason}",
            f"Check the network and remove what is damaged, or put {layout(name)}",
        ) from error
    return Dataset(name, classes, train, test, source="download")


def _read(name: str, root: Path) -> tuple[tuple[str, ...], Split, Split]:
    """Class names, training and test images, straight from the arrays that torchvision holds."""
    # Imported here because it takes a second, and only downloads need it.
    from torchvision import datasets

    match name:
        case "cifar10" | "cifar100":
            reader = datasets.CIFAR10 if name == "cifar10" else datasets.CIFAR100
            train, test = (reader(root, train=train, download=True) for train in (True, False))
            return tuple(train.classes), _split(train.data, train.targets), _split(test.data, test.targets)
        case "fashion_mnist":
            train, test = (datasets.FashionMNIST(root, train=train, download=True) for train in (True, False))
            train_images, test_images = (read.data.numpy()[..., np.newaxis] for read in (train, test))
            classes = tuple(datasets.FashionMNIST.classes)
            return classes, _split(train_images, train.targets), _split(test_images, test.targets)
        case "svhn":
            train, test = (datasets.SVHN(root, split=split, download=True) for split in ("train", "test"))
            train_images, test_images = (read.data.transpose(0, 2, 3, 1) for read in (train, test))
            return tuple("0123456789"), _split(train_images, train.labels), _split(test_images, test.labels)
    raise LookupError(f"{name} is not a data set to download")


def _split(images: NDArray[np.uint8], labels: Sequence[int] | NDArray[np.int64] | Tensor) -> Split:
    """`images` of shape [N, height, width, channels], in any memory order."""
    return Split(torch.from_numpy(np.ascontiguousarray(images)), torch.as_tensor(labels, dtype=torch.int64))


@contextmanager
def _impatient_sockets() -> Iterator[None]:
    """Torchvision sets no timeout: a publisher that falls silent would hold the job, and the lock, for ever."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(SILENCE)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
