"""Decodes many image files into one tensor, in threads."""

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Literal

import numpy as np
from PIL import Image

from training.engine.data.dataset import Split
from training.engine.data.memory import fits_memory
from training.engine.data.stores import Decoded, MemoryStore, Reserve, Store
from training.errors import DatasetInvalid
from training.image_folders import LARGEST_IMAGE_MEGAPIXELS
from training.images.decoding import (
    Form,
    ImageFile,
    ImageUnreadable,
    PackedFile,
    Resize,
    draft,
    is_grey,
    open_image,
    resize_pixels,
    square_pixels,
    strict_pillow,
    whole_image,
)
from training.images.identity import DIGEST_BYTES, Digests, digest_of
from training.images.pixel_budget import PixelBudget
from training.images.sizes import LARGEST_IMAGE, SMALLEST_IMAGE, common_size
from training.names import listed, shown

THREADS = min(16, os.cpu_count() or 1)
CHUNK = 64  # images handed to a thread at once: handing over costs about as much as a small image

Unreadable = Literal["refuse", "drop"]
Files = Sequence[ImageFile]


@dataclass(frozen=True, slots=True)
class DecodingOptions:
    """How image files become the images of a data set: a spec's fields. None: the size that suits them all."""

    image_size: int | None
    resize: Resize
    unreadable: Unreadable
    largest_megapixels: int = field(default=LARGEST_IMAGE_MEGAPIXELS)  # of what is decoded; a bound, not a wish

    @property
    def cache_key(self) -> str:
        """The key of decoded images in the cache. Its spelling must never change: every data set would be decoded
        again, and the old files would stay in the cache for ever."""
        return f"Handling(image_size={self.image_size!r}, resize={self.resize!r}, unreadable={self.unreadable!r})"


@dataclass(frozen=True, slots=True)
class Header:
    """What an image file says of itself before its pixels."""

    width: int
    height: int
    grey: bool


def decode_files(folder: Path, files: Files, options: DecodingOptions, reserve: Reserve) -> Decoded:
    """The images of `files`, in this order, put where `reserve` makes room: grey where every image is. `folder` is the
    data set's.

    The form is guessed from the first file, so that images which are all alike are opened once. The first that
    differs ends the attempt, and all headers are read before the next.
    """
    guess = _guess_form(files, options)
    if guess:
        store = MemoryStore(len(files), guess)
        decoded = _decode(folder, files, store, guess, options, any_size=options.image_size is not None)
        if decoded:
            return decoded
    form = _common_form(folder, _read_headers(folder, files, options), options)
    decoded = _decode(folder, files, reserve(len(files), form), form, options, any_size=True)
    assert decoded is not None, "the form was made from every header"
    return decoded


def resize_splits(train: Split, test: Split, digests: Digests, form: Form, reserve: Reserve) -> Decoded:
    """The images of both splits, one after the other, resized as files are. `digests` are theirs."""
    sources = train.images.numpy(), test.images.numpy()
    in_train, count = len(sources[0]), len(sources[0]) + len(sources[1])
    store = reserve(count, form)

    def resize(row: int) -> None:
        pixels = sources[0][row] if row < in_train else sources[1][row - in_train]
        store.put(row, resize_pixels(pixels, form))

    _in_threads(resize, count)
    return Decoded(store.finish(range(count)), {}, store.mapped, digests)


def _guess_form(files: Files, options: DecodingOptions) -> Form | None:
    """From the first file alone; None where that says too little."""
    size = options.image_size
    try:
        with strict_pillow(options.largest_megapixels), open_image(files[0]) as image:
            form = Form(size or image.width, 1 if is_grey(image) else 3, options.resize)
            own_size_will_do = image.width == image.height and SMALLEST_IMAGE <= image.width <= LARGEST_IMAGE
    except ImageUnreadable:
        return None
    return form if (size or own_size_will_do) and fits_memory(len(files), form) else None


def _common_form(folder: Path, headers: Sequence[Header], options: DecodingOptions) -> Form:
    channels = 1 if all(header.grey for header in headers) else 3
    if options.image_size:
        return Form(options.image_size, channels, options.resize)
    side = common_size((header.width, header.height) for header in headers)
    if side is None:
        first = headers[0]
        raise DatasetInvalid(
            f"The images of {folder.name} are {first.width} x {first.height} pixels; networks here take "
            f"{SMALLEST_IMAGE} to {LARGEST_IMAGE}.",
            "Set image_size: the images are resized to it.",
        )
    return Form(side, channels, options.resize)


def _read_headers(folder: Path, files: Files, options: DecodingOptions) -> list[Header]:
    """Of the files that have one, in any order."""
    headers: list[Header] = []

    def read(row: int, image: Image.Image) -> Callable[[], None]:
        header = Header(image.width, image.height, is_grey(image))
        return lambda: headers.append(header)

    _refuse(folder, files, _for_each_image(files, read, options, stop=Event()), options)
    return headers


def _decode(
    folder: Path, files: Files, store: Store, form: Form, options: DecodingOptions, *, any_size: bool
) -> Decoded | None:
    """None where `form` is grey and an image is not, or where an image has another size, unless `any_size`."""
    differs, budget = Event(), PixelBudget.of_this_machine()
    digests = np.empty((len(files), DIGEST_BYTES), np.uint8)

    def decode(row: int, image: Image.Image) -> Callable[[], None]:
        if (form.channels == 1 and not is_grey(image)) or not (any_size or image.size == (form.size, form.size)):
            return differs.set
        with budget.reserved(draft(image)):
            whole = whole_image(image)
            digests[row] = np.frombuffer(digest_of(whole), np.uint8)
            pixels = square_pixels(whole, form)
        return lambda: store.put(row, pixels)

    unreadable = _for_each_image(files, decode, options, stop=differs)
    if differs.is_set():
        return None
    _refuse(folder, files, unreadable, options)
    kept = [row for row in range(len(files)) if row not in unreadable]
    reasons = {row: str(error) for row, error in unreadable.items()}
    return Decoded(store.finish(kept), reasons, store.mapped, digests[kept])


def _for_each_image(
    files: Files,
    visit: Callable[[int, Image.Image], Callable[[], None]],
    options: DecodingOptions,
    stop: Event,
) -> dict[int, ImageUnreadable]:
    """Calls `visit` with every file's row and opened image, and what it returns once the image is closed, in threads,
    until `stop` is set. Returns what cannot be read, all of it, so that it can be mended in one go.
    """
    unreadable: dict[int, ImageUnreadable] = {}

    def open_and_visit(row: int) -> None:
        if stop.is_set():
            return
        try:
            with open_image(files[row]) as image:
                finish = visit(row, image)
        except ImageUnreadable as error:
            unreadable[row] = error
        else:
            finish()  # out here, as a full disk is no fault of the image

    with strict_pillow(options.largest_megapixels):
        _in_threads(open_and_visit, len(files))
    return dict(sorted(unreadable.items()))


def _refuse(folder: Path, files: Files, unreadable: dict[int, ImageUnreadable], options: DecodingOptions) -> None:
    """Raises DatasetInvalid for what `options` does not allow to be left out."""
    if options.unreadable == "refuse":
        refused, hint = unreadable, 'Replace or remove what is broken, or set unreadable_images to "drop".'
    elif len(unreadable) == len(files):
        refused, hint = unreadable, "Replace what is broken: there is no image left."
    else:  # to leave out what another run may be able to read would make the two differ
        refused = {row: error for row, error in unreadable.items() if error.machine_fault}
        hint = "These may be whole: give the worker's user the right to read them, and look after their disk."
    if refused:
        raise DatasetInvalid(f"Cannot be read as an image: {named(folder, files, refused)}.", hint)


def named(folder: Path, files: Files, reasons: Mapping[int, object], most: int = 5) -> str:
    """The files of the rows of `reasons`, each with its reason."""
    places = {row: _place(files[row], folder) for row in reasons}
    return listed([f"{shown(places[row])} ({why})" for row, why in reasons.items()], most)


def _place(file: ImageFile, folder: Path) -> str:
    if isinstance(file, PackedFile):
        return f"{folder.name}, {file.pack.name} at {file.offset}"
    assert not isinstance(file, bytes)
    return str(Path(file).relative_to(folder.parent))


def _in_threads(work: Callable[[int], None], count: int) -> None:
    """Calls `work` with 0 to `count` - 1. Pillow lets go of the interpreter's lock while it decodes and resizes."""

    def work_through(chunk: range) -> None:
        for index in chunk:
            work(index)

    chunks = [range(start, min(start + CHUNK, count)) for start in range(0, count, CHUNK)]
    with ThreadPoolExecutor(THREADS) as pool:
        for _ in pool.map(work_through, chunks):
            pass
