"""Which images a program is to load, and how. Torch-free: what says it must not be what does it."""

from pathlib import Path
from typing import Literal

from storage import StoredFile
from training.image_folders import LARGEST_IMAGE_MEGAPIXELS
from training.images.decoding import Resize
from worker.validation.messages import Message


class ImagesOrder(Message):
    """The images of a data set, as a network takes them in."""

    dataset: str  # as a spec names it
    files: tuple[StoredFile, ...] = ()  # of a version of an uploaded data set: its index, and its packs
    project: str = ""  # whose they are: what is cached of them is cached for this project alone
    image_size: int | None = None
    resize: Resize = "crop"
    unreadable: Literal["refuse", "drop"] = "refuse"
    datasets_dir: Path
    downloads_dir: Path
    cache_dir: Path
    largest_image_megapixels: int = LARGEST_IMAGE_MEGAPIXELS
