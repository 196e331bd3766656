"""Predicts with a trained model, which is inside this file. It needs Python 3.9 or newer, and

    pip install "onnxruntime>=1.17" numpy "pillow>=10.1"

    python model.py picture.jpg [more.png] [--top 5] [--json]

Or from a program:

    from model import classify
    classify("picture.jpg")  # [("cat", 0.93), ("dog", 0.05), ...]
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import os
import sys
from functools import lru_cache
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any, Union

try:
    import numpy as np
    import onnxruntime
    from numpy.typing import NDArray
    from PIL import Image, ImageOps, UnidentifiedImageError
except ImportError as _error:
    _message = f'{_error}. What this needs: pip install "onnxruntime>=1.17" numpy "pillow>=10.1"'
    if __name__ == "__main__":
        sys.exit(_message)
    raise ImportError(_message) from _error

# The model.
TITLE = ""
CLASSES: tuple[str, ...] = ()
SIZE, CHANNELS, RESIZE = 32, 3, "crop"  # pixels a side; 1 (grey) or 3 (RGB); crop, pad or stretch
TEMPERATURE = 1.0  # what logits are divided by, so that probabilities are right as often as they say
NETWORK_SHA256 = ""
# End of the model.

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "AVIF", "JPEG2000")
GREY_MODES = ("1", "L", "LA", "I", "I;16", "I;16L", "I;16B", "I;16N")
DNG_VERSION, NEW_SUBFILE_TYPE, REDUCED_RESOLUTION = 0xC612, 0x00FE, 1  # tags of TIFF, and a bit of the second
SHORTEST_DRAFT = 2048  # pixels: a JPEG with twice as many a side is decoded at a half, a quarter or an eighth
REDUCING_GAP = 3.0

Picture = Union[str, "os.PathLike[str]", bytes, "Image.Image"]


class NotAPicture(ValueError):
    """What was given cannot be decoded as an image; the message says why."""


def classify(picture: Picture, top: int = 5) -> list[tuple[str, float]]:
    """The `top` likeliest classes of a picture with their probabilities, the likeliest first. `picture` is a path, the
    bytes of an image file, or a Pillow image as it was opened. Raises OSError and NotAPicture.
    """
    if top < 1:
        raise ValueError(f"top is {top}, and must be 1 or more")
    shares = probabilities(pixels_of(picture)[None])[0]
    likeliest = np.argsort(-shares, kind="stable")[:top]
    return [(CLASSES[number], float(shares[number])) for number in likeliest]


def probabilities(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """float32 [n, classes] of uint8 pixels [n, SIZE, SIZE, CHANNELS]."""
    expected = (SIZE, SIZE, CHANNELS)
    if pixels.dtype != np.uint8 or pixels.shape[1:] != expected:
        raise ValueError(f"pixels are {pixels.dtype} {pixels.shape}, and must be uint8 (n, {SIZE}, {SIZE}, {CHANNELS})")
    (logits,) = _session().run(["logits"], {"images": np.ascontiguousarray(pixels)})
    scaled = logits / np.float32(TEMPERATURE)
    powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    shares: NDArray[np.float32] = powers / powers.sum(axis=1, keepdims=True)
    return shares


def pixels_of(picture: Picture) -> NDArray[np.uint8]:
    """uint8 [SIZE, SIZE, CHANNELS], as the network was trained to see a picture: its first frame, upright, opaque, made
    square. With Pillow 13, equal to what training saw; older releases round otherwise where a picture is much taller
    than wide. Raises OSError and NotAPicture.
    """
    if isinstance(picture, Image.Image):
        return _pixels(picture)
    content = picture if isinstance(picture, bytes) else Path(picture).read_bytes()
    Image.init()
    try:
        with Image.open(BytesIO(content), formats=[name for name in FORMATS if name in Image.OPEN]) as image:
            return _pixels(image)
    except NotAPicture:
        raise
    except Exception as error:  # of a broken file, Pillow raises nearly anything
        reason = "of a kind that is read" if isinstance(error, UnidentifiedImageError) else f"whole: {error}"
        raise NotAPicture(f"it is no image {reason}") from error


def _pixels(image: Image.Image) -> NDArray[np.uint8]:
    tags = getattr(image, "tag_v2", {})
    if image.format == "TIFF" and (DNG_VERSION in tags or tags.get(NEW_SUBFILE_TYPE, 0) & REDUCED_RESOLUTION):
        raise NotAPicture("it is a raw photograph, which begins with a thumbnail")
    image.draft(None, (SHORTEST_DRAFT, SHORTEST_DRAFT))
    raw_mode = _raw_mode(image)
    mode = "L" if image.mode in GREY_MODES or raw_mode == "LA;16B" else "RGB"
    image.load()
    try:
        upright = ImageOps.exif_transpose(image)
    except Exception:  # broken metadata does not make the pixels unreadable
        upright = image
    if upright.info.get("transparency") is not None:
        upright.info["transparency"] = _eight_bit_key(upright.info["transparency"], raw_mode)
    whole = _opaque(upright, mode)
    wanted = "L" if CHANNELS == 1 else "RGB"
    return np.asarray(_square(whole if whole.mode == wanted else whole.convert(wanted))).reshape(SIZE, SIZE, CHANNELS)


def _raw_mode(image: Image.Image) -> str:
    """How pixels lie in the file, of an image that is not loaded yet; empty where its reader does not say."""
    tiles = getattr(image, "tile", None)
    arguments = tiles[0][3] if tiles else None
    first = arguments[0] if isinstance(arguments, tuple) and arguments else arguments
    return first if isinstance(first, str) else ""


def _eight_bit_key(key: Any, raw_mode: str) -> Any:
    """What a PNG calls transparent, in the scale of its pixels once they are loaded."""
    if raw_mode in ("L;2", "L;4") and isinstance(key, int):
        return key * (85 if raw_mode == "L;2" else 17)
    if raw_mode == "RGB;16B" and isinstance(key, tuple):
        return tuple(value >> 8 for value in key)
    return key


def _opaque(image: Image.Image, mode: str) -> Image.Image:
    """In `mode`, L or RGB; transparent images are laid on white."""
    if image.mode == "F":
        raise NotAPicture("its pixels are floating-point numbers, whose range is unknown")
    if image.mode.startswith("I"):
        return _eight_bits(image).convert(mode)
    if image.has_transparency_data:
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA")).convert(mode)
    return image if image.mode == mode else image.convert(mode)


def _eight_bits(image: Image.Image) -> Image.Image:
    """Grey pixels of 16 bits, scaled by 1/257, so that 65535 is white."""
    values = np.asarray(image)
    if values.min() < 0 or values.max() > 65_535:
        raise NotAPicture("its pixels have more than 16 bits")
    scaled = ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)
    key = image.info.get("transparency")
    if isinstance(key, int):
        scaled[values == key] = 255
    return Image.fromarray(scaled)


def _square(image: Image.Image) -> Image.Image:
    """`crop` brings the shorter side to SIZE and cuts out the centre, `pad` brings the longer side to it and fills up
    with black, `stretch` brings both sides to it.
    """
    whole = (0, 0, image.width, image.height)
    if RESIZE == "stretch":
        return _resized(image, SIZE, SIZE, whole)
    if RESIZE == "pad":
        longer = max(image.size)
        width, height = (max(1, round(side * SIZE / longer)) for side in image.size)
        square = Image.new(image.mode, (SIZE, SIZE))
        square.paste(_resized(image, width, height, whole), ((SIZE - width) // 2, (SIZE - height) // 2))
        return square
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return _resized(image, SIZE, SIZE, (left, top, left + side, top + side))


def _resized(image: Image.Image, width: int, height: int, box: tuple[int, int, int, int]) -> Image.Image:
    return image.resize((width, height), Image.Resampling.BICUBIC, box, REDUCING_GAP)


@lru_cache(maxsize=1)
def _session() -> Any:
    return onnxruntime.InferenceSession(_network(), providers=["CPUExecutionProvider"])


def _network() -> bytes:
    """The ONNX file, from the comments that this file ends with: comments are what Python passes over fastest."""
    content = Path(__file__).read_bytes()
    start = content.index(b":\n", content.rindex(b"\n# The network, "))
    network = base64.b64decode(memoryview(content)[start:])
    if hashlib.sha256(network).hexdigest() != NETWORK_SHA256:
        raise ValueError(f"{__file__} was changed or cut off: its network is not the one that it was made with")
    return network


def _printable(text: str) -> str:
    """Without what would act upon a terminal."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def _report(picture: str, top: int, *, as_json: bool) -> bool:
    """Whether the picture could be classified."""
    try:
        found = classify(picture, top)
    except (OSError, NotAPicture) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        if as_json:
            sys.stdout.write(json.dumps({"picture": picture, "error": reason}) + "\n")
        sys.stderr.write(f"{_printable(picture)}: {reason}\n")
        return False
    if as_json:
        classes = [{"label": label, "probability": probability} for label, probability in found]
        sys.stdout.write(json.dumps({"picture": picture, "classes": classes}) + "\n")
    else:
        lines = [f"{100 * probability:6.1f} %  {_printable(label)}\n" for label, probability in found]
        sys.stdout.write(f"{_printable(picture)}\n{''.join(lines)}")
    return True


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 on")
    return int(text)


def main() -> int:
    """0, or 1 where a picture could not be classified."""
    parser = argparse.ArgumentParser(description="Classifies pictures with the trained model in this file.")
    parser.add_argument("pictures", nargs="+", metavar="PICTURE", help="an image file")
    parser.add_argument("--top", type=_count, default=5, help="how many classes are shown (default: 5)")
    parser.add_argument("--json", action="store_true", help="a line of JSON for each picture")
    arguments = parser.parse_args()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names that the terminal's encoding cannot say
    done = [_report(picture, arguments.top, as_json=arguments.json) for picture in arguments.pictures]
    return 0 if all(done) else 1


if __name__ == "__main__":
    sys.exit(main())
