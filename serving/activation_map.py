"""Shows where a network saw its first class: a class-activation map over the picture (Zhou et al., "Learning Deep
Features for Discriminative Localization", 2016; https://arxiv.org/abs/1512.04150).

Red is where the class's score comes from most, blue where it comes from least or is spoken against. What the network
did not see, because it was cut off, is grey.
"""

from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from training.images.decoding import Form

SHARE = 0.5  # of the map in a pixel; the rest is the picture's
_BLUE_TO_RED = np.array([[48, 18, 59], [70, 134, 251], [27, 229, 181], [164, 252, 60], [251, 129, 34], [122, 4, 3]])


def overlay(picture: Image.Image, values: NDArray[np.float32], form: Form) -> bytes:
    """A PNG as large as `picture`, an RGB image. `values` [h, w]: what each place of the last feature map adds to the
    class's logit."""
    seen = _seen(picture.size, form)
    heat = _coloured(_scaled(values)).resize((seen[2] - seen[0], seen[3] - seen[1]), Image.Resampling.BICUBIC)
    canvas = ImageOps.grayscale(picture).convert("RGB")
    # A padded square reaches beyond the picture: cropping lets what lies outside of it go.
    left, top, right, bottom = (
        max(0, seen[0]),
        max(0, seen[1]),
        min(picture.width, seen[2]),
        min(picture.height, seen[3]),
    )
    part = heat.crop((left - seen[0], top - seen[1], right - seen[0], bottom - seen[1]))
    canvas.paste(Image.blend(picture.crop((left, top, right, bottom)), part, SHARE), (left, top))
    content = BytesIO()
    canvas.save(content, "PNG")
    return content.getvalue()


def _seen(size: tuple[int, int], form: Form) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of what became the network's square."""
    width, height = size
    if form.resize == "stretch":
        return 0, 0, width, height
    side = min(size) if form.resize == "crop" else max(size)
    left, top = (width - side) // 2, (height - side) // 2
    return left, top, left + side, top + side


def _scaled(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """From 0 to 1; all 0 where nothing speaks for the class more than elsewhere."""
    low, high = float(values.min()), float(values.max())
    return (values - low) / (high - low) if high > low else np.zeros_like(values)


def _coloured(scaled: NDArray[np.float32]) -> Image.Image:
    steps = np.linspace(0, 1, len(_BLUE_TO_RED))
    channels = [np.interp(scaled, steps, _BLUE_TO_RED[:, channel]) for channel in range(3)]
    return Image.fromarray(np.stack(channels, axis=-1).round().astype(np.uint8))
