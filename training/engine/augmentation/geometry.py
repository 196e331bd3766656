"""Shears, shifts and rotations of a whole batch as one gather, with a matrix a sample.

Nearest pixel, with black outside of the image, as is the default of torchvision's functions on tensors. Coordinates are
computed in integers, so that a sample is rounded alike in any batch and on any device. For a point exactly between two
pixels, torchvision's choice depends on its rounding errors; here it is the one further right or down.
"""

import torch
from torch import Tensor

from training.engine.counter_rng import Purpose, uniforms
from training.engine.device.transfer import send
from training.spec import Rotation

BITS = 32  # of a matrix element's fraction


def matrices(amounts: Tensor, size: int) -> Tensor:
    """Where each sample's pixels come from, in images of `size` pixels a side: float64 [B, 6] for float64 [B, 5].

    The amounts, of which one a sample is not 0: by which share of their distance from the upper edge rows move,
    and columns of theirs from the left edge; by how many pixels the image moves right, and down, of which fractions
    are dropped; by how many degrees it turns about its centre, counter-clockwise.

    The matrices are xx, xy, x0, yx, yy, y0, in pixels from the centre:
    column = xx * x + xy * y + x0 and row = yx * x + yy * y + y0.
    """
    across, down, degrees = amounts[:, 0], amounts[:, 1], amounts[:, 4].deg2rad()
    right, below = amounts[:, 2:4].trunc().unbind(1)
    cosine, sine = degrees.cos(), degrees.sin()
    half = size / 2
    return torch.stack((cosine, across - sine, across * half - right, down + sine, cosine, down * half - below), 1)


def transform(images: Tensor, origins: Tensor) -> Tensor:
    """Each image by its matrix: uint8 [B, H, W, C], both. `origins`: float64 [B, 6], on the host."""
    count, height, width, channels = images.shape
    elements = send((origins * 2.0**BITS).round().long(), images.device)
    xx, xy, x0, yx, yy, y0 = elements.unbind(1)
    # Twice the distance from the centre is whole; so these places are in units of half a pixel / 2**BITS.
    x = torch.arange(1 - width, width, 2, device=images.device)
    y = torch.arange(1 - height, height, 2, device=images.device)
    column = _place(xx[:, None] * x, xy[:, None] * y, x0, width)
    row = _place(yx[:, None] * x, yy[:, None] * y, y0, height)
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)

    first = torch.arange(count, device=images.device)[:, None, None] * (height * width)
    pixels = images.reshape(-1, channels)
    black = len(pixels)
    places = torch.where(inside, first + row * width + column, black)
    return torch.cat((pixels, pixels.new_zeros(1, channels))).index_select(0, places.flatten()).view(images.shape)


class RandomRotation:
    """By an angle uniform over -degrees to degrees."""

    def __init__(self, spec: Rotation, seed: int) -> None:
        self._degrees, self._seed = spec.degrees, seed

    def __call__(self, images: Tensor, samples: Tensor, epoch: int) -> Tensor:
        """See Change."""
        amounts = torch.zeros(len(samples), 5, dtype=torch.float64)
        amounts[:, 4] = self.angles(samples, epoch)
        return transform(images, matrices(amounts, images.shape[1]))

    def angles(self, samples: Tensor, epoch: int) -> Tensor:
        """In degrees, counter-clockwise: float64 [B]."""
        return (2 * uniforms(samples, self._seed, epoch, Purpose.ROTATION) - 1) * self._degrees


def _place(by_x: Tensor, by_y: Tensor, offset: Tensor, size: int) -> Tensor:
    """The nearest pixel along a side of `size`: int64 [B, H, W] of the shares [B, W] and [B, H] and offsets [B]."""
    by_x = by_x + (2 * offset + ((size - 1) << BITS) + (1 << BITS))[:, None]
    return (by_x[:, None, :] + by_y[:, :, None]) >> (BITS + 1)
