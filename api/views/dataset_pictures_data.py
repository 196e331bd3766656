"""What a picture of a data set's images is drawn from, as it is sent to the process that draws. The bytes of the images
follow, each as a message of its own."""

import json
from dataclasses import dataclass
from typing import Self

from training.images.sheet_layout import Sheet

LARGEST_SIDE = 2048  # pixels, of a picture of one image


@dataclass(frozen=True, slots=True)
class PictureRequest:
    """`sheet`: None for a picture of one image. `images`: how many follow. An image of more than `largest_megapixels`
    is not decoded."""

    sheet: Sheet | None
    images: int
    largest_megapixels: int

    def pack(self) -> bytes:
        """The message that requests it."""
        sheet = self.sheet.to_json() if self.sheet else None
        return json.dumps([sheet, self.images, self.largest_megapixels]).encode()

    @classmethod
    def unpack(cls, message: bytes) -> Self:
        """The inverse of `pack`."""
        sheet, images, largest_megapixels = json.loads(message)
        return cls(Sheet.from_json(sheet) if sheet else None, images, largest_megapixels)


@dataclass(frozen=True, slots=True)
class Picture:
    """`is_final`: the same request would bring the same picture. It is not where decoding an image took too long."""

    png: bytes
    is_final: bool

    def pack(self) -> bytes:
        """The answer to a request."""
        return bytes([self.is_final]) + self.png

    @classmethod
    def unpack(cls, message: bytes) -> Self:
        """The inverse of `pack`."""
        return cls(message[1:], bool(message[0]))
