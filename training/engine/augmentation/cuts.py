"""The first operation of every augmentation: cut a window of each sample out of the data set, and mirror half of
them."""

from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import pad

from training.engine.augmentation.boxes import Boxes, RandomBoxes
from training.engine.counter_rng import Purpose, integers
from training.engine.device.transfer import send
from training.spec import Crop, ResizedCrop


class Cut(Protocol):
    """How a batch's images come out of `source`."""

    def __call__(self, source: Tensor, positions: Tensor, samples: Tensor, epoch: int) -> Tensor:
        """uint8 [B, H, W, C] from uint8 [N, H, W, C].

        `positions`: int64 [B], rows of `source`, on its device; `samples`: int64 [B], on the host.
        """
        ...


class WholeImages:
    """Images as they are."""

    def __call__(self, source: Tensor, positions: Tensor, samples: Tensor, epoch: int) -> Tensor:
        """See Cut."""
        return source.index_select(0, positions)


class CropAndFlip:
    """Pad every side, cut a window of the image's own size; mirror every other one.

    A row of a window lies in one piece in the padded images, so a batch is copied row by row, not pixel by pixel. For
    that, the mirrored images are sorted behind the others and turned round before they are cut.
    """

    def __init__(self, crop: Crop | None, seed: int, *, flip: bool) -> None:
        self._padding = crop.padding if crop else 0
        self._reflects = crop is not None and crop.padding_mode == "reflect"
        self._flip = flip
        self._seed = seed

    def __call__(self, source: Tensor, positions: Tensor, samples: Tensor, epoch: int) -> Tensor:
        """See Cut."""
        height, width, channels = source.shape[1:]
        mirrored = draw_mirrored(samples, self._seed, epoch, flip=self._flip)
        order = mirrored.argsort(stable=True)
        order_and_starts = torch.stack((order, self._starts(samples, epoch, mirrored, order.argsort(), height, width)))
        order, starts = send(order_and_starts, source.device)

        images = source.index_select(0, positions.index_select(0, order))
        plain, turned = images.tensor_split([len(samples) - int(mirrored.sum())])
        padded = self._padded(torch.cat((plain, turned.flip(2))))
        rows = padded.as_strided((padded.numel() // channels - width + 1, width * channels), (channels, 1))
        down = torch.arange(height, device=source.device) * padded.shape[2]
        return rows.index_select(0, (starts[:, None] + down).flatten()).view(len(samples), height, width, channels)

    def _starts(self, samples: Tensor, epoch: int, mirrored: Tensor, places: Tensor, height: int, width: int) -> Tensor:
        """The number of each window's first pixel within the padded, sorted images; int64 [B]."""
        padding, offsets = self._padding, 2 * self._padding + 1
        row = integers(samples, offsets, self._seed, epoch, Purpose.CROP_ROW)
        column = integers(samples, offsets, self._seed, epoch, Purpose.CROP_COLUMN)
        column = torch.where(mirrored.bool(), 2 * padding - column, column)
        return (places * (height + 2 * padding) + row) * (width + 2 * padding) + column

    def _padded(self, images: Tensor) -> Tensor:
        size = self._padding
        if not self._reflects:
            return pad(images, (0, 0, size, size, size, size))
        rows = torch.cat((images[:, 1 : size + 1].flip(1), images, images[:, -size - 1 : -1].flip(1)), 1)
        return torch.cat((rows[:, :, 1 : size + 1].flip(2), rows, rows[:, :, -size - 1 : -1].flip(2)), 2)


class ResizedCrops:
    """Cut a window of random area and shape, bring it to the image's own size, mirror every other one.

    Bilinear: first between columns, then between rows. A window is never larger than the image, so pixels are never
    left out, and antialiasing changes nothing.
    """

    def __init__(self, spec: ResizedCrop, image_size: int, seed: int, *, flip: bool) -> None:
        self._size, self._seed, self._flip = image_size, seed, flip
        self._windows = RandomBoxes(
            image_size,
            areas=(spec.smallest_area, 1.0),
            largest_ratio=spec.largest_ratio,
            largest_side=image_size,
            fallback_side=image_size,
            seed=seed,
            purposes=(
                Purpose.RESIZED_CROP_AREA,
                Purpose.RESIZED_CROP_RATIO,
                Purpose.RESIZED_CROP_ROW,
                Purpose.RESIZED_CROP_COLUMN,
            ),
        )

    def __call__(self, source: Tensor, positions: Tensor, samples: Tensor, epoch: int) -> Tensor:
        """See Cut."""
        windows = self.windows(samples, epoch)
        mirrored = draw_mirrored(samples, self._seed, epoch, flip=self._flip).bool()[:, None]
        upper, lower, down = self._places(windows.top, windows.bottom)
        left, right, across = (
            torch.where(mirrored, side.flip(1), side) for side in self._places(windows.left, windows.right)
        )
        upper, lower, left, right = send(torch.stack((upper, lower, left, right)), source.device)
        down, across = send(torch.stack((down, across)).float(), source.device)

        count, size, channels = len(samples), self._size, source.shape[3]
        first = torch.arange(count, device=source.device)[:, None] * size
        columns = source.index_select(0, positions).transpose(1, 2).reshape(count * size, size * channels)
        columns = _between(columns, first + left, first + right, across)
        rows = columns.view(count, size, size, channels).transpose(1, 2).reshape(count * size, size * channels)
        images = _between(rows, first + upper, first + lower, down)
        return images.to(torch.uint8).view(count, size, size, channels)

    def windows(self, samples: Tensor, epoch: int) -> Boxes:
        """What is cut out of each sample."""
        return self._windows.draw(samples, epoch)

    def _places(self, first: Tensor, end: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Between which two pixels of the window each pixel of the output lies, along one side, and how far on from
        one to the other it is, 0 to 1; each [B, size]."""
        centres = (torch.arange(self._size, dtype=torch.float64) + 0.5) / self._size
        places = (centres * (end - first)[:, None] - 0.5).clamp(min=0)
        before = first[:, None] + places.long()
        return before, torch.minimum(before + 1, end[:, None] - 1), places.frac()


def draw_mirrored(samples: Tensor, seed: int, epoch: int, *, flip: bool) -> Tensor:
    """1 for each sample that is mirrored, else 0: int64 [B]."""
    return integers(samples, 2, seed, epoch, Purpose.FLIP) if flip else torch.zeros_like(samples)


def _between(values: Tensor, first: Tensor, second: Tensor, shares: Tensor) -> Tensor:
    """Rows `first` and `second` of `values` [R, K], mixed and rounded: float32 [B * L, K] for indices, shares [B, L].

    Halves are rounded up, and both sides are rounded one after the other, as torchvision does with bytes.
    """
    one, other = (values.index_select(0, rows.flatten()).float() for rows in (first, second))
    return one.add_(other.sub_(one).mul_(shares.reshape(-1, 1))).add_(0.5).floor_()
