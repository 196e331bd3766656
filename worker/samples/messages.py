"""What a worker and what draws samples tell each other: JSON, one message a line."""

from typing import Literal

from storage import StoredFile
from training.spec import Augmentation
from worker.validation.messages import Message


class SamplesOrder(Message):
    """What is to be drawn: `count` training images as they are, and as they look in the first `epochs` epochs."""

    task_id: str
    storage_url: str
    storage_id: str | None
    name: str  # of the file that is to be written
    index: StoredFile  # of the version
    packs: tuple[StoredFile, ...]
    title: str
    augmentation: Augmentation
    image_size: int
    channels: int
    resize: Literal["crop", "pad", "stretch"]
    fill: tuple[float, ...]  # the mean of the training images, 0 to 1, by channel
    seed: int
    count: int
    epochs: int
    largest_image_megapixels: int


class Drawn(Message):
    """The sheet is stored. The last message."""

    kind: Literal["drawn"] = "drawn"
    file: StoredFile
