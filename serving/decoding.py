"""Decodes pictures that clients send, by the rules that training decodes by, within a bound on memory."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from serving.limits import Limits
from serving.pixel_shares import PixelShares
from serving.results import ImageRefused
from training.images.contact_sheet import reduced
from training.images.decoding import Form, ImageUnreadable, draft, open_image, square_pixels, whole_image
from training.images.reasons import MEGAPIXEL

LARGEST_SHOWN = 512  # pixels of the longer side of a picture that an activation map is laid over


@dataclass(frozen=True, slots=True)
class Decoded:
    """`pixels`: uint8 [size, size, channels]. `picture`: the whole, RGB, where it is to be shown."""

    pixels: NDArray[np.uint8]
    picture: Image.Image | None = None


class Decoder:
    """Threads share one. Pillow must be strict meanwhile: `training.images.decoding.strict_pillow`."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._budget = PixelShares(limits.decoded_pixels)

    def decode(self, content: bytes, form: Form, *, project: str, keep_picture: bool) -> Decoded | ImageRefused:
        """The pixels that the network sees, of an image file of `project`; or why there are none."""
        try:
            with open_image(content) as image:
                self._refuse_large(image)
                with self._budget.reserved(project, self._pixels(image)):
                    whole = whole_image(image)
                    picture = reduced(whole, LARGEST_SHOWN).convert("RGB") if keep_picture else None
                    return Decoded(square_pixels(whole, form), picture)
        except ImageUnreadable as error:
            return ImageRefused(str(error))

    def _refuse_large(self, image: Image.Image) -> None:
        """Said before a pixel is decoded. Pillow's own bound is the process's, and others may set it."""
        pixels, most = image.width * image.height, self._limits.largest_megapixels
        if pixels > most * MEGAPIXEL:
            raise ImageUnreadable(
                f"it has {pixels / MEGAPIXEL:,.1f} megapixels, and the largest images that are read have {most:,}"
            )

    def _pixels(self, image: Image.Image) -> int:
        pixels, most = draft(image), self._limits.decoded_pixels
        if pixels > most:
            raise ImageUnreadable(
                f"it takes {pixels / MEGAPIXEL:,.1f} megapixels to decode, and predictions take at most "
                f"{most / MEGAPIXEL:,.1f}: make it smaller, or send it as a baseline JPEG"
            )
        return pixels
