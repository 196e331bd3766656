"""Threads that decode large images wait for each other; small ones do not wait."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, Event, Lock

from PIL import Image

from training.engine.data import load_dataset
from training.images.pixel_budget import SMALL, PixelBudget


def test_no_more_is_held_at_once_than_there_is_room_for() -> None:
    budget, lock = PixelBudget(10 * SMALL), Lock()
    held = most = 0

    def decode(pixels: int) -> None:
        nonlocal held, most
        with budget.reserved(pixels):
            with lock:
                held += min(pixels, 10 * SMALL)
                most = max(most, held)
            with lock:
                held -= min(pixels, 10 * SMALL)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(decode, [3 * SMALL, 7 * SMALL, 50 * SMALL] * 100))
    assert 0 < most <= 10 * SMALL
    assert held == 0


def test_what_fits_is_decoded_at_once_and_a_large_image_alone() -> None:
    budget, both, alone = PixelBudget(10 * SMALL), Barrier(2, timeout=60), Event()

    def fits() -> None:
        with budget.reserved(5 * SMALL):
            both.wait()

    def large() -> None:
        with budget.reserved(99 * SMALL):
            alone.set()

    with ThreadPoolExecutor(3) as pool:
        for future in [pool.submit(fits), pool.submit(fits)]:
            future.result()
        with budget.reserved(2 * SMALL):
            waiting = pool.submit(large)
            with budget.reserved(SMALL):  # a small one goes past whoever waits
                assert not alone.is_set()
        waiting.result()
    assert alone.is_set()


def test_what_is_passed_over_is_counted_in_the_loaded_data_set(tmp_path: Path) -> None:
    for place in ("train/cat", "train/dog", "test/cat", "test/dog"):
        (tmp_path / "pets" / place).mkdir(parents=True)
        Image.new("L", (8, 8)).save(tmp_path / "pets" / place / "0", format="PNG")
        (tmp_path / "pets" / place / "clip.mp4").touch()
        (tmp_path / "pets" / place / "Thumbs.db").touch()
    dataset = load_dataset("pets", datasets_dir=tmp_path, downloads_dir=tmp_path)
    assert (len(dataset.train.labels), dataset.dropped, dataset.ignored) == (2, 0, 4)
    assert dataset.ignored_examples[0] == "pets/train/cat/clip.mp4"
