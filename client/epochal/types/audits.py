"""Types of the API: audits.

Written by `make sdk` from the OpenAPI document of the API: change the schemas there, not this file.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

from epochal.records import Record, record
from epochal.types.words import AuditStatus, JobStatus

if TYPE_CHECKING:
    from epochal.types.specs import ResolvedSpec
else:  # dictionaries, which are read as they are
    ResolvedSpec = dict[str, Any]


@record(frozen=True, slots=True, kw_only=True)
class AuditJob(Record):
    """A job of an audit."""

    id: str
    status: JobStatus | None = None
    """None: the job was deleted."""
    epochs: int
    """Trained so far."""
    url: str


@record(frozen=True, slots=True, kw_only=True)
class AuditProgress(Record):
    """How far an audit is."""

    stage: str
    """`training`, then `judging`."""
    done: int
    """Epochs that are trained, of all jobs together."""
    total: int


@record(frozen=True, slots=True, kw_only=True)
class AuditClass(Record):
    """A class, as far as its labels are concerned."""

    name: str
    images: int
    """With this label."""
    suspects: int
    """How many of these probably belong to another class."""
    likely: int
    """How many suspects with other labels probably belong to this class."""


@record(frozen=True, slots=True, kw_only=True)
class AuditAccuracy(Record):
    """Of networks on images that they were not trained on, as a mean; and without the leaked ones."""

    images: int
    accuracy: float | None = None
    leaked: int
    """How many of them have a twin, the same or one that looks the same, among the images that the network was
    trained on."""
    without_leaked: float | None = None
    """The accuracy over the others; None where there are none."""


@record(frozen=True, slots=True, kw_only=True)
class AuditResult(Record):
    """What an audit has found."""

    images: int
    judged: int
    """Images whose label was judged. The rest is of classes with hardly any image."""
    suspects: int
    """How many labels are probably wrong. The first 5,000 are listed."""
    noise_rate: float
    """Estimated share of wrong labels. Too high where the networks do not tell classes apart well."""
    classes: tuple[AuditClass, ...]
    train: AuditAccuracy
    """Of the training images, each by the network that did not see it."""
    test: AuditAccuracy
    """Of the test images."""


@record(frozen=True, slots=True, kw_only=True)
class AuditError(Record):
    """Why an audit has failed."""

    code: str | None = None
    """The job's, or `job_cancelled`, `job_stopped`, `job_deleted`."""
    message: str
    hint: str | None = None
    """What to change."""
    job: str | None = None
    """The job that has not succeeded; None where its labels could not be judged."""


@record(frozen=True, slots=True, kw_only=True)
class AuditLinks(Record):
    """URLs of an audit."""

    self: str
    version: str
    suspects: str
    cancel: str
    edits: str
    """Where suspects are mended, by their image ids."""


@record(frozen=True, slots=True, kw_only=True)
class Audit(Record):
    """A search for wrong labels in a version of a data set: each image is judged by a network that was not trained
    on it."""

    id: str
    dataset: str
    version: int
    status: AuditStatus
    folds: int
    spec: ResolvedSpec
    """Of its jobs, without what each holds out."""
    jobs: tuple[AuditJob, ...]
    progress: AuditProgress | None = None
    """None once it is over."""
    result: AuditResult | None = None
    """None until it has succeeded."""
    error: AuditError | None = None
    """None unless it has failed."""
    created_at: datetime.datetime
    finished_at: datetime.datetime | None = None
    links: AuditLinks


@record(frozen=True, slots=True, kw_only=True)
class AuditSuspect(Record):
    """An image whose label is probably wrong."""

    image: str
    """Its id, as `edits` takes it."""
    split: str
    given: str
    """The class that it has."""
    likely: str
    """The class that it probably belongs to."""
    given_probability: float
    """What the networks give to the class that it has."""
    likely_probability: float
    picture: str
    """The URL of the image."""
