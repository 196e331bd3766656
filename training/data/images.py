"""From an image file of any kind to the pixels that a network sees."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM")  # told by content; some others start programs (EPS)
GREY_MODES = frozenset({"1", "L", "LA", "I", "I;16", "I;16L", "I;16B", "I;16N"})

DRAFT_FACTOR = 2  # a JPEG is decoded at a half, quarter or eighth where that is still twice the wanted size
REDUCING_GAP = 3.0  # from here on, Pillow says, averaging whole blocks first is close to resampling every pixel


@dataclass(frozen=True, slots=True)
class Form:
    """What the decoded images of a data set share: side in pixels, and 1 (grey) or 3 (RGB) channels."""

    size: int
    channels: int

    def bytes_of(self, images: int) -> int:
        """What `images` decoded images of this form take."""
        return images * self.size * self.size * self.channels


class ImageUnreadable(Exception):
    """A file that is not an image, or a broken one; the message says why, without the file's name."""


@contextmanager
def open_image(file: str | Path) -> Iterator[Image.Image]:
    """The image, its header read and its pixels not yet. Raises ImageUnreadable, for errors in its body too: while a
    broken file is parsed, Pillow's readers raise nearly every built-in error.
    """
    try:
        if not Path(file).is_file() and Path(file).exists():  # a named pipe would be waited for without end
            raise ImageUnreadable("it is not a regular file")
        with Image.open(file, formats=FORMATS) as image:
            yield image
    except Exception as error:  # as the docstring says, nearly any
        raise ImageUnreadable(_reason(error)) from error


@contextmanager
def strict_pillow() -> Iterator[None]:
    """Makes a decompression bomb an error from Pillow's first warning on, and silences its warnings on metadata.
    Warning filters belong to the process: enter this around the threads that decode, not within them.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="PIL")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def is_grey(image: Image.Image) -> bool:
    """By the mode that its header states, whatever colours its pixels have."""
    return image.mode in GREY_MODES


def decode_image(image: Image.Image, form: Form) -> NDArray[np.uint8]:
    """Pixels of shape [size, size, channels] of an opened image: its first frame, upright, opaque, 8 bits a channel,
    with its shorter side at `form.size` and the centre cut out.
    """
    image.draft(None, (DRAFT_FACTOR * form.size, DRAFT_FACTOR * form.size))
    image.load()
    if image.info:  # looking for an orientation takes as long as decoding a small image
        with suppress(Exception):  # broken metadata does not make the pixels unreadable
            ImageOps.exif_transpose(image, in_place=True)
    opaque = _opaque(_eight_bits(image)).convert("L" if form.channels == 1 else "RGB")
    return np.asarray(_centre_square(opaque, form.size)).reshape(form.size, form.size, form.channels)


def resize_pixels(pixels: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Decoded pixels of shape [height, width, channels], brought to [size, size, channels] as files are."""
    channels = pixels.shape[2]
    image = Image.fromarray(pixels[:, :, 0] if channels == 1 else pixels)
    return np.asarray(_centre_square(image, size)).reshape(size, size, channels)


def _eight_bits(image: Image.Image) -> Image.Image:
    """Grey images of 16 bits, scaled by 1/257, so that 65535 is white; Pillow's own conversion would clip at 255."""
    if image.mode == "F":
        raise ValueError("its pixels are floating-point numbers, whose range is unknown")
    if not image.mode.startswith("I"):
        return image
    values = np.asarray(image)
    if values.min() < 0 or values.max() > 65_535:
        raise ValueError("its pixels have more than 16 bits")
    return Image.fromarray(((values.astype(np.uint32) + 128) // 257).astype(np.uint8))


def _opaque(image: Image.Image) -> Image.Image:
    """Transparent images are laid on white: most were drawn to be seen on a page, and dark strokes on a transparent
    ground would vanish on black. What colour a transparent pixel hides is chance, so alpha is not just dropped.
    """
    if not image.has_transparency_data:
        return image
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))


def _centre_square(image: Image.Image, size: int) -> Image.Image:
    """Resampling the central square alone gives what resizing the whole image and cropping it would: Pillow's
    filters reach beyond the square, as far as the image does.
    """
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    square = (left, top, left + side, top + side)
    return image.resize((size, size), Image.Resampling.BICUBIC, square, REDUCING_GAP)


def _reason(error: Exception) -> str:
    match error:
        case UnidentifiedImageError():
            return "it is not an image"
        case Image.DecompressionBombError() | Image.DecompressionBombWarning():
            return f"it has more than the {Image.MAX_IMAGE_PIXELS:,} pixels that an image may have"
        case OSError(strerror=str(text)):
            return text
        case _:
            return str(error) or type(error).__name__
