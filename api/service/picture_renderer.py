"""Draws pictures of images of data sets: reads the files of the images, and has a process of its own decode and draw
them. A picture is kept until newer ones need the memory."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import structlog

from api.http.errors import PictureNotDrawn, StorageUnavailable
from api.service.drawing_process import DrawingProcess, NotDrawn
from api.views.dataset_pictures_data import Picture, PictureRequest
from api.views.revision_cache import RevisionCache
from storage import Storage
from training.images.sheet_layout import Sheet

DRAWING = 1  # raised when pictures of the same images look different
MAX_BYTES = 32 * 2**20  # of pictures that are kept
READ_AT_ONCE = 8  # images: an S3 takes its time for each

log = structlog.get_logger()


class ImageFile(NamedTuple):
    """Where an image lies: the name of a pack in the storage, offset and length in bytes."""

    pack: str
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class PictureOrder:
    """What is to be drawn. `sheet`: None for a picture of one image, or of none, whose file is too large.
    `largest_megapixels`: larger images are not decoded."""

    sheet: Sheet | None
    images: Sequence[ImageFile]
    largest_megapixels: int


class PictureRenderer:
    """Draws one picture at a time. Thread-safe; `FairLimits.expensive` bounds how many threads wait here."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._process = DrawingProcess("api.views.dataset_pictures")
        self._pictures = RevisionCache[bytes](MAX_BYTES, len)

    def cached(self, key: str) -> bytes | None:
        """The picture that was drawn under `key`, if it is still there."""
        return self._pictures.get(key, DRAWING)

    def draw(self, key: str, order: PictureOrder) -> Picture:
        """Draw a picture, and keep it under `key`, which must name the project and everything that the picture shows.
        Raises StorageUnavailable and PictureNotDrawn."""
        images = self._read(order.images)
        request = PictureRequest(order.sheet, len(images), order.largest_megapixels)
        try:
            picture = Picture.unpack(self._process.ask([request.pack(), *images]))
        except NotDrawn as error:
            raise PictureNotDrawn(str(error)) from error
        if picture.is_final:
            self._pictures.put(key, DRAWING, picture.png)
        return picture

    def close(self) -> None:
        """End the process, and wait for its end."""
        self._process.close()

    def _read(self, images: Sequence[ImageFile]) -> list[bytes]:
        if not images:
            return []
        try:
            with ThreadPoolExecutor(min(READ_AT_ONCE, len(images)), "images") as pool:
                return list(pool.map(self._read_one, images))
        except OSError as error:
            log.warning("images not read", pack=images[0].pack, error=str(error))
            raise StorageUnavailable("It does not give the images out: ask again in a few seconds.") from error

    def _read_one(self, image: ImageFile) -> bytes:
        content = b"".join(self._storage.stream(image.pack, image.offset, image.length))
        if len(content) != image.length:
            raise OSError(f"{image.pack} is cut off")
        return content
