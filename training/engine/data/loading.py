"""Which data set a name means."""

from hashlib import sha256
from pathlib import Path

import numpy as np
import PIL

from training.engine.data.cache import decoded_once
from training.engine.data.dataset import Dataset, Split
from training.engine.data.decoding import DecodingOptions, Unreadable, resize_splits
from training.engine.data.digits import load_digits
from training.engine.data.downloads import load_download
from training.engine.data.folders import DECODER_VERSION, load_folder
from training.engine.data.identity import digests_of
from training.engine.data.memory import require_memory
from training.errors import DatasetInvalid
from training.image_folders import LARGEST_IMAGE_MEGAPIXELS, visible_folders
from training.images.decoding import Form, Resize
from training.known.dataset_names import hides_shipped, unknown_dataset
from training.known.datasets import KNOWN_DATASETS, SHIPPED, KnownDataset

DATASETS_DIR, DOWNLOADS_DIR = Path("data/datasets"), Path("data/downloads")  # in a notebook: of the folder it is in


def load_dataset(
    name: str,
    *,
    image_size: int | None = None,
    resize: Resize = "crop",
    unreadable: Unreadable = "refuse",
    datasets_dir: Path = DATASETS_DIR,
    downloads_dir: Path = DOWNLOADS_DIR,
    cache_dir: Path | None = None,
    largest_image_megapixels: int = LARGEST_IMAGE_MEGAPIXELS,
) -> Dataset:
    """The image folder `name` of `datasets_dir` where there is one, otherwise the known data set of that name, which
    may be downloaded into `downloads_dir`.

    `image_size` is the side in pixels to which images are brought; None keeps the size of images that share a square
    one, and otherwise takes the median of their shorter sides, 224 at most. `resize` says how an image that is not
    square becomes so: `crop` brings the shorter side to `image_size` and cuts out the centre, `pad` brings the longer
    side to it and fills up with black, `stretch` distorts. `unreadable`: refuse a folder for a broken image, or drop
    it and count it in the data set's `dropped`.

    An image of more than `largest_image_megapixels` counts as broken. One that is not a JPEG takes four bytes a pixel
    of memory while it is decoded, twice as much where it is transparent.

    `cache_dir` keeps decoded images, in its folder `decoded`: they are decoded once, and may take more than the
    memory. Whatever is wrong with the name, the folder or the download raises DatasetInvalid; a full disk raises
    OSError (ENOSPC), and nothing else is raised.
    """
    options = DecodingOptions(image_size, resize, unreadable, largest_image_megapixels)
    try:
        return _load(name, options, datasets_dir, downloads_dir, cache_dir)
    except DatasetInvalid as error:
        places = f"The data sets' folder is {datasets_dir.absolute()}, the downloads' {downloads_dir.absolute()}."
        error.add_note(places)
        raise


def _load(
    name: str, options: DecodingOptions, datasets_dir: Path, downloads_dir: Path, cache_dir: Path | None
) -> Dataset:
    folders = _folders(datasets_dir)
    if name in folders and name in SHIPPED:
        raise hides_shipped(name)
    if name in folders:
        return load_folder(datasets_dir / name, options, cache_dir)
    if name not in KNOWN_DATASETS:
        raise unknown_dataset(name, folders)
    known = KNOWN_DATASETS[name]
    form = Form(options.image_size or known.image_size, known.channels, options.resize)
    resized = form.size != known.image_size
    in_memory = Form(known.image_size, known.channels) if cache_dir else form
    require_memory(name, known.train_images + known.test_images, in_memory)
    dataset = _load_known(known, downloads_dir)
    return _resized(dataset, form, cache_dir) if resized else dataset


def _load_known(known: KnownDataset, downloads_dir: Path) -> Dataset:
    if known.source == "shipped":
        return load_digits()
    return load_download(known.name, downloads_dir=downloads_dir)


def _resized(dataset: Dataset, form: Form, cache_dir: Path | None) -> Dataset:
    """Decoded once, as folders are: to resize takes longer than to decode."""
    train, test = dataset.train, dataset.test
    digests = np.concatenate([digests_of(train.images), digests_of(test.images)])
    fingerprint = f"{DECODER_VERSION} {PIL.__version__} {len(train.labels)} {sha256(digests.data).hexdigest()}"
    key = f"{form.size}"  # and not how: these images are square already
    decoded = decoded_once(
        cache_dir, dataset.name, key, fingerprint, lambda reserve: resize_splits(train, test, digests, form, reserve)
    )
    in_train = len(train.labels)
    return Dataset(
        dataset.name,
        dataset.classes,
        Split(decoded.images[:in_train], train.labels, decoded.mapped),
        Split(decoded.images[in_train:], test.labels, decoded.mapped),
        dataset.source,
        digests=(decoded.digests[:in_train], decoded.digests[in_train:]),
    )


def _folders(datasets_dir: Path) -> list[str]:
    """Empty where the directory does not exist: known data sets need no folders."""
    try:
        return visible_folders(datasets_dir)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise DatasetInvalid(
            f"The data sets' folder cannot be read: {error.strerror}.",
            "Give whoever runs the service the right to read it, or set EPOCHAL_DATASETS_DIR to another.",
        ) from error
