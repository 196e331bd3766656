"""Feeds: how decoded images get to the device that trains on them, batch by batch.

A resident feed holds a whole split on the device, and a batch is a list of rows. A streamed feed gathers the rows of
each batch from the decoded images, which may be a file mapped into memory. Threads work ahead of the device; for a GPU
they gather into pinned memory, so that copies run while it computes. Batches have the same content either way.
"""

import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import torch
from torch import Tensor

from training.batching import Bounds
from training.engine.data.dataset import Split
from training.engine.device.transfer import send
from training.host_memory import available_memory

LARGEST_SHARE = 0.5  # of the device's free memory, for a resident split; network and batches need the rest
LOADER_THREADS = min(4, os.cpu_count() or 1)  # one copies some GB/s from memory; several can wait for a disk together


@dataclass(frozen=True, slots=True)
class Batch:
    """Images to be taken out of `source`, uint8 [N, H, W, C], at `positions`, int64 [B], with `labels`, int64 [B]: all
    on the device. `samples`, int64 [B], are their numbers within the split, on the host."""

    source: Tensor
    positions: Tensor
    labels: Tensor
    samples: Tensor


class Feed(Protocol):
    """Gives out the images of one split."""

    @property
    def placement(self) -> Literal["resident", "streamed"]:
        """Where the images lie."""
        ...

    @property
    def image_size(self) -> int:
        """Side in pixels."""
        ...

    def batches(self, rows: Tensor, bounds: Sequence[Bounds]) -> Iterator[Batch]:
        """The samples `rows` (int64, on the host) between each of `bounds`, in this order. Raises IndexError for one
        that the split does not have. The host never waits for what the device computes."""
        ...


def make_feed(split: Split, device: torch.device, placement: Literal["auto", "resident", "streamed"]) -> Feed:
    """A feed of `split` to `device`; `auto` streams what does not fit into half of the device's free memory."""
    if placement == "auto":
        placement = "resident" if _fits(split, device) else "streamed"
    return ResidentFeed(split, device) if placement == "resident" else StreamedFeed(split, device)


def free_memory(device: torch.device) -> int:
    """Bytes that can still be taken on `device`."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else available_memory()


def _fits(split: Split, device: torch.device) -> bool:
    if device.type == "cpu" and not split.mapped:
        return True  # it is there already
    return split.images.nbytes <= LARGEST_SHARE * free_memory(device)


class ResidentFeed:
    """All of the split on the device. On a CPU that is where it lies, a mapped file included: nothing is copied."""

    placement: Literal["resident"] = "resident"

    def __init__(self, split: Split, device: torch.device) -> None:
        self._split = split.to(device)
        self._device = device

    @property
    def image_size(self) -> int:
        """Side in pixels."""
        return self._split.images.shape[1]

    def batches(self, rows: Tensor, bounds: Sequence[Bounds]) -> Iterator[Batch]:
        """See Feed. Rows go to the device once, not batch by batch."""
        start, stop = _extent(rows, bounds, self._split)
        on_device = send(self._split.rows(rows[start:stop]), self._device)
        for first, end in bounds:
            positions = on_device[first - start : end - start]
            yield Batch(self._split.images, positions, self._split.labels[positions], rows[first:end])


class StreamedFeed:
    """Batches gathered ahead of the device, by `threads` threads. How many there are changes nothing but the pace."""

    placement: Literal["streamed"] = "streamed"

    def __init__(self, split: Split, device: torch.device, threads: int = LOADER_THREADS) -> None:
        self._split = split
        self._pixels = split.images.numpy()
        self._device = device
        self._threads = threads

    @property
    def image_size(self) -> int:
        """Side in pixels."""
        return self._split.images.shape[1]

    def batches(self, rows: Tensor, bounds: Sequence[Bounds]) -> Iterator[Batch]:
        """See Feed. Once the iterator is closed, or used up, its threads have ended."""
        start, stop = _extent(rows, bounds, self._split)
        lying = self._split.rows(rows[start:stop])
        labels = send(self._split.labels[lying], self._device)
        largest = max((end - first for first, end in bounds), default=0)
        positions = torch.arange(largest, device=self._device)
        transfer = _transfer(self._device, largest, self._split, buffers=min(self._threads + 2, len(bounds)))
        ahead: deque[tuple[Bounds, Future[Tensor]]] = deque()

        def next_batch() -> Batch:
            (first, end), gathered = ahead.popleft()
            images = transfer.send(gathered.result())
            return Batch(images, positions[: end - first], labels[first - start : end - start], rows[first:end])

        with ThreadPoolExecutor(self._threads, thread_name_prefix="loader") as pool:
            try:
                for first, end in bounds:
                    ahead.append(
                        (
                            (first, end),
                            pool.submit(self._gather, lying[first - start : end - start], transfer.buffer(end - first)),
                        )
                    )
                    if len(ahead) > self._threads:
                        yield next_batch()
                while ahead:
                    yield next_batch()
            finally:  # the consumer may stop early: batches that no thread has begun are dropped
                for _, future in ahead:
                    future.cancel()

    def _gather(self, rows: Tensor, into: Tensor) -> Tensor:
        """With numpy, which uses this thread alone: torch would start as many threads as for training. Calls nothing of
        CUDA, since other threads must not while a graph is captured."""
        np.take(self._pixels, rows.numpy(), axis=0, out=into.numpy(), mode="clip")  # "raise" would copy twice
        return into


class _Transfer(Protocol):
    """Copies gathered images to the device. Used by the consumer's thread alone."""

    def buffer(self, images: int) -> Tensor:
        """A buffer on the host for so many images."""
        ...

    def send(self, gathered: Tensor) -> Tensor:
        """The content of a buffer, on the device. Buffers must be sent in the order in which `buffer` returned them."""
        ...


def _transfer(device: torch.device, images: int, split: Split, buffers: int) -> _Transfer:
    shape = split.images.shape[1:]
    return _PinnedTransfer(device, images, shape, buffers) if device.type == "cuda" else _HostTransfer(shape)


class _HostTransfer:
    """For a CPU: the buffer is the batch, and nothing is copied."""

    def __init__(self, shape: torch.Size) -> None:
        self._shape = shape

    def buffer(self, images: int) -> Tensor:
        return torch.empty((images, *self._shape), dtype=torch.uint8)

    def send(self, gathered: Tensor) -> Tensor:
        return gathered


class _PinnedTransfer:
    """For a GPU: copies from pinned buffers, one after the other, on a CUDA stream of its own. The host is some steps
    ahead of the device, so that a batch is copied while the device computes on earlier ones.
    """

    def __init__(self, device: torch.device, images: int, shape: torch.Size, buffers: int) -> None:
        self._device = device
        self._stream = torch.cuda.Stream(device)
        self._buffers = deque(
            (torch.empty((images, *shape), dtype=torch.uint8, pin_memory=True), torch.cuda.Event())
            for _ in range(buffers)
        )
        self._given: deque[torch.cuda.Event] = deque()

    def buffer(self, images: int) -> Tensor:
        pinned, copied = self._buffers[0]
        self._buffers.rotate(-1)
        copied.synchronize()  # waits for the copy of the batch that used this buffer before, not for any computation
        self._given.append(copied)
        return pinned[:images]

    def send(self, gathered: Tensor) -> Tensor:
        consumer, copied = torch.cuda.current_stream(self._device), self._given.popleft()
        with torch.cuda.stream(self._stream):
            images = gathered.to(self._device, non_blocking=True)
            copied.record(self._stream)
        consumer.wait_event(copied)
        images.record_stream(consumer)  # the allocator must not reuse this memory until the consumer is done with it
        return images


def _extent(rows: Tensor, bounds: Sequence[Bounds], split: Split) -> Bounds:
    """The first and the last place of all `bounds`. Raises IndexError where a row between them is not in `split`:
    later, a wrong index would be clipped, and give a wrong image, or kill the process on a GPU."""
    start, stop = min((first for first, _ in bounds), default=0), max((end for _, end in bounds), default=0)
    if stop > start:
        least, most = (int(row) for row in rows[start:stop].aminmax())
        if least < 0 or most >= len(split.labels):
            raise IndexError(f"rows {least} to {most} are not all in a split of {len(split.labels)}")
    return start, stop
