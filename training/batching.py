"""How a training set is divided: into training and validation images, into batches, and batches into parts.

The engine trains by these rules, specs are checked against them, and the platform estimates by them.
"""

from typing import Literal

Bounds = tuple[int, int]  # first place, and the one after the last

BatchSize = int | Literal["full"]  # "full": all training images each step

FULL_BATCH_PART_SIZE = 1024  # images at once of a batch of all training images


def validation_images(fraction: float, images: int) -> int:
    """How many of `images` are split off for validation."""
    return round(fraction * images)


def images_per_step(batch_size: BatchSize, train_images: int) -> int:
    """Of all devices together. An epoch's last batch may be smaller."""
    return train_images if batch_size == "full" else batch_size


def images_per_part(batch_size: BatchSize, micro_batch_size: int | None) -> int:
    """How many images of a batch pass forward and backward at once, on all devices together. The gradients of a batch's
    parts are added up."""
    if micro_batch_size:
        return micro_batch_size
    return FULL_BATCH_PART_SIZE if batch_size == "full" else batch_size


def batch_bounds(first: int, end: int, size: int) -> list[Bounds]:
    """Where each batch of `size` of the places `first` to `end` begins and ends. Every place is in one batch.

    The last batch may be smaller. A single image that is left over joins the batch before, since batch normalisation
    cannot normalise one value.
    """
    starts = list(range(first, end, size))
    if len(starts) > 1 and end - starts[-1] < 2:
        starts.pop()
    return list(zip(starts, [*starts[1:], end], strict=True))


def steps_per_epoch(batch_size: BatchSize, train_images: int) -> int:
    """How many batches `batch_bounds` makes of `train_images`, counted without making them."""
    whole, left = divmod(train_images, images_per_step(batch_size, train_images))
    return max(1, whole + (left >= 2))
