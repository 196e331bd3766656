"""What decoding processes hold together is bounded, and what a killed one held is free again."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image

from storage import Storage
from tests.worker.validation.archives import tree, validated, zipped
from tests.worker.validation.test_hostile_images import huge_png
from training.dataset_check import examining
from training.images import decoding as images
from training.images.pixel_budget import SMALL
from worker.validation import uploads
from worker.validation.messages import Found
from worker.validation.shared_budget import TOKEN, SharedBudget


@contextmanager
def holder(budget: SharedBudget, pixels: int) -> Iterator[int]:
    """A process that holds pixels until it is killed, and its id."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        with budget.reserved(pixels):
            os.write(writing, b"!")
            signal.pause()
    os.close(writing)
    assert os.read(reading, 1) == b"!"
    os.close(reading)
    yield pid
    os.waitpid(pid, 0)


def test_who_needs_more_than_is_free_waits_until_another_ends_however_it_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    budget = SharedBudget(tmp_path / "budget", 4 * TOKEN)
    waits: list[float] = []
    with holder(budget, 3 * TOKEN) as pid:
        with budget.reserved(TOKEN):
            assert not waits

        def end_it(seconds: float) -> None:
            if not waits:
                os.kill(pid, signal.SIGKILL)
            waits.append(seconds)

        monkeypatch.setattr(time, "sleep", end_it)
        with budget.reserved(100 * TOKEN):
            assert waits


def test_small_images_never_wait(tmp_path: Path) -> None:
    budget = SharedBudget(tmp_path / "budget", TOKEN)
    with holder(budget, TOKEN) as pid:
        with budget.reserved(SMALL):
            pass
        os.kill(pid, signal.SIGKILL)


def test_large_images_are_decoded_one_after_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By two processes, where the memory does for one."""
    log = os.open(tmp_path / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    whole_image = images.whole_image

    def noted(image: Image.Image) -> Image.Image:
        if image.width * image.height > SMALL:
            os.write(log, b"(")
            time.sleep(0.05)
            os.write(log, b")")
        return whole_image(image)

    monkeypatch.setattr(examining, "whole_image", noted)
    monkeypatch.setattr(uploads, "CHUNK", 1)
    monkeypatch.setattr(uploads, "SharedBudget", lambda path: SharedBudget(path, TOKEN))
    large = {f"train/ant/large{number}.png": huge_png(1025 + number) for number in range(6)}
    storage = Storage(f"file://{tmp_path}/storage")
    found = validated(storage, tmp_path / "x", zipped({**tree(1, 1), **large}))
    assert isinstance(found, Found)
    assert (tmp_path / "log").read_text() == "()" * 6
