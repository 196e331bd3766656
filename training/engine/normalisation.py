"""From pixels to what a network takes in."""

from dataclasses import dataclass
from typing import Self

import torch

PIXELS_AT_ONCE = 2**20  # few enough to stay in a processor's cache between gathering and counting


@dataclass(frozen=True, slots=True)
class Normalisation:
    """Shifts and scales each channel to mean 0 and deviation 1 over a data set.

    `mean` and `deviation`: float32 [C], in pixel values of 0 to 255.
    """

    mean: torch.Tensor
    deviation: torch.Tensor

    @classmethod
    def of(cls, images: torch.Tensor, rows: torch.Tensor) -> Self:
        """The statistics of the `rows` (int64 [M]) of uint8 [N, H, W, C], exact: pixel values are counted, not summed
        in floats."""
        values = torch.arange(256, dtype=torch.float64)
        means, deviations = [], []
        for counts in _count(images, rows):
            mean = (counts * values).sum() / counts.sum()
            means.append(mean)
            deviations.append(((counts * (values - mean) ** 2).sum() / counts.sum()).sqrt())
        deviation = torch.stack(deviations)
        # A channel of one single value carries nothing: it becomes 0 rather than a division by 0.
        return cls(torch.stack(means).float(), torch.where(deviation == 0, 1.0, deviation).float())

    def to(self, device: torch.device) -> Self:
        """The same on `device`."""
        return type(self)(self.mean.to(device), self.deviation.to(device))

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """uint8 [B, H, W, C] to float32 [B, C, H, W], channels_last in memory."""
        return images.float().sub_(self.mean).div_(self.deviation).permute(0, 3, 1, 2)


def _count(images: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    """How often each value occurs in each channel: float64 [C, 256]. A part at a time: images may be a mapped file."""
    channels = images.shape[-1]
    counts = torch.zeros(channels, 256, dtype=torch.float64)
    for part in rows.split(max(1, PIXELS_AT_ONCE // images[0, :, :, 0].numel())):
        for channel, values in enumerate(images.index_select(0, part).unbind(-1)):
            counts[channel] += torch.bincount(values.flatten(), minlength=256)
    return counts
