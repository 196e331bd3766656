"""From pixels to what a network takes in."""

from dataclasses import dataclass
from typing import Self

import torch


@dataclass(frozen=True, slots=True)
class Normalisation:
    """Shifts and scales each channel to mean 0 and deviation 1 over a data set.

    `mean` and `deviation`: float32 [C], in pixel values of 0 to 255.
    """

    mean: torch.Tensor
    deviation: torch.Tensor

    @classmethod
    def of(cls, images: torch.Tensor) -> Self:
        """The statistics of uint8 [N, H, W, C], exact: pixel values are counted, not summed in floats."""
        values = torch.arange(256, device=images.device, dtype=torch.float64)
        means, deviations = [], []
        for channel in images.unbind(-1):
            counts = torch.bincount(channel.flatten(), minlength=256).double()
            mean = (counts * values).sum() / counts.sum()
            means.append(mean)
            deviations.append(((counts * (values - mean) ** 2).sum() / counts.sum()).sqrt())
        deviation = torch.stack(deviations)
        # A channel of one single value carries nothing: it becomes 0 rather than a division by 0.
        return cls(torch.stack(means).float(), torch.where(deviation == 0, 1.0, deviation).float())

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """uint8 [B, H, W, C] to float32 [B, C, H, W], channels_last in memory."""
        return images.float().sub_(self.mean).div_(self.deviation).permute(0, 3, 1, 2)
