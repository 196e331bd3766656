"""From an image file of any kind to the pixels that a network sees."""

import errno
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.ImageFile import ImageFile as OpenedFile
from PIL.TiffImagePlugin import TiffImageFile

from training.image_folders import LARGEST_IMAGE_MEGAPIXELS
from training.image_folders.file_kinds import HEAD_BYTES, RAW, kind_of
from training.images.reasons import MEGAPIXEL, reason_of

# Told by content. No other of Pillow's readers sees a file: some start programs (EPS), others are hardly looked after.
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "AVIF", "JPEG2000")
GREY_MODES = frozenset({"1", "L", "LA", "I", "I;16", "I;16L", "I;16B", "I;16N"})

DNG_VERSION, NEW_SUBFILE_TYPE, REDUCED_RESOLUTION = 0xC612, 0x00FE, 1  # tags of TIFF, and a bit of the second

STRIP = 2**20  # pixels that are changed at once, so that of a large image there are not many copies
# A JPEG is decoded at a half, quarter or eighth where its shorter side stays so long: twice the largest that is wanted.
# What is wanted of this data set must not matter: what an image is, is judged by these pixels.
SHORTEST_DRAFT = 2048
# Of a progressive JPEG. Encoders write about 10; each takes 0.2 s of 225 megapixels to go through, even an empty one.
MOST_SCANS = 32
START_OF_SCAN = b"\xff\xda"
MOST_COMMENTS = 1000  # of a PPM of text: Pillow takes them out one by one, and copies a megabyte for each

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


@dataclass(frozen=True, slots=True)
class PackedFile:
    """An image file within a larger file."""

    pack: Path
    offset: int
    length: int

    def read(self) -> bytes:
        """The whole image file. Raises OSError."""
        with self.pack.open("rb", buffering=0) as opened:
            content = os.pread(opened.fileno(), self.length, self.offset)
        if len(content) != self.length:
            raise OSError(errno.EIO, "it is cut off")
        return content


ImageFile = str | Path | PackedFile | bytes  # bytes: the whole file


class ImageUnreadable(Exception):
    """A file that is not an image, or a broken one; the message says why, without the file's name.

    `machine_fault`: the file could not be looked into, so that nothing is known of the image.
    """

    def __init__(self, reason: str, *, machine_fault: bool = False) -> None:
        super().__init__(reason)
        self.machine_fault = machine_fault


@contextmanager
def open_image(file: ImageFile | bytes) -> Iterator[Image.Image]:
    """The image of a file, or of a file's bytes, its header read and its pixels not yet. Raises ImageUnreadable, for
    errors in its body too: while a broken file is parsed, Pillow's readers raise nearly every built-in error.
    """
    try:
        with Image.open(_opened(file), formats=FORMATS) as image:
            if isinstance(image, TiffImageFile):
                _refuse_thumbnail(image, file)
            if "progressive" in image.info:
                _refuse_many_scans(file)
            if image.format == "PPM" and isinstance(image, OpenedFile) and image.tile[0].codec_name == "ppm_plain":
                _refuse_many_comments(file)
            yield image
    except Exception as error:  # as the docstring says, nearly any
        machine_fault = isinstance(error, OSError) and error.errno in MACHINE_FAULTS
        raise ImageUnreadable(_reason(error, file), machine_fault=machine_fault) from error


def _opened(file: ImageFile | bytes) -> str | Path | BinaryIO:
    """What Pillow opens. Raises ImageUnreadable and OSError."""
    if isinstance(file, bytes):
        return BytesIO(file)
    if isinstance(file, PackedFile | bytes):
        return BytesIO(_content(file))
    if not Path(file).is_file() and Path(file).exists():  # a named pipe would be waited for without end
        raise ImageUnreadable("it is not a regular file")
    return file


def _content(file: PackedFile | bytes) -> bytes:
    return file if isinstance(file, bytes) else file.read()


def _refuse_thumbnail(image: TiffImageFile, file: ImageFile | bytes) -> None:
    """Most raw photographs are TIFF files that begin with a thumbnail, which is not what was photographed."""
    tags = image.tag_v2
    is_reduced = tags.get(NEW_SUBFILE_TYPE, 0) & REDUCED_RESOLUTION
    if is_reduced or DNG_VERSION in tags or kind_of(_head(file)) is RAW:
        raise ImageUnreadable(f"it is {RAW.title}")


def _refuse_many_scans(file: ImageFile | bytes) -> None:
    """A JPEG of some kilobytes can have thousands. Within a scan, its mark does not occur."""
    scans = _whole(file).count(START_OF_SCAN)
    if scans > MOST_SCANS:
        raise ImageUnreadable(f"it is a JPEG of {scans:,} scans, and those that are read have at most {MOST_SCANS}")


def _refuse_many_comments(file: ImageFile | bytes) -> None:
    """Of 16 MiB of them, decoding would take a quarter of an hour."""
    comments = _whole(file).count(b"#")
    if comments > MOST_COMMENTS:
        most = f"{MOST_COMMENTS:,}"
        raise ImageUnreadable(f"it is a PPM with {comments:,} comments, and those that are read have at most {most}")


def _whole(file: ImageFile | bytes) -> bytes:
    return _content(file) if isinstance(file, PackedFile | bytes) else Path(file).read_bytes()


@contextmanager
def strict_pillow(largest_megapixels: int = LARGEST_IMAGE_MEGAPIXELS) -> Iterator[None]:
    """Makes an image of more pixels an error, and silences Pillow's warnings on metadata. Both belong to the process:
    enter this around the threads that decode, not within them.
    """
    before = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = largest_megapixels * MEGAPIXEL
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="PIL")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


def is_grey(image: Image.Image) -> bool:
    """By the mode that its header states, whatever colours its pixels have. Pillow has no mode for two channels of 16
    bits each, which it opens as RGBA.
    """
    return image.mode in GREY_MODES or _raw_mode(image) == "LA;16B"


def _raw_mode(image: Image.Image) -> str:
    """How pixels lie in the file, of an image that is not loaded yet; empty where its reader does not say."""
    arguments = image.tile[0].args if isinstance(image, OpenedFile) and image.tile else None
    first = arguments[0] if isinstance(arguments, tuple) and arguments else arguments
    return first if isinstance(first, str) else ""


def draft(image: Image.Image) -> int:
    """Makes a JPEG that is not loaded yet smaller while it is decoded, and returns how many pixels loading takes the
    memory of. A progressive one is held as a whole all the same.
    """
    pixels = image.width * image.height
    image.draft(None, (SHORTEST_DRAFT, SHORTEST_DRAFT))
    return pixels if "progressive" in image.info else image.width * image.height


def decode_image(image: Image.Image, form: Form) -> NDArray[np.uint8]:
    """Pixels of shape [size, size, channels] of an opened image: its first frame, upright, opaque, 8 bits a channel.

    `crop` brings the shorter side to `form.size` and cuts out the centre, `pad` brings the longer side to it and fills
    up with black on both sides, `stretch` brings both sides to it.
    """
    draft(image)
    return square_pixels(whole_image(image), form)


def whole_image(image: Image.Image) -> Image.Image:
    """An opened image decoded at its own size, or a draft's: its first frame, upright, opaque, grey or RGB, 8 bits a
    channel."""
    mode, raw_mode = "L" if is_grey(image) else "RGB", _raw_mode(image)
    image.load()
    if image.info:  # looking for an orientation takes as long as decoding a small image
        with suppress(Exception):  # broken metadata does not make the pixels unreadable
            ImageOps.exif_transpose(image, in_place=True)
    if (key := image.info.get("transparency")) is not None:
        image.info["transparency"] = _eight_bit_key(key, raw_mode)
    return _opaque(image, mode)


def square_pixels(whole: Image.Image, form: Form) -> NDArray[np.uint8]:
    """Of what `whole_image` returned, uint8 [size, size, channels]."""
    return _square_pixels(_in_mode(whole, "L" if form.channels == 1 else "RGB"), form)


def resize_pixels(pixels: NDArray[np.uint8], form: Form) -> NDArray[np.uint8]:
    """Decoded pixels of shape [height, width, channels], brought to [size, size, channels] as files are."""
    return _square_pixels(Image.fromarray(pixels[:, :, 0] if form.channels == 1 else pixels), form)


def _eight_bit_key(key: Any, raw_mode: str) -> Any:
    """What a PNG calls transparent, in the scale of its pixels once they are loaded. Of 16 bits a channel of RGB,
    Pillow drops the lower eight.
    """
    match raw_mode:
        case "L;2" | "L;4" if isinstance(key, int):
            return key * (85 if raw_mode == "L;2" else 17)
        case "RGB;16B" if isinstance(key, tuple):
            return tuple(value >> 8 for value in key)
    return key


def _opaque(image: Image.Image, mode: str) -> Image.Image:
    """In `mode`, L or RGB. Transparent images are laid on white: most were drawn to be seen on a page, and dark strokes
    on a transparent ground would vanish on black. What colour a transparent pixel hides is chance, so alpha is not just
    dropped.
    """
    if image.mode == "F":
        raise ImageUnreadable("its pixels are floating-point numbers, whose range is unknown")
    if image.mode == mode and not image.has_transparency_data:
        return image
    if not image.mode.startswith("I") and not image.has_transparency_data:
        return image.convert(mode)
    opaque = Image.new(mode, image.size)
    rows = max(1, STRIP // image.width)
    for top in range(0, image.height, rows):
        strip = image.crop((0, top, image.width, min(top + rows, image.height)))
        strip.info = image.info  # with what is transparent
        opaque.paste(_opaque_strip(strip).convert(mode), (0, top))
    return opaque


def _opaque_strip(strip: Image.Image) -> Image.Image:
    if strip.mode.startswith("I"):
        return _eight_bits(strip)
    return Image.alpha_composite(Image.new("RGBA", strip.size, "white"), strip.convert("RGBA"))


def _eight_bits(image: Image.Image) -> Image.Image:
    """Grey pixels of 16 bits, scaled by 1/257, so that 65535 is white; Pillow's own conversion would clip at 255. It
    knows no transparency in them, either.
    """
    values = np.asarray(image)
    if values.min() < 0 or values.max() > 65_535:
        raise ImageUnreadable("its pixels have more than 16 bits")
    scaled = ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if isinstance(key := image.info.get("transparency"), int):
        scaled[values == key] = 255
    return Image.fromarray(scaled)


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


def _reason(error: Exception, file: ImageFile | bytes) -> str:
    match error:
        case ImageUnreadable():
            return str(error)
        case UnidentifiedImageError():
            return _what_it_is(file)
        case _:
            return reason_of(error)


def _what_it_is(file: ImageFile | bytes) -> str:
    try:
        kind = kind_of(_head(file))
    except OSError as error:
        return error.strerror or type(error).__name__
    return f"it is {kind.title}" if kind.family != "read" else f"it begins as {kind.title}, and is damaged or cut off"


def _head(file: ImageFile | bytes) -> bytes:
    if isinstance(file, bytes):
        return file[:HEAD_BYTES]
    if isinstance(file, PackedFile | bytes):
        return _content(file)[:HEAD_BYTES]
    with Path(file).open("rb") as opened:
        return opened.read(HEAD_BYTES)
