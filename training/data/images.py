"""From an image file of any kind to the pixels that a network sees."""

import errno
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM")  # told by content; some others start programs (EPS)
GREY_MODES = frozenset({"1", "L", "LA", "I", "I;16", "I;16L", "I;16B", "I;16N"})

# A JPEG is decoded at a half, quarter or eighth where its shorter side stays so long: twice the largest that is wanted.
# What is wanted of this data set must not matter: what an image is, is judged by these pixels.
SHORTEST_DRAFT = 2048
REDUCING_GAP = 3.0  # from here on, Pillow says, averaging whole blocks first is close to resampling every pixel

# Not the image's fault: another try, or the right to read it, may show it whole.
MACHINE_FAULTS = frozenset(
    {errno.EACCES, errno.EPERM, errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EMFILE, errno.ENFILE, errno.ENOMEM}
)

Resize = Literal["crop", "pad", "stretch"]  # how an image becomes a square: see `decode_image`


@dataclass(frozen=True, slots=True)
class Form:
    """What the decoded images of a data set share: side in pixels, 1 (grey) or 3 (RGB) channels, and how they were
    made square.
    """

    size: int
    channels: int
    resize: Resize = "crop"

    def bytes_of(self, images: int) -> int:
        """What `images` decoded images of this form take."""
        return images * self.size * self.size * self.channels


class ImageUnreadable(Exception):
    """A file that is not an image, or a broken one; the message says why, without the file's name.

    `machine_fault`: the file could not be looked into, so that nothing is known of the image.
    """

    def __init__(self, reason: str, *, machine_fault: bool = False) -> None:
        super().__init__(reason)
        self.machine_fault = machine_fault


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
        machine_fault = isinstance(error, OSError) and error.errno in MACHINE_FAULTS
        raise ImageUnreadable(_reason(error), machine_fault=machine_fault) from error


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
    """Pixels of shape [size, size, channels] of an opened image: its first frame, upright, opaque, 8 bits a channel.

    `crop` brings the shorter side to `form.size` and cuts out the centre, `pad` brings the longer side to it and fills
    up with black on both sides, `stretch` brings both sides to it.
    """
    return square_pixels(whole_image(image), form)


def whole_image(image: Image.Image) -> Image.Image:
    """An opened image decoded at its own size: its first frame, upright, opaque, grey or RGB, 8 bits a channel."""
    image.draft(None, (SHORTEST_DRAFT, SHORTEST_DRAFT))
    image.load()
    if image.info:  # looking for an orientation takes as long as decoding a small image
        with suppress(Exception):  # broken metadata does not make the pixels unreadable
            ImageOps.exif_transpose(image, in_place=True)
    grey = is_grey(image)
    return _in_mode(_opaque(_eight_bits(image)), "L" if grey else "RGB")


def square_pixels(whole: Image.Image, form: Form) -> NDArray[np.uint8]:
    """Of what `whole_image` returned, uint8 [size, size, channels]."""
    return _square_pixels(_in_mode(whole, "L" if form.channels == 1 else "RGB"), form)


def resize_pixels(pixels: NDArray[np.uint8], form: Form) -> NDArray[np.uint8]:
    """Decoded pixels of shape [height, width, channels], brought to [size, size, channels] as files are."""
    return _square_pixels(Image.fromarray(pixels[:, :, 0] if form.channels == 1 else pixels), form)


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


def _in_mode(image: Image.Image, mode: str) -> Image.Image:
    """Not a copy where it is in that mode already, as Pillow's would be."""
    return image if image.mode == mode else image.convert(mode)


def _square_pixels(image: Image.Image, form: Form) -> NDArray[np.uint8]:
    size = form.size
    match form.resize:
        case "crop":
            square = _centre_square(image, size)
        case "pad":
            square = _padded_square(image, size)
        case "stretch":
            square = image.resize((size, size), Image.Resampling.BICUBIC, reducing_gap=REDUCING_GAP)
    return np.asarray(square).reshape(size, size, form.channels)


def _padded_square(image: Image.Image, size: int) -> Image.Image:
    longer = max(image.size)
    width, height = (max(1, round(side * size / longer)) for side in image.size)
    square = Image.new(image.mode, (size, size))
    whole = image.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=REDUCING_GAP)
    square.paste(whole, ((size - width) // 2, (size - height) // 2))
    return square


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
