"""The images on which an export is checked and measured: those of the data set that the network was trained on."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from storage import Storage
from training.engine.data import Dataset, DatasetInvalid
from training.engine.export import SavedNetwork
from training.engine.export.sessions import Images, Labels, batch_size
from worker.dataset_files import load_images
from worker.exporting.messages import ExportOrder
from worker.saving import RetryingReader

RANDOM_IMAGES = 64


class ImagesGone(Exception):
    """They are not there any more, or others are in their place; the message says so of "its images"."""


@dataclass(frozen=True, slots=True)
class RealImages:
    """Images of a data set, drawn by chance, and always the same."""

    dataset: Dataset

    def drawn(self, split: Literal["train", "test"], most: int) -> Images:
        """Of a split, `most` at most: uint8 [N, size, size, channels]."""
        return self._of(split, self._rows(split, most))[0]

    def test_batches(self, most: int) -> Iterator[tuple[Images, Labels]]:
        """Test images, `most` at most, and their labels. Any part of the batches is a fair sample."""
        rows, size = self._rows("test", most), batch_size(self.dataset.image_size)
        for start in range(0, len(rows), size):
            yield self._of("test", rows[start : start + size])

    def _rows(self, split: str, most: int) -> NDArray[np.int64]:
        count = len(self.dataset.splits[split].labels)
        return np.random.default_rng(0).permutation(count)[:most]

    def _of(self, split: str, rows: NDArray[np.int64]) -> tuple[Images, Labels]:
        found, places = self.dataset.splits[split], torch.from_numpy(rows)
        return found.images.index_select(0, places).numpy(), found.labels.index_select(0, places).numpy()


def real_images(order: ExportOrder, storage: Storage, reader: RetryingReader, saved: SavedNetwork) -> RealImages:
    """Raises ImagesGone, and OSError where the storage does not answer or a disk is full."""
    if order.images is None:
        raise ImagesGone("its images are gone")
    try:
        dataset = load_images(order.images, storage, reader)
    except DatasetInvalid as error:
        raise ImagesGone(f"its images cannot be loaded any more: {error.detail}") from error
    taken = saved.inputs
    form = (dataset.image_size, dataset.channels, tuple(dataset.classes))
    fits = form == (taken.image_size, taken.channels, tuple(taken.classes))
    if not fits or (order.identity is not None and order.identity != dataset.identity):
        raise ImagesGone("its images have changed since it was trained")
    return RealImages(dataset)


def random_pixels(saved: SavedNetwork) -> Images:
    """Where there are no images: uint8 [RANDOM_IMAGES, size, size, channels]."""
    shape = (RANDOM_IMAGES, saved.inputs.image_size, saved.inputs.image_size, saved.inputs.channels)
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)
