"""The operations of the policies, and how a batch is augmented with a different one for each sample."""

from enum import IntEnum
from functools import partial

import torch
from torch import Tensor

from training.engine.augmentation import colours, geometry
from training.engine.device.transfer import send


class Operation(IntEnum):
    """Named as in the papers. Geometric ones come first: a batch goes through all of them in one gather."""

    SHEAR_X = 0
    SHEAR_Y = 1
    TRANSLATE_X = 2
    TRANSLATE_Y = 3
    ROTATE = 4
    BRIGHTNESS = 5
    COLOR = 6
    CONTRAST = 7
    SHARPNESS = 8
    POSTERIZE = 9
    SOLARIZE = 10
    AUTO_CONTRAST = 11
    EQUALIZE = 12
    INVERT = 13
    IDENTITY = 14


GEOMETRIC = Operation.BRIGHTNESS  # how many operations are
FACTORS: dict[
    Operation, colours.Change
] = {  # of which the policies know the distance from 1, which leaves an image as it is
    Operation.BRIGHTNESS: partial(colours.on_planes, colours.brighten),
    Operation.COLOR: partial(colours.on_planes, colours.saturate),
    Operation.CONTRAST: partial(colours.on_planes, colours.contrast),
    Operation.SHARPNESS: colours.sharpen,
}
OTHERS: dict[Operation, colours.Change] = {
    Operation.POSTERIZE: colours.posterize,
    Operation.SOLARIZE: colours.solarize,
    Operation.AUTO_CONTRAST: colours.autocontrast,
    Operation.EQUALIZE: colours.equalize,
    Operation.INVERT: colours.invert,
    Operation.IDENTITY: colours.identity,
}


def apply(images: Tensor, operations: Tensor, magnitudes: Tensor) -> Tensor:
    """Put each image through its operation: uint8 [B, H, W, C], both.

    On the host: `operations`, int64 [B], and their `magnitudes`, float64 [B], as torchvision's policies have them:
    shears as tangents, shifts in pixels, rotations in degrees, factors less 1, bits, thresholds as shares of 255.
    """
    order = operations.argsort(stable=True)
    counts = torch.bincount(operations, minlength=len(Operation)).tolist()
    geometric = sum(counts[:GEOMETRIC])
    there, back = send(torch.stack((order, order.argsort())), images.device)
    magnitudes = magnitudes[order]
    values = send(magnitudes, images.device)

    images = images.index_select(0, there)
    done = []
    if geometric:
        amounts = torch.zeros(geometric, GEOMETRIC, dtype=torch.float64)
        amounts.scatter_(1, operations[order][:geometric, None], magnitudes[:geometric, None])
        done.append(geometry.transform(images[:geometric], geometry.matrices(amounts, images.shape[1])))
    end = geometric
    for operation, count in zip(Operation, counts, strict=True):
        if operation >= GEOMETRIC and count:
            start, end = end, end + count
            done.append(_colour(operation, images[start:end], values[start:end]))
    return torch.cat(done).index_select(0, back)


def _colour(operation: Operation, images: Tensor, magnitudes: Tensor) -> Tensor:
    if operation in FACTORS:
        return FACTORS[operation](images, 1 + magnitudes)
    return OTHERS[operation](images, magnitudes)
