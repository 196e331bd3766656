"""Random rectangles within images: for cutout, random erasing and CutMix."""

import math
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from training.engine.counter_rng import Purpose, integers, uniforms
from training.engine.device.transfer import send
from training.spec import Cutout, Erasing

ATTEMPTS = 10  # as many as torchvision makes


@dataclass(frozen=True, slots=True)
class Boxes:
    """One rectangle a sample, in pixels; `bottom` and `right` are the first outside. Each int64 [B]."""

    top: Tensor
    bottom: Tensor
    left: Tensor
    right: Tensor

    @classmethod
    def around(cls, row: Tensor, column: Tensor, reach: tuple[Tensor | int, Tensor | int], size: int) -> Self:
        """Those that reach from the centre `reach[0]` pixels up and to the left, and `reach[1]` down and to the right;
        cut off where an image of `size` pixels a side ends."""
        before, after = reach
        sides = (row - before, row + after, column - before, column + after)
        return cls(*(side.clamp(0, size) for side in sides))

    def only(self, chosen: Tensor) -> Self:
        """These where `chosen` (bool [B]), and empty ones elsewhere."""
        return replace(self, bottom=torch.where(chosen, self.bottom, self.top))

    @property
    def areas(self) -> Tensor:
        """In pixels, int64 [B]."""
        heights: Tensor = self.bottom - self.top
        return heights * (self.right - self.left)

    def cover(self, rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
        """Which of the places at `rows` [H] and `columns` [W] the boxes reach, on the places' device: bool [B, H, 1]
        and [B, 1, W]. Where both are true is inside."""
        sides = torch.stack((self.top, self.bottom, self.left, self.right))[:, :, None]
        top, bottom, left, right = send(sides, rows.device)
        return ((rows >= top) & (rows < bottom))[:, :, None], ((columns >= left) & (columns < right))[:, None]


@dataclass(frozen=True, slots=True)
class RandomBoxes:
    """Rectangles of random area, shape and place within square images of `image_size` pixels a side.

    Area is uniform, and the ratio of the sides log-uniform up to `largest_ratio`, and its inverse. A sample takes the
    first of ten such shapes whose sides are 1 to `largest_side` pixels, else a square of `fallback_side`, as in
    torchvision's RandomResizedCrop and RandomErasing.
    """

    image_size: int
    areas: tuple[float, float]  # smallest and largest, as shares of the image
    largest_ratio: float
    largest_side: int
    fallback_side: int
    seed: int
    purposes: tuple[Purpose, Purpose, Purpose, Purpose]  # of area, ratio, row and column

    def draw(self, samples: Tensor, epoch: int) -> Boxes:
        """One a sample; `samples` int64 [B]."""
        size, (*_, for_row, for_column) = self.image_size, self.purposes
        height = torch.full_like(samples, self.fallback_side)
        width = height.clone()
        missing = torch.ones_like(samples, dtype=torch.bool)
        for attempt in range(ATTEMPTS):
            sides = self._sides(samples, epoch, attempt)
            fits = missing & (sides >= 1).all(0) & (sides <= self.largest_side).all(0)
            height, width = torch.where(fits, sides[0], height), torch.where(fits, sides[1], width)
            missing = missing & ~fits
            if not missing.any():
                break
        top = integers(samples, size - height + 1, self.seed, epoch, for_row)
        left = integers(samples, size - width + 1, self.seed, epoch, for_column)
        return Boxes(top, top + height, left, left + width)

    def _sides(self, samples: Tensor, epoch: int, attempt: int) -> Tensor:
        """Height and width in pixels, int64 [2, B]."""
        (smallest, largest), (for_area, for_ratio, *_) = self.areas, self.purposes
        share = smallest + (largest - smallest) * uniforms(samples, self.seed, epoch, for_area, attempt)
        exponent = 2 * uniforms(samples, self.seed, epoch, for_ratio, attempt) - 1
        ratio = (exponent * math.log(self.largest_ratio)).exp()
        area = share * self.image_size**2
        return torch.stack((area * ratio, area / ratio)).sqrt().round().long()


class WipeOut:
    """Fills boxes with the data set's mean."""

    def __init__(self, image_size: int, fill: Tensor, device: torch.device) -> None:
        """`fill`: pixel values, 0 to 255, [C]."""
        self._rows = torch.arange(image_size, device=device)
        self._columns = self._rows.repeat_interleave(len(fill))  # of each byte in a row of pixels
        self._fill = fill.to(device).float().round().to(torch.uint8).repeat(image_size)

    def __call__(self, images: Tensor, boxes: Boxes) -> Tensor:
        """uint8 [B, H, W, C], both."""
        rows, columns = (reached.to(torch.uint8) * 255 for reached in boxes.cover(self._rows, self._columns))
        old = images.view(len(images), len(self._rows), len(self._columns))
        # Masks of bits: on a CPU, torch.where takes seven times as long for bytes.
        change = (old ^ self._fill).bitwise_and_(rows).bitwise_and_(columns)
        return change.bitwise_xor_(old).view(images.shape)


class RandomCutout:
    """A square about a random centre, cut off at the image's borders (DeVries and Taylor 2017)."""

    def __init__(self, spec: Cutout, image_size: int, seed: int, wipe_out: WipeOut) -> None:
        self._reach = (spec.size // 2, spec.size - spec.size // 2)
        self._size, self._seed, self._wipe_out = image_size, seed, wipe_out

    def __call__(self, images: Tensor, samples: Tensor, epoch: int) -> Tensor:
        """See Change."""
        return self._wipe_out(images, self.boxes(samples, epoch))

    def boxes(self, samples: Tensor, epoch: int) -> Boxes:
        """What is wiped out of each sample."""
        row = integers(samples, self._size, self._seed, epoch, Purpose.CUTOUT_ROW)
        column = integers(samples, self._size, self._seed, epoch, Purpose.CUTOUT_COLUMN)
        return Boxes.around(row, column, self._reach, self._size)


class RandomErasing:
    """A rectangle of random area and shape, sometimes (Zhong et al. 2017)."""

    def __init__(self, spec: Erasing, image_size: int, seed: int, wipe_out: WipeOut) -> None:
        self._probability, self._seed, self._wipe_out = spec.probability, seed, wipe_out
        self._boxes = RandomBoxes(
            image_size,
            areas=(spec.smallest_area, spec.largest_area),
            largest_ratio=spec.largest_ratio,
            largest_side=image_size - 1,
            fallback_side=0,
            seed=seed,
            purposes=(Purpose.ERASING_AREA, Purpose.ERASING_RATIO, Purpose.ERASING_ROW, Purpose.ERASING_COLUMN),
        )

    def __call__(self, images: Tensor, samples: Tensor, epoch: int) -> Tensor:
        """See Change."""
        return self._wipe_out(images, self.boxes(samples, epoch))

    def boxes(self, samples: Tensor, epoch: int) -> Boxes:
        """What is wiped out of each sample, which may be nothing."""
        erased = uniforms(samples, self._seed, epoch, Purpose.ERASING_CHANCE) < self._probability
        return self._boxes.draw(samples, epoch).only(erased)
