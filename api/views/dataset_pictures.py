"""`python -m api.views.dataset_pictures`: the process that draws images of data sets.

It is given the bytes of images, and has neither the database nor the storage, nor what the service's environment holds.
Images are decoded in processes of their own (`dataset_pictures_decoding`); here, only their pixels are put together.
"""

import os
import signal
import sys
from collections.abc import Sequence
from io import BytesIO

from PIL import Image

from api.views.dataset_pictures_data import LARGEST_SIDE, Picture, PictureRequest
from api.views.dataset_pictures_decoding import Decoding, decode, warm_up
from api.views.pipe_messages import read, write
from training.images.contact_sheet import TOO_LARGE, Shown, draw_refusal, draw_sheet
from training.images.sheet_layout import EXAMPLE

NICENESS = 10  # requests for pictures take a little longer, so that no other request does
COMPRESSION = 4  # of 9: a sheet takes 0.3 s instead of 0.7 s, and 6 % more bytes


def main() -> None:
    """Draw each request on standard input, until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(NICENESS)
    warm_up()
    while True:
        try:
            request = PictureRequest.unpack(read(sys.stdin.buffer))
            images = [read(sys.stdin.buffer) for _ in range(request.images)]
        except EOFError:
            return
        write(sys.stdout.buffer, draw(request, images).pack())


def draw(request: PictureRequest, images: Sequence[bytes]) -> Picture:
    """What `request` asks for, of these image files."""
    cell = request.sheet.cell if request.sheet else None
    found, is_final = decode(images, Decoding(cell, LARGEST_SIDE, request.largest_megapixels))
    picture = draw_sheet(request.sheet, found) if request.sheet else _alone(found[0] if found else TOO_LARGE)
    return Picture(_png(picture), is_final)


def _alone(image: Shown) -> Image.Image:
    return image if isinstance(image, Image.Image) else draw_refusal(image, EXAMPLE)


def _png(picture: Image.Image) -> bytes:
    file = BytesIO()
    picture.save(file, "PNG", compress_level=COMPRESSION)
    return file.getvalue()


if __name__ == "__main__":
    main()
