"""Many image files at once, into one tensor."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median_low
from threading import Event

import torch
from PIL import Image
from torch import Tensor

from training.data.dataset import DatasetInvalid, Split, listed
from training.data.images import (
    Form,
    ImageUnreadable,
    decode_image,
    is_grey,
    open_image,
    resize_pixels,
    strict_pillow,
)
from training.data.memory import fits_memory, require_memory

SMALLEST_IMAGE, LARGEST_IMAGE = 8, 1024  # pixels, the bounds of a spec's image_size
LARGEST_DEFAULT = 224  # pixels, where images of several sizes must agree on one: ImageNet's

THREADS = min(16, os.cpu_count() or 1)
CHUNK = 64  # images handed to a thread at once: handing over costs about as much as a small image


@dataclass(frozen=True, slots=True)
class Header:
    """What an image file says of itself before its pixels."""

    width: int
    height: int
    grey: bool


def decode_files(folder: Path, files: Sequence[str], image_size: int | None) -> Tensor:
    """uint8 of shape [N, size, size, channels]: grey where every image is, and of `image_size` or, for None, of the
    size that suits them all. `folder` is the data set's.

    The form is guessed from the first file, so that images which are all alike are opened once. The first that
    differs ends the attempt, and all headers are read before the next.
    """
    guess = _guess_form(files, image_size)
    images = _decode(folder, files, guess, any_size=image_size is not None) if guess else None
    if images is not None:
        return images
    form = _common_form(folder, _read_headers(folder, files), image_size)
    require_memory(folder.name, len(files), form)
    images = _decode(folder, files, form, any_size=True)
    assert images is not None, "the form was made from every header"
    return images


def resize_split(split: Split, image_size: int) -> Split:
    """The same split with its images resized as files are."""
    source = split.images.numpy()
    images = torch.empty((len(source), image_size, image_size, source.shape[3]), dtype=torch.uint8)
    target = images.numpy()

    def resize(index: int) -> None:
        target[index] = resize_pixels(source[index], image_size)

    _in_threads(resize, len(source))
    return Split(images, split.labels)


def _guess_form(files: Sequence[str], image_size: int | None) -> Form | None:
    """From the first file alone; None where that says too little."""
    try:
        with strict_pillow(), open_image(files[0]) as image:
            form = Form(image_size or image.width, 1 if is_grey(image) else 3)
            own_size_will_do = image.width == image.height and SMALLEST_IMAGE <= image.width <= LARGEST_IMAGE
    except ImageUnreadable:
        return None
    return form if (image_size or own_size_will_do) and fits_memory(len(files), form) else None


def _common_form(folder: Path, headers: Sequence[Header], image_size: int | None) -> Form:
    channels = 1 if all(header.grey for header in headers) else 3
    if image_size:
        return Form(image_size, channels)
    sizes = {(header.width, header.height) for header in headers}
    width, height = next(iter(sizes))
    if len(sizes) == 1 and width == height:
        if not SMALLEST_IMAGE <= width <= LARGEST_IMAGE:
            raise DatasetInvalid(
                f"The images of {folder.name} are {width} x {height} pixels; networks here take {SMALLEST_IMAGE} to "
                f"{LARGEST_IMAGE}.",
                "Set image_size: the images are resized to it.",
            )
        return Form(width, channels)
    median = median_low(min(header.width, header.height) for header in headers)
    return Form(min(LARGEST_DEFAULT, max(SMALLEST_IMAGE, median)), channels)


def _read_headers(folder: Path, files: Sequence[str]) -> list[Header]:
    headers = [Header(0, 0, grey=False)] * len(files)

    def read(index: int, image: Image.Image) -> None:
        headers[index] = Header(image.width, image.height, is_grey(image))

    _for_each_image(folder, files, read, stop=Event())
    return headers


def _decode(folder: Path, files: Sequence[str], form: Form, *, any_size: bool) -> Tensor | None:
    """None where `form` is grey and an image is not, or where an image has another size, unless `any_size`."""
    images = torch.empty((len(files), form.size, form.size, form.channels), dtype=torch.uint8)
    pixels = images.numpy()
    differs = Event()

    def decode(index: int, image: Image.Image) -> None:
        if (form.channels == 1 and not is_grey(image)) or not (any_size or image.size == (form.size, form.size)):
            differs.set()
        else:
            pixels[index] = decode_image(image, form)

    _for_each_image(folder, files, decode, stop=differs)
    return None if differs.is_set() else images


def _for_each_image(folder: Path, files: Sequence[str], visit: Callable[[int, Image.Image], None], stop: Event) -> None:
    """Calls `visit` with every file's number and opened image, in threads, until `stop` is set.

    Raises DatasetInvalid with the files that cannot be read once all have been tried, so that they can be mended in
    one go.
    """
    reasons: dict[int, str] = {}

    def open_and_visit(index: int) -> None:
        if stop.is_set():
            return
        try:
            with open_image(files[index]) as image:
                visit(index, image)
        except ImageUnreadable as error:
            reasons[index] = str(error)

    with strict_pillow():
        _in_threads(open_and_visit, len(files))
    if reasons and not stop.is_set():
        broken = [f"{Path(files[index]).relative_to(folder.parent)} ({reasons[index]})" for index in sorted(reasons)]
        raise DatasetInvalid(f"Cannot be read as an image: {listed(broken)}.", "Replace or remove what is broken.")


def _in_threads(work: Callable[[int], None], count: int) -> None:
    """Calls `work` with 0 to `count` - 1. Pillow lets go of the interpreter's lock while it decodes and resizes."""

    def work_through(chunk: range) -> None:
        for index in chunk:
            work(index)

    chunks = [range(start, min(start + CHUNK, count)) for start in range(0, count, CHUNK)]
    with ThreadPoolExecutor(THREADS) as pool:
        for _ in pool.map(work_through, chunks):
            pass
