"""Resident or streamed, a batch holds the same."""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest
import torch

from training.batching import Bounds
from training.engine.data import Batch, Split, feeds, load_dataset, make_feed
from training.engine.data.feeds import ResidentFeed, StreamedFeed

DEVICES = ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]
BOUNDS: list[Bounds] = [(first, min(first + 7, 100)) for first in range(0, 100, 7)]


@pytest.fixture
def split() -> Split:
    draw = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (120, 6, 6, 3), dtype=torch.uint8, generator=draw)
    return Split(images, torch.randint(0, 10, (120,), generator=draw))


@pytest.fixture
def rows() -> torch.Tensor:
    return torch.randperm(120, generator=torch.Generator().manual_seed(1))[:100]


def loaders() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("loader")]


def images_of(batch: Batch) -> torch.Tensor:
    return batch.source[batch.positions].cpu()


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize(
    "bounds", [BOUNDS, BOUNDS[::-1], [(3, 90)], [(50, 51), (10, 40), (10, 40)], [(0, 100)], [(4, 4), (4, 9)], []]
)
@pytest.mark.parametrize("mode", [nullcontext, torch.inference_mode])
def test_streamed_batches_are_the_resident_ones(
    split: Split,
    rows: torch.Tensor,
    bounds: list[Bounds],
    threads: int,
    device: str,
    mode: Callable[[], AbstractContextManager[object]],
) -> None:
    place = torch.device(device)
    with mode():
        resident = list(ResidentFeed(split, place).batches(rows, bounds))
        streamed = list(StreamedFeed(split, place, threads).batches(rows, bounds))
        assert len(resident) == len(streamed) == len(bounds)
        for (first, end), one, other in zip(bounds, resident, streamed, strict=True):
            for batch in (one, other):
                assert torch.equal(images_of(batch), split.images[rows[first:end]])
                assert torch.equal(batch.labels.cpu(), split.labels[rows[first:end]])
                assert torch.equal(batch.samples, rows[first:end])
                assert {tensor.device.type for tensor in (batch.source, batch.positions, batch.labels)} == {device}
                assert batch.samples.device.type == "cpu"


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_batches_may_be_kept(split: Split, rows: torch.Tensor, threads: int) -> None:
    """Nothing is gathered into memory that a batch still has."""
    kept = list(StreamedFeed(split, torch.device("cpu"), threads).batches(rows, BOUNDS))
    assert torch.equal(torch.cat([images_of(batch) for batch in kept]), split.images[rows])


@pytest.mark.parametrize("taken", [0, 1, 3])
def test_closing_early_ends_the_threads(split: Split, rows: torch.Tensor, taken: int) -> None:
    batches = StreamedFeed(split, torch.device("cpu"), 5).batches(rows, BOUNDS)
    for _ in range(taken):
        next(batches)
    assert bool(loaders()) == bool(taken)
    del batches  # as a loop does that is left
    assert loaders() == []


def test_the_end_ends_the_threads(split: Split, rows: torch.Tensor) -> None:
    for _ in StreamedFeed(split, torch.device("cpu"), 5).batches(rows, BOUNDS):
        assert loaders()
    assert loaders() == []


def test_an_error_in_a_thread_reaches_whoever_takes_the_batches(split: Split, rows: torch.Tensor) -> None:
    batches = StreamedFeed(split, torch.device("cpu"), 2)
    batches._pixels = batches._pixels[..., :1]  # which do not fit what they are gathered into
    with pytest.raises(ValueError, match="output array"):
        list(batches.batches(rows, BOUNDS))
    assert loaders() == []


@pytest.mark.parametrize("wrong", [-1, 120])
@pytest.mark.parametrize("kind", [ResidentFeed, StreamedFeed])
def test_a_row_that_is_not_there_is_an_error(
    split: Split, wrong: int, kind: type[ResidentFeed] | type[StreamedFeed]
) -> None:
    rows, feed = torch.tensor([5, wrong, 7]), kind(split, torch.device("cpu"))
    with pytest.raises(IndexError, match="split of 120"):
        list(feed.batches(rows, [(1, 3)]))
    assert len(list(feed.batches(rows, [(2, 3), (0, 1)][:1]))) == 1  # of what is not asked for, nothing is said


@pytest.mark.parametrize("threads", [1, 3])
def test_threads_work_ahead_but_not_without_end(
    split: Split, rows: torch.Tensor, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    gathered, gather = threading.Semaphore(0), StreamedFeed._gather

    def gather_and_note(feed: StreamedFeed, rows: torch.Tensor, into: torch.Tensor) -> torch.Tensor:
        gathered.release()
        return gather(feed, rows, into)

    monkeypatch.setattr(StreamedFeed, "_gather", gather_and_note)
    batches = StreamedFeed(split, torch.device("cpu"), threads).batches(rows, BOUNDS)
    next(batches)
    for _ in range(1 + threads):  # the one that was taken, and one for each thread
        assert gathered.acquire(timeout=240)
    assert not gathered.acquire(timeout=0.1)
    next(batches)
    assert gathered.acquire(timeout=240)
    assert not gathered.acquire(timeout=0.1)


def mapped(tmp_path: Path) -> Split:
    for _ in range(2):
        dataset = load_dataset(
            "digits", image_size=12, datasets_dir=tmp_path, downloads_dir=tmp_path, cache_dir=tmp_path
        )
    assert dataset.train.mapped
    return dataset.train


def test_a_mapped_file_is_streamed_where_it_takes_more_than_half_of_the_free_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    split, cpu = mapped(tmp_path), torch.device("cpu")
    monkeypatch.setattr(feeds, "available_memory", lambda: 2 * split.images.nbytes)
    assert make_feed(split, cpu, "auto").placement == "resident"
    monkeypatch.setattr(feeds, "available_memory", lambda: 2 * split.images.nbytes - 1)
    assert make_feed(split, cpu, "auto").placement == "streamed"
    assert make_feed(split, cpu, "resident").placement == "resident"


def test_images_in_memory_need_no_memory_on_a_cpu(split: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "available_memory", lambda: 0)
    assert make_feed(split, torch.device("cpu"), "auto").placement == "resident"
    assert make_feed(split, torch.device("cpu"), "streamed").placement == "streamed"


@pytest.mark.parametrize("placement", ["resident", "streamed"])
def test_a_mapped_file_is_fed_without_being_copied_as_a_whole(tmp_path: Path, placement: str) -> None:
    split = mapped(tmp_path)
    feed = make_feed(split, torch.device("cpu"), "resident" if placement == "resident" else "streamed")
    assert feed.image_size == 12
    (batch,) = feed.batches(torch.arange(20), [(2, 9)])
    assert torch.equal(images_of(batch), split.images[2:9])
    if placement == "resident":
        assert batch.source.data_ptr() == split.images.data_ptr()
    else:
        assert len(batch.source) == 7
