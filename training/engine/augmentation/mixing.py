"""Mixup and CutMix: each image and label is mixed with those of its neighbour in the batch."""

from dataclasses import dataclass

import torch
from torch import Tensor

from training.engine.augmentation.boxes import Boxes
from training.engine.counter_rng import Purpose, betas, integers, uniforms
from training.engine.device.transfer import send
from training.spec import Augmentation


@dataclass(frozen=True, slots=True)
class Examples:
    """What one forward pass takes in: `shares` of each image and label, and the rest of its neighbour's.

    `images` float32 [B, C, H, W], normalised; `labels` int64 [B]. `other_labels` int64 [B] and `shares` float32 [B],
    0 to 1; both are None where nothing is ever mixed.
    """

    images: Tensor
    labels: Tensor
    other_labels: Tensor | None = None
    shares: Tensor | None = None


class Mixer:
    """Mixes places 0 and 1 of a batch, 2 and 3, and so on.

    The order is a new permutation each epoch, so neighbours are random; and they stay together when a batch is split
    at even places. The last image of an odd batch stays as it is.
    """

    def __init__(self, spec: Augmentation, seed: int) -> None:
        self._mixup, self._cutmix, self._seed = spec.mixup, spec.cutmix, seed

    def mix(self, images: Tensor, labels: Tensor, samples: Tensor, epoch: int) -> Examples:
        """`images` float32 [B, C, H, H], `labels` int64 [B], both on one device; `samples` int64 [B], on the host.

        The images that come out are channels_last in memory, and those that go in had better be.
        """
        if self._mixup is None and self._cutmix is None:
            return Examples(images, labels)
        count, channels, size, _ = images.shape
        places = torch.arange(count)
        partners = (places ^ 1).clamp(max=count - 1)
        shares, boxes = self._drawn(samples, epoch, size)
        shares = torch.where(partners == places, 1.0, shares)

        mixed = images.permute(0, 2, 3, 1).reshape(count, size, size * channels)
        others = _neighbours(mixed)
        if boxes:
            boxes = boxes.only(partners != places)
            mixed = _paste(others, mixed, boxes, channels)
        if self._mixup:
            kept = send(shares.float(), images.device)[:, None, None]
            mixed = (mixed * kept).add_(others.mul_(1 - kept))
        if boxes:
            shares = shares * (1 - boxes.areas.double() / size**2)
        return Examples(
            images=mixed.view(count, size, size, channels).permute(0, 3, 1, 2),
            labels=labels,
            other_labels=labels.index_select(0, send(partners, labels.device)),
            shares=send(shares.float(), images.device),
        )

    def _drawn(self, samples: Tensor, epoch: int, size: int) -> tuple[Tensor, Boxes | None]:
        """Each sample's share outside its box, and its box, which is empty where nothing is pasted; of both, one does
        nothing."""
        seed = self._seed
        shares = torch.ones_like(samples, dtype=torch.float64)
        if self._mixup:
            shares = betas(samples, self._mixup.alpha, seed, epoch, Purpose.MIXUP_SHARE)
        if self._cutmix is None:
            return shares, None
        pasted = uniforms(samples, seed, epoch, Purpose.CUTMIX_CHANCE) < self._cutmix.probability
        sides = size * (1 - betas(samples, self._cutmix.alpha, seed, epoch, Purpose.CUTMIX_SHARE)).sqrt()
        half = sides.long() // 2
        row = integers(samples, size, seed, epoch, Purpose.CUTMIX_ROW)
        column = integers(samples, size, seed, epoch, Purpose.CUTMIX_COLUMN)
        boxes = Boxes.around(row, column, (half, half), size)
        return torch.where(pasted, 1.0, shares), boxes.only(pasted)


def _paste(source: Tensor, target: Tensor, boxes: Boxes, channels: int) -> Tensor:
    """`target` with `source` in the boxes: float32 [B, H, W * C], all three.

    By masks of bits, which hand numbers on as they are: on a CPU, torch.where takes many times as long.
    """
    height, width = target.shape[1:]
    rows = torch.arange(height, device=target.device)
    columns = torch.arange(width, device=target.device) // channels
    rows, columns = (reached.to(torch.int32).neg_() for reached in boxes.cover(rows, columns))
    old = target.view(torch.int32)
    change = (source.view(torch.int32) ^ old).bitwise_and_(rows).bitwise_and_(columns)
    return change.bitwise_xor_(old).view(torch.float32)


def _neighbours(images: Tensor) -> Tensor:
    """Each pair's images in each other's place; a copy."""
    others = torch.empty_like(images)
    pairs = len(images) // 2 * 2
    others[0:pairs:2], others[1:pairs:2] = images[1:pairs:2], images[0:pairs:2]
    others[pairs:] = images[pairs:]
    return others
