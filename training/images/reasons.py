"""Why Pillow could not decode an image, in sentences of our own that do not change with its releases. Torch-free.

Pillow's readers raise nearly every built-in error, with texts for whoever looks into their code. They sort into a few
kinds; the error itself stays the cause of what is raised, for the log.
"""

import re
import struct
import zlib

from PIL import Image

MEGAPIXEL = 10**6

CUT_OFF = "it is cut off: its end is missing"
DAMAGED = "it is damaged, or cut off"
TOO_MUCH_TEXT = "it carries a text or a colour profile that is too large: save it without its metadata"
NOT_READ = "it is coded in a way that is not read here: save it as PNG or JPEG"
TOO_MUCH_MEMORY = "it takes more memory to decode than there is"

_KINDS = (
    (CUT_OFF, re.compile(r"truncated|reached eof|only got \d+|unexpected end", re.IGNORECASE)),
    (TOO_MUCH_TEXT, re.compile(r"MAX_TEXT_(CHUNK|MEMORY)")),
    (NOT_READ, re.compile(r"unsupported|not supported|unknown (raw|image|pixel|colou?r) ?mode", re.IGNORECASE)),
)
_DAMAGE = (
    *(OSError, EOFError, SyntaxError, ValueError, ArithmeticError, LookupError, TypeError, RuntimeError),
    *(struct.error, zlib.error),
)


def reason_of(error: Exception) -> str:
    """Why an image cannot be read, of which a reader raised `error`. It follows the file's name and a colon."""
    match error:
        case Image.DecompressionBombError() | Image.DecompressionBombWarning():
            return _too_large(str(error))
        case MemoryError():
            return TOO_MUCH_MEMORY
        case OSError(strerror=str(text)):  # the system's own
            return text
    found = next((sentence for sentence, pattern in _KINDS if pattern.search(str(error))), None)
    if found is None and isinstance(error, NotImplementedError):
        found = NOT_READ
    return found or (DAMAGED if isinstance(error, _DAMAGE) else f"it cannot be decoded ({type(error).__name__})")


def _too_large(told: str) -> str:
    """Pillow tells how many pixels there are, and how many there may be; raised only where they are read."""
    pixels, _ = [int(number) / MEGAPIXEL for number in re.findall(r"\d+", told)[:2]]
    most = (Image.MAX_IMAGE_PIXELS or 0) // MEGAPIXEL
    return (
        f"it has {pixels:,.1f} megapixels, and the largest images that are read have {most:,}: make it smaller, or "
        "raise EPOCHAL_LARGEST_IMAGE_MEGAPIXELS, in a notebook largest_image_megapixels"
    )
