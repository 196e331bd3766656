"""Augmentation of a whole batch at once, on the device that holds the images, one draw a sample."""

import torch

from training.draws import Purpose, integers
from training.spec import Augmentation, Crop


class Augmenter:
    """Cuts augmented batches out of a resident data set.

    What a sample looks like is a function of (seed, epoch, sample) alone.
    """

    def __init__(self, spec: Augmentation, images: torch.Tensor, seed: int) -> None:
        """`images`: uint8 [N, H, W, C]."""
        self._spec = spec
        self._images = images
        self._seed = seed
        self._rows = torch.arange(images.shape[1], device=images.device)
        self._columns = torch.arange(images.shape[2], device=images.device)

    def batch(self, samples: torch.Tensor, epoch: int) -> torch.Tensor:
        """The images of `samples` (int64 [B]) as they look in `epoch`: uint8 [B, H, W, C]."""
        crop, flip = self._spec.crop, self._spec.flip
        if crop is None and not flip:
            return self._images[samples]
        rows = self._rows.expand(len(samples), -1)
        columns = self._columns.expand(len(samples), -1)
        if flip:
            mirrored = integers(samples, 2, self._seed, epoch, Purpose.FLIP).bool()
            columns = torch.where(mirrored[:, None], columns.flip(1), columns)
        if crop is None:
            return self._gather(samples, rows, columns)
        offsets = 2 * crop.padding + 1
        rows = rows + integers(samples, offsets, self._seed, epoch, Purpose.CROP_ROW)[:, None] - crop.padding
        columns = columns + integers(samples, offsets, self._seed, epoch, Purpose.CROP_COLUMN)[:, None] - crop.padding
        return self._gather_padded(samples, rows, columns, crop)

    def _gather(self, samples: torch.Tensor, rows: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
        """Pixel (i, j) of image b comes from (rows[b, i], columns[b, j]): crop and flip are one read."""
        return self._images[samples[:, None, None], rows[:, :, None], columns[:, None, :]]

    def _gather_padded(
        self, samples: torch.Tensor, rows: torch.Tensor, columns: torch.Tensor, crop: Crop
    ) -> torch.Tensor:
        last_row, last_column = self._images.shape[1] - 1, self._images.shape[2] - 1
        if crop.padding_mode == "reflect":
            return self._gather(samples, _reflect(rows, last_row), _reflect(columns, last_column))
        inside = ((rows >= 0) & (rows <= last_row))[:, :, None] & ((columns >= 0) & (columns <= last_column))[
            :, None, :
        ]
        pixels = self._gather(samples, rows.clamp(0, last_row), columns.clamp(0, last_column))
        return pixels * inside[..., None]


def _reflect(positions: torch.Tensor, last: int) -> torch.Tensor:
    """Mirror positions outside 0 to `last` back in, without repeating the edge, as torch's "reflect" padding does."""
    return last - (last - positions.abs()).abs()
