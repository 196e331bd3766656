"""Trains in the tests' own process: with one thread, as several of pytest's processes share the cores, and with nothing
left of what a trainer has set for its whole process; and an image folder that several files look at."""

import ctypes
import gc
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from training.engine.data import decoding
from training.images.decoding import open_image


@pytest.fixture(autouse=True)
def _torch_as_it_starts() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(False)


@pytest.fixture(scope="module", autouse=True)
def _memory_given_back() -> Iterator[None]:
    """What networks took: glibc keeps what is freed in pieces, and the process would grow to 3 GB."""
    yield
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """Classes cat and dog, 4 training images and 2 test images of each, 8 x 8, all different."""
    random, folder = np.random.default_rng(0), tmp_path / "pets"
    for name in ("cat", "dog"):
        for place in [f"train/{name}/{number}.png" for number in range(4)] + [f"test/{name}/{n}.png" for n in (0, 1)]:
            (folder / place).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(random.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(folder / place)
    return folder


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The image files that were opened since."""
    files: list[str] = []

    def open_and_note(file: str) -> AbstractContextManager[Image.Image]:
        files.append(file)
        return open_image(file)

    monkeypatch.setattr(decoding, "open_image", open_and_note)
    return files
