"""Augments batches: applies the operations that a spec asks for, in their order."""

from collections.abc import Iterator
from typing import Protocol

import torch
from torch import Tensor

from training.engine.augmentation.boxes import RandomCutout, RandomErasing, WipeOut
from training.engine.augmentation.colours import RandomColour
from training.engine.augmentation.cuts import CropAndFlip, Cut, ResizedCrops, WholeImages
from training.engine.augmentation.geometry import RandomRotation
from training.engine.augmentation.policies import RandomPolicy
from training.spec import Augmentation


class Change(Protocol):
    """An operation on images that have their final size."""

    def __call__(self, images: Tensor, samples: Tensor, epoch: int) -> Tensor:
        """uint8 [B, H, W, C], both; `samples`: int64 [B], on the host."""
        ...


class Augmenter:
    """Makes batches out of a data set's images. What a sample looks like depends on (seed, epoch, sample) alone."""

    def __init__(
        self, spec: Augmentation, *, image_size: int, fill: Tensor, seed: int, device: torch.device | str
    ) -> None:
        """Images are square, `image_size` pixels a side, and lie on `device`. `fill`: the data set's mean in pixel
        values, 0 to 255, [C], which cutout and erasing put in."""
        self._cut = _cut(spec, image_size, seed)
        self._changes = tuple(_changes(spec, image_size, fill, seed, torch.device(device)))

    def batch(self, source: Tensor, positions: Tensor, samples: Tensor, epoch: int) -> Tensor:
        """The images at `positions` as they look in `epoch`: uint8 [B, H, W, C].

        `source`: uint8 [N, H, W, C], contiguous, all of a data set or some of it. `positions`: int64 [B], rows of
        `source`, on its device. `samples`: int64 [B], on the host: the samples' numbers within the data set, by which
        they are drawn.
        """
        images = self._cut(source, positions, samples, epoch)
        for change in self._changes:
            images = change(images, samples, epoch)
        return images


def _cut(spec: Augmentation, image_size: int, seed: int) -> Cut:
    if spec.resized_crop:
        return ResizedCrops(spec.resized_crop, image_size, seed, flip=spec.flip)
    if spec.crop or spec.flip:
        return CropAndFlip(spec.crop, seed, flip=spec.flip)
    return WholeImages()


def _changes(spec: Augmentation, image_size: int, fill: Tensor, seed: int, device: torch.device) -> Iterator[Change]:
    wipe_out = WipeOut(image_size, fill, device)
    if spec.policy:
        yield RandomPolicy(spec.policy, image_size, seed)
    if spec.rotation:
        yield RandomRotation(spec.rotation, seed)
    if spec.colour:
        yield RandomColour(spec.colour, seed)
    if spec.cutout:
        yield RandomCutout(spec.cutout, image_size, seed, wipe_out)
    if spec.erasing:
        yield RandomErasing(spec.erasing, image_size, seed, wipe_out)
