"""Types of the API: datasets.

Written by `make sdk` from the OpenAPI document of the API: change the schemas there, not this file.
"""

from __future__ import annotations

import datetime
from typing import Literal

from epochal.records import Record, record
from epochal.types.dataset_reports import DatasetReport
from epochal.types.words import VersionStatus


@record(frozen=True, slots=True, kw_only=True)
class Dataset(Record):
    """A data set that a job can name, or a folder that is not usable for its `reason`. A field that is known only
    once the data is loaded is None."""

    name: str
    title: str
    source: Literal["shipped", "download", "folder", "upload"]
    """`download`: a worker fetches it once. `folder`: in EPOCHAL_DATASETS_DIR. `upload`: the project's own."""
    version: int | None = None
    """Of an uploaded data set: the version that a job gets. None: none yet."""
    status: VersionStatus | None = None
    """Of an uploaded data set: that of its newest version."""
    classes: int | None = None
    train_images: int | None = None
    test_images: int | None = None
    image_size: int | None = None
    """Side of the square images in pixels."""
    channels: int | None = None
    """1 for grey, 3 for RGB."""
    licence: str | None = None
    usable: bool
    """Whether a job can name it."""
    reason: str | None = None
    """If not usable: why, and what to change."""
    ignored_files: int | None = None
    """How many files of a folder are not images. Hidden files and known companions do not count."""
    ignored_examples: tuple[str, ...]
    """Paths of some of them."""


@record(frozen=True, slots=True, kw_only=True)
class DatasetVersionLinks(Record):
    """URLs of a version."""

    self: str
    dataset: str


@record(frozen=True, slots=True, kw_only=True)
class DatasetProgress(Record):
    """How far the validation is."""

    stage: str
    """`waiting`, `receiving`, `unpacking`, `decoding`, `comparing` or `storing`."""
    done: int
    """Of what the stage counts: bytes, files or images."""
    total: int | None = None
    """None where it is not known yet."""


@record(frozen=True, slots=True, kw_only=True)
class DatasetVersionError(Record):
    """Why an upload is no data set."""

    code: Literal[
        "out_of_memory",
        "diverged",
        "dataset_invalid",
        "dataset_changed",
        "spec_conflict",
        "storage_full",
        "quota_exceeded",
        "worker_lost",
        "stalled",
        "timeout",
        "internal",
    ]
    message: str
    hint: str
    """What to change."""


@record(frozen=True, slots=True, kw_only=True)
class DatasetVersionSummary(Record):
    """A version of an uploaded data set. It never changes once it is `ready`."""

    name: str
    version: int
    """From 1. A spec names it as `name@version`."""
    status: VersionStatus
    source: str
    """`upload`, `import`, or `edit` of another version."""
    parent: int | None = None
    """The version that was edited."""
    identity: str | None = None
    """A hash of the content of its classes and images, as in a job's `dataset`: 64 hexadecimal digits."""
    train_images: int | None = None
    """None until it is ready."""
    test_images: int | None = None
    """None until it is ready."""
    created_at: datetime.datetime
    finished_at: datetime.datetime | None = None
    """When its validation ended."""
    links: DatasetVersionLinks


@record(frozen=True, slots=True, kw_only=True)
class DatasetVersion(DatasetVersionSummary):
    """The same with everything that the validation has found."""

    progress: DatasetProgress | None = None
    """None once it is ready or has failed."""
    classes: tuple[str, ...] | None = None
    """In label order."""
    channels: int | None = None
    """1 for grey, 3 for RGB."""
    image_size: int | None = None
    """Side in pixels to which images are brought where a spec says nothing. None: a spec must say it."""
    storage_bytes: int
    """What the version takes, beside what it shares with others."""
    other_numbers: tuple[int, ...]
    """Of uploads whose content was the same: these numbers stand for this version. The first 200."""
    report: DatasetReport | None = None
    """Counts, sizes and findings. None until it is ready."""
    error: DatasetVersionError | None = None
    """None unless it has failed."""


@record(frozen=True, slots=True, kw_only=True)
class DatasetImageLinks(Record):
    """URLs of an image."""

    self: str
    """The picture as PNG, or with `Accept: application/json` this object."""
    version: str


@record(frozen=True, slots=True, kw_only=True)
class DatasetImage(Record):
    """An image of a version."""

    id: str
    """The beginning of its content's hash; as an edit names it."""
    name: str
    """What its file was called in what was uploaded."""
    class_: str
    split: Literal["train", "test"]
    bytes: int
    """Size of its file."""
    links: DatasetImageLinks
