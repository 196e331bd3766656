"""The data sets that a job can name, as the API sees them. Torch-free: images are counted, not opened."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from catalog.datasets.scanning import DirectoryCache, SingleFlight
from training.errors import DatasetInvalid
from training.image_folders import ImageFolder, find_images, visible_folders
from training.known.dataset_names import hides_shipped, is_name, unknown_dataset
from training.known.datasets import KNOWN_DATASETS, SHIPPED, KnownDataset
from training.names import folded, shown
from training.spec import DataShape, TrainingSpec
from training.spec.conflicts import count_conflicts, data_conflicts, published_conflicts
from training.spec.part import Conflict

SUBMISSION_WAIT_SECONDS = 1.0  # how long a submission waits for a scan
LISTING_WAIT_SECONDS = 10.0  # how long a listing waits for all scans together

_ALL = ""  # stands for the folder of all data sets; no data set has this name


class DatasetsUnavailable(Exception):
    """The data sets' folder exists, and cannot be read now."""


@dataclass(frozen=True, slots=True)
class DatasetEntry:
    """What is known of a data set without decoding an image. None: only loading the data set would tell.

    `reason` says why a job that names the data set would be refused; None where it would not.
    """

    name: str
    title: str
    source: Literal["shipped", "download", "folder"]
    classes: int | None = None
    train_images: int | None = None
    test_images: int | None = None
    image_size: int | None = None  # side in pixels
    channels: int | None = None  # 1 for grey, 3 for RGB
    licence: str | None = None
    reason: str | None = None
    ignored_files: int | None = None  # that are no images, hidden files and known companions aside
    ignored_examples: Sequence[str] = ()  # places of some of them
    version: None = None  # only what projects upload has versions
    status: None = None

    @property
    def usable(self) -> bool:
        """Whether a job can name it."""
        return self.reason is None


class Catalogue:
    """The known data sets, and the image folders of `datasets_dir`, which hide known ones of their name.

    A folder is walked once for each change of it. To see that it has not changed costs a call of `stat` for each of its
    directories, and takes a tenth of the time of one core at most, however often it is asked for. With `checked`, a
    data set that is not seen here does not exist; without, workers may have it. No method waits without end for a disk.
    """

    def __init__(self, datasets_dir: Path, *, checked: bool = True) -> None:
        self._datasets_dir, self._checked = datasets_dir, checked
        self._memory = DirectoryCache()
        self._names = SingleFlight(self._scan_names)
        self._folders = SingleFlight(self._scan_folder)

    def close(self) -> None:
        """Nothing is asked any more."""
        self._names.close()
        self._folders.close()

    def entries(self) -> list[DatasetEntry]:
        """All of them, by name; folders that are no data sets too, with the reason. Raises DatasetsUnavailable.

        The counts of a folder that is still being scanned are None.
        """
        known = {name: _known_entry(dataset) for name, dataset in KNOWN_DATASETS.items()}
        until = time.monotonic() + LISTING_WAIT_SECONDS
        try:
            names = self._names.get(_ALL, LISTING_WAIT_SECONDS)
        except OSError as error:
            raise DatasetsUnavailable(f"The data sets' folder cannot be read: {error.strerror}.") from error
        if names is None:
            raise DatasetsUnavailable("The data sets' folder does not answer.")
        self._folders.keep_only(set(names))
        folders = {}
        for name in names:
            if name in SHIPPED:
                folders[name] = replace(known[name], reason=str(hides_shipped(name)))
            else:
                left = max(0.0, until - time.monotonic())
                folders[name] = self._folders.get(name, left) or _folder_entry(name)
        return sorted((known | folders).values(), key=lambda entry: entry.name)

    def taken_as(self, name: str) -> str | None:
        """The name of a data set that everybody can name, of which people would not tell `name` apart: they differ in
        case, hyphens, underscores or dots at most. The very same, if there is one; None where there is none. Waits a
        second at most for a disk."""
        if name in KNOWN_DATASETS:
            return name
        try:
            folders = self._names.get(_ALL, SUBMISSION_WAIT_SECONDS) or ()
        except OSError:
            folders = ()
        if name in folders:
            return name
        names = [*KNOWN_DATASETS, *folders]
        return next((other for other in names if folded(other) == folded(name)), None)

    def conflicts(self, spec: TrainingSpec) -> list[Conflict]:
        """Why a job of `spec` would be refused for its data, as far as this machine can tell. Waits a second at most;
        what is not known by then, the worker checks.
        """
        if not self._checked:
            return []
        name = spec.dataset
        try:
            names = self._names.get(_ALL, SUBMISSION_WAIT_SECONDS)
            if names is None:
                return []
            if name in names and name in SHIPPED:
                return [_refused(name, hides_shipped(name))]
            if name in names:
                entry = self._folders.get(name, SUBMISSION_WAIT_SECONDS)
                return [] if entry is None else [*_folder_conflicts(spec, entry)]
        except OSError:
            return []
        if name not in KNOWN_DATASETS:
            return [_refused(name, unknown_dataset(name, [each for each in names if is_name(each)]))]
        return [] if name in SHIPPED else [*_known_conflicts(spec, KNOWN_DATASETS[name])]

    def _scan_names(self, _all: str) -> list[str]:
        """Names of folders; none where the folder of them all does not exist."""
        try:
            return visible_folders(self._datasets_dir, self._memory.reader())
        except FileNotFoundError:
            return []

    def _scan_folder(self, name: str) -> DatasetEntry:
        if not is_name(name):
            rule = "letters, digits, dots, underscores and hyphens, 64 at most, and a letter or digit first"
            return _folder_entry(name, f"A data set's name has {rule}: rename the folder.")
        try:
            return _counted(name, find_images(self._datasets_dir / name, self._memory.reader()))
        except DatasetInvalid as error:
            return _folder_entry(name, str(error))


def _known_entry(known: KnownDataset) -> DatasetEntry:
    return DatasetEntry(
        name=known.name,
        title=known.title,
        source=known.source,
        classes=known.classes,
        train_images=known.train_images,
        test_images=known.test_images,
        image_size=known.image_size,
        channels=known.channels,
        licence=known.licence,
    )


def _folder_entry(name: str, reason: str | None = None) -> DatasetEntry:
    return DatasetEntry(name=shown(name), title=f"Image folder {shown(name)}", source="folder", reason=reason)


def _counted(name: str, found: ImageFolder) -> DatasetEntry:
    return replace(
        _folder_entry(name),
        classes=len(found.classes),
        train_images=found.count("train"),
        test_images=found.count("test"),
        ignored_files=found.ignored.count,
        ignored_examples=[shown(place) for place in found.ignored.examples],
    )


def _folder_conflicts(spec: TrainingSpec, entry: DatasetEntry) -> Iterator[Conflict]:
    if entry.reason is not None:
        yield ("dataset",), spec.dataset, entry.reason
    elif entry.train_images is not None and entry.test_images is not None:
        yield from count_conflicts(spec, entry.train_images, entry.test_images)


def _known_conflicts(spec: TrainingSpec, known: KnownDataset) -> Iterator[Conflict]:
    shape = DataShape(
        train_images=known.train_images,
        test_images=known.test_images,
        classes=known.classes,
        image_size=spec.image_size or known.image_size,
        channels=known.channels,
    )
    yield from published_conflicts(spec)
    yield from data_conflicts(spec, shape)


def _refused(name: str, error: DatasetInvalid) -> Conflict:
    return ("dataset",), name, str(error)
