"""The identity of images and of data sets: digests of content, which do not depend on the names and times of files.

The identity of a data set is the SHA-256 of its classes in their order, of whether its images are grey, and of the
sorted list of (split, class, SHA-256 of an image). An image counts by its pixels before any resize: RGB, 8 bits a
channel, opaque and upright, with its width and height. So it depends on no other image, on no spec, on no order, and
on no file format.
"""

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # the API reads indexes, and must not load what decodes
    from PIL import Image

Digests = NDArray[np.uint8]  # [N, DIGEST_BYTES], an image a row
Labels = NDArray[np.integer]  # [N], positions in the classes

DIGEST_BYTES = 32
STRIP = 2**20  # pixels that are copied at once: of 256 megapixels of grey, a whole copy in RGB takes 2.5 GB


def digest_of(image: "Image.Image") -> bytes:
    """Of an image that is decoded, upright, opaque and of 8 bits a channel: grey, or RGB."""
    digest = sha256(size_header(image.width, image.height))
    rows = max(1, STRIP // image.width)
    for top in range(0, image.height, rows):
        strip = image if rows >= image.height else image.crop((0, top, image.width, min(top + rows, image.height)))
        digest.update((strip if strip.mode == "RGB" else strip.convert("RGB")).tobytes())
    return digest.digest()


def size_header(width: int, height: int) -> bytes:
    """With which the digest of an image begins; its pixels follow."""
    return b"%d %d\0" % (width, height)


def order_by_content(labels: Labels, digests: Digests) -> NDArray[np.int64]:
    """The rows of a split, by class and then by content: int64 [N]."""
    words = digests.view(">u8")
    return np.lexsort((*words.T[::-1], labels))


def identity_of(classes: Sequence[str], channels: int, splits: Mapping[str, tuple[Labels, Digests]]) -> str:
    """64 hexadecimal digits, of the labels and digests of each split, in any order. `channels`: 1 where every image is
    grey, else 3."""
    counts = {name: np.bincount(labels, minlength=len(classes)).tolist() for name, (labels, _digests) in splits.items()}
    about = {"classes": list(classes), "channels": channels, "images": counts}
    digest = sha256(json.dumps(about, sort_keys=True).encode() + b"\0")
    for _name, (labels, digests) in sorted(splits.items()):
        digest.update(digests[order_by_content(labels, digests)].data)
    return digest.hexdigest()
