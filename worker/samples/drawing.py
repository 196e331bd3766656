"""Draws a contact sheet of training images as they are and as they are augmented."""

from collections.abc import Iterator, Sequence
from io import BytesIO

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from storage import Storage
from training.engine.augmentation import Augmenter
from training.images.contact_sheet import Shown, draw_sheet, fitted
from training.images.decoding import Form, open_image, square_pixels, strict_pillow, whole_image
from training.images.lots import lots
from training.images.packs import ImageIndex
from training.images.sheet_layout import Band, Figure, Sheet, cell_for
from training.spec import Augmentation
from worker.samples.messages import SamplesOrder

MIXERS = ("mixup", "cutmix")  # which mix images of a batch


def draw(order: SamplesOrder, storage: Storage) -> bytes:
    """The sheet, as a PNG. A training image looks in an epoch as it would to a job with this seed. Raises OSError,
    ValueError and ImageUnreadable."""
    index = ImageIndex.from_bytes(storage.read_verified(order.index))
    rows = _drawn(index, order)
    images = torch.from_numpy(np.stack([_pixels(index, row, order, storage) for row in rows.tolist()]))
    cell = cell_for(order.image_size)
    shown, bands = list[Shown](), list[Band]()
    for name, batch in _batches(order, images, torch.from_numpy(rows)):
        figures = tuple(Figure((len(shown) + number,)) for number in range(len(batch)))
        shown += [fitted(_image(pixels), cell) for pixels in batch.numpy()]
        bands.append(Band(figures, name))
    mixers = [name for name in MIXERS if getattr(order.augmentation, name)]
    foot = f"not shown: {' and '.join(mixers)}, by which images of a batch are mixed" if mixers else ""
    picture = draw_sheet(Sheet(order.title, _subtitle(order), cell, tuple(bands), foot), shown)
    file = BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def _drawn(index: ImageIndex, order: SamplesOrder) -> NDArray[np.int64]:
    """Rows of training images. They come first in an index, so that a row is a sample's number, too."""
    train = np.flatnonzero(index.in_split("train"))
    words = np.ascontiguousarray(index.digests[train, :8]).view(">u8").ravel().astype(np.uint64)
    return train[np.argsort(lots(words, order.seed), kind="stable")[: order.count]]


def _pixels(index: ImageIndex, row: int, order: SamplesOrder, storage: Storage) -> NDArray[np.uint8]:
    pack = order.packs[int(index.packs[row])].name
    content = b"".join(storage.stream(pack, int(index.offsets[row]), int(index.lengths[row])))
    form = Form(order.image_size, order.channels, order.resize)
    with strict_pillow(order.largest_image_megapixels), open_image(content) as image:
        return square_pixels(whole_image(image), form)


def _batches(order: SamplesOrder, images: Tensor, samples: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Name and images, uint8 [B, H, W, C], of each line."""
    fill = torch.tensor(order.fill[: order.channels]) * 255
    augmenter = Augmenter(
        order.augmentation, image_size=order.image_size, fill=fill, seed=order.seed, device=torch.device("cpu")
    )
    yield "as they are", images
    for epoch in range(order.epochs):
        yield f"epoch {epoch}", augmenter.batch(images, torch.arange(len(images)), samples, epoch)


def _image(pixels: NDArray[np.uint8]) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels))


def _subtitle(order: SamplesOrder) -> str:
    size = f"{order.image_size} x {order.image_size} pixels"
    return " · ".join([", ".join(_asked(order.augmentation)) or "no augmentation", size, f"seed {order.seed}"])


def _asked(augmentation: Augmentation) -> Sequence[str]:
    """The operations that the spec asks for."""
    return [name for name, value in augmentation if value not in (None, False, 0) and name not in MIXERS]
