"""Operations that change colours and leave pixels where they are: torchvision's, with a value a sample.

Each takes images, uint8 [B, H, W, C] with one channel or three, and a value a sample, float64 [B] on their device;
and gives uint8 [B, H, W, C]. Those of the first group work on planes, float32 [C, B, H, W] of whole numbers, 0 to 255,
which are several times faster where channels are treated apart or one works on all; what they give is yet to be
limited to that range and rounded down, as `on_planes` does.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from training.engine.counter_rng import Purpose, uniforms
from training.engine.device.transfer import send
from training.spec import Colour

GREY = (2989.0, 5870.0, 1140.0)  # of 10,000: red's, green's and blue's share of grey, as torchvision has them
SHARPENING = 13  # the weights of torchvision's blur: 5 of 13 for the pixel itself, 1 for each neighbour

Change = Callable[[Tensor, Tensor], Tensor]


def on_planes(change: Change, images: Tensor, values: Tensor) -> Tensor:
    """Images, uint8 [B, H, W, C], through an operation on planes, with `values` float64 [B]."""
    return _from_planes(_whole(change(_planes(images), values)))


def brighten(planes: Tensor, factors: Tensor) -> Tensor:
    """Multiply."""
    return planes * _a_sample(factors)


def saturate(planes: Tensor, factors: Tensor) -> Tensor:
    """Blend with the image in grey. Grey images stay as they are."""
    return planes if len(planes) == 1 else _blend(planes, _grey(planes), factors)


def contrast(planes: Tensor, factors: Tensor) -> Tensor:
    """Blend with the mean of the image in grey."""
    grey = _grey(planes)
    # Whole numbers are added up exactly, in whatever order: a row's in float32, many rows' in float64.
    means = grey.sum(2).sum(1, dtype=torch.float64) / grey[0].numel()
    return _blend(planes, _a_sample(means), factors)


def shift_hue(planes: Tensor, turns: Tensor) -> Tensor:
    """Turn the colour circle by `turns`, -0.5 to 0.5. Grey images stay as they are."""
    if len(planes) == 1:
        return planes
    red, green, blue = planes
    brightest = planes.amax(0)
    span = brightest - planes.amin(0)
    divisor = span.clamp(min=1)  # without a span there is no hue: 0 is as good as any
    sixths = torch.where(brightest == green, 2 + (blue - red) / divisor, 4 + (red - green) / divisor)
    sixths = torch.where(brightest == red, (green - blue) / divisor, sixths)
    sixths = sixths + _a_sample(6 * turns)
    sixths = sixths - 6 * (sixths * (1 / 6)).floor_()
    present = ((sixths - 3).abs_() - 1, 2 - (sixths - 2).abs_(), 2 - (sixths - 4).abs_())  # of red, green and blue
    turned = torch.stack([brightest - span * (1 - share.clamp_(0, 1)) for share in present])
    return turned * (255.999 / 255)  # torchvision's way from 0 to 1 back to whole numbers


def sharpen(images: Tensor, factors: Tensor) -> Tensor:
    """Blend with the blurred image; its outermost pixels stay as they are."""
    pixels = images.float()
    inner = pixels[:, 1:-1, 1:-1]
    rows = pixels[:, :-2] + pixels[:, 1:-1] + pixels[:, 2:]
    blurred = rows[:, :, :-2] + rows[:, :, 1:-1] + rows[:, :, 2:] + 4 * inner
    blurred = (blurred / SHARPENING).round_()
    pixels[:, 1:-1, 1:-1] = inner + (blurred - inner) * _a_sample(1 - factors)[..., None]
    return _to_bytes(pixels.clamp_(0, 255))


def posterize(images: Tensor, bits: Tensor) -> Tensor:
    """Keep the `bits` highest bits of each value."""
    return images & (255 << (8 - bits.long())).to(torch.uint8)[:, None, None, None]


def solarize(images: Tensor, thresholds: Tensor) -> Tensor:
    """Invert values from the threshold on, a share of 255."""
    # Masks of bits: on a CPU, torch.where takes many times as long for bytes.
    reached = (images >= _a_sample(255 * thresholds)[..., None]).to(torch.uint8)
    return reached.mul_(255).bitwise_xor_(images)


def invert(images: Tensor, _values: Tensor) -> Tensor:
    """255 minus each value."""
    return ~images


def identity(images: Tensor, _values: Tensor) -> Tensor:
    """Nothing."""
    return images


def autocontrast(images: Tensor, _values: Tensor) -> Tensor:
    """Stretch each channel to 0 to 255; one of a single value stays as it is."""
    planes = _planes(images)
    lowest, highest = planes.amin((2, 3), keepdim=True), planes.amax((2, 3), keepdim=True)
    span = highest - lowest
    lowest = torch.where(span == 0, 0, lowest)
    return _from_planes(_whole((planes - lowest) / torch.where(span == 0, 1, span * (1 / 255))))


def equalize(images: Tensor, _values: Tensor) -> Tensor:
    """Spread each channel's values evenly, by Pillow's formula; one of too few values stays as it is."""
    count, height, width, channels = images.shape
    values = images.permute(0, 3, 1, 2).reshape(count * channels, -1).long()
    counts = torch.zeros(len(values), 256, dtype=torch.long, device=images.device)
    counts.scatter_add_(1, values, torch.ones_like(values))
    up_to = counts.cumsum(1)
    below_brightest = (up_to * (up_to < height * width)).amax(1, keepdim=True)
    step = below_brightest // 255
    darker = up_to - counts
    table = ((darker + step // 2) // step.clamp(min=1)).clamp_(max=255)
    table = torch.where(step == 0, torch.arange(256, device=images.device), table)
    spread = table.to(torch.uint8).gather(1, values)
    return spread.view(count, channels, height, width).permute(0, 2, 3, 1)


class RandomColour:
    """torchvision's ColorJitter in a fixed order: brightness, contrast, saturation, hue."""

    def __init__(self, spec: Colour, seed: int) -> None:
        changes = (
            (brighten, Purpose.BRIGHTNESS, spec.brightness, 1.0),
            (contrast, Purpose.CONTRAST, spec.contrast, 1.0),
            (saturate, Purpose.SATURATION, spec.saturation, 1.0),
            (shift_hue, Purpose.HUE, spec.hue, 0.0),
        )
        self._changes = [change for change in changes if change[2]]
        self._seed = seed

    def __call__(self, images: Tensor, samples: Tensor, epoch: int) -> Tensor:
        """See Change."""
        values = send(self.values(samples, epoch), images.device)
        planes = _planes(images)
        for (change, *_), value in zip(self._changes, values, strict=True):
            planes = _whole(change(planes, value))
        return _from_planes(planes)

    def values(self, samples: Tensor, epoch: int) -> Tensor:
        """A factor or shift for each property that is changed, in order: float64 [properties, B]."""
        return torch.stack(
            [
                middle + reach * (2 * uniforms(samples, self._seed, epoch, purpose) - 1)
                for _, purpose, reach, middle in self._changes
            ]
        )


def _planes(images: Tensor) -> Tensor:
    """float32 [C, B, H, W]."""
    return images.permute(3, 0, 1, 2).to(torch.float32, memory_format=torch.contiguous_format)


def _from_planes(planes: Tensor) -> Tensor:
    """uint8 [B, H, W, C]."""
    return torch.stack(list(_to_bytes(planes)), -1)


def _whole(values: Tensor) -> Tensor:
    """Limited to 0 to 255 and rounded down, as torchvision does; in place."""
    return values.clamp_(0, 255).floor_()


def _grey(planes: Tensor) -> Tensor:
    """Whole numbers, rounded down: float32 [B, H, W].

    Exact: sums below 2**22 are, in halves; and a half more keeps multiples of 10,000 above their whole number.
    """
    if len(planes) == 1:
        return planes[0]
    red, green, blue = GREY
    sums: Tensor = planes[0] * red + planes[1] * green + planes[2] * blue
    return ((sums + 0.5) * 1e-4).floor_()


def _blend(planes: Tensor, others: Tensor, factors: Tensor) -> Tensor:
    """`factors` times the planes, and the rest of the others: float32 [C, B, H, W] for others [B, H, W] or less."""
    return planes * _a_sample(factors) + others * _a_sample(1 - factors)


def _a_sample(values: Tensor) -> Tensor:
    """One value for each sample's pixels: float32 [B, 1, 1] of [B]."""
    each: Tensor = values.float()
    return each[:, None, None]


def _to_bytes(values: Tensor) -> Tensor:
    """uint8 of numbers from 0 to 255, rounded down. By way of int32: a CPU takes twice as long for the straight way."""
    return values.to(torch.int32).to(torch.uint8)
