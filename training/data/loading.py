"""Which data set a name means."""

from difflib import get_close_matches
from pathlib import Path

from training.data.dataset import Dataset, DatasetInvalid, listed
from training.data.decoding import resize_split
from training.data.digits import load_digits
from training.data.downloads import load_download
from training.data.folders import load_folder, visible_folders
from training.data.images import Form
from training.data.memory import require_memory
from training.known_datasets import KNOWN_DATASETS, SHIPPED, KnownDataset


def load_dataset(name: str, *, image_size: int | None = None, datasets_dir: Path, downloads_dir: Path) -> Dataset:
    """The image folder `name` of `datasets_dir` where there is one, otherwise the known data set of that name, which
    may be downloaded into `downloads_dir`.

    `image_size` is the side in pixels to which images are resized and cropped; None keeps the size of images that
    share a square one, and otherwise takes the median of their shorter sides, 224 at most. Whatever is wrong with the
    name, the folder or the download raises DatasetInvalid, and nothing else does.
    """
    folders = _folders(datasets_dir)
    if name in folders and name in SHIPPED:
        raise DatasetInvalid(f"{datasets_dir / name} has the name of a data set that comes with Epochal.", "Rename it.")
    if name in folders:
        return load_folder(datasets_dir / name, image_size)
    if name not in KNOWN_DATASETS:
        raise _unknown(name, folders, datasets_dir)
    known = KNOWN_DATASETS[name]
    form = Form(image_size or known.image_size, known.channels)
    require_memory(name, known.train_images + known.test_images, form)
    dataset = _load_known(known, datasets_dir, downloads_dir)
    return dataset if dataset.image_size == form.size else _resized(dataset, form.size)


def _load_known(known: KnownDataset, datasets_dir: Path, downloads_dir: Path) -> Dataset:
    if known.source == "shipped":
        return load_digits()
    return load_download(known.name, datasets_dir=datasets_dir, downloads_dir=downloads_dir)


def _resized(dataset: Dataset, image_size: int) -> Dataset:
    train, test = (resize_split(split, image_size) for split in (dataset.train, dataset.test))
    return Dataset(dataset.name, dataset.classes, train, test, dataset.source)


def _folders(datasets_dir: Path) -> list[str]:
    """Empty where the directory does not exist: known data sets need no folders."""
    try:
        return visible_folders(datasets_dir)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise DatasetInvalid(
            f"The data sets' directory {datasets_dir} cannot be read: {error.strerror}.",
            "Give the worker's user the right to read it, or configure another.",
        ) from error


def _unknown(name: str, folders: list[str], datasets_dir: Path) -> DatasetInvalid:
    names = sorted({*KNOWN_DATASETS, *folders})
    by_lower_case = {known.lower(): known for known in names}
    close = get_close_matches(name.lower(), by_lower_case, n=1)
    question = f"Did you mean {by_lower_case[close[0]]}? " if close else ""
    return DatasetInvalid(
        f"There is no data set {name!r}.",
        f"{question}There are {listed(names, most=20)}; images of your own go to {datasets_dir}/<name>/train/<class>/ "
        f"and {datasets_dir}/<name>/test/<class>/.",
    )
