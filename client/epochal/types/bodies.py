"""Types of the API: bodies.

Written by `make sdk` from the OpenAPI document of the API: change the schemas there, not this file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict

from epochal.types.augmentation import AugmentationInput
from epochal.types.specs import TrainingSpec


class _JobCreateRequired(TypedDict):
    spec: TrainingSpec


class JobCreate(_JobCreateRequired, total=False):
    """A training job to submit."""

    name: str | None
    """A label for people. It need not be unique. 1 to 200 characters."""
    description: str | None
    """A text for people. 1 to 10000 characters."""
    tags: Sequence[str]
    """Labels for people, without duplicates. At most 20 items. Default: []."""
    priority: int
    """A job with a higher priority runs first. From 0 to 9. Default: 5."""
    max_retries: int
    """How many attempts in a row may be lost without progress before the job fails. An attempt is lost to a dead
    worker, a stall or a full disk. From 0 to 100. Default: 3."""
    accelerator: str | None
    """`cpu`, `gpu`, or part of an accelerator's name in GET /v1/workers, such as `H100`. None: any device. 1 to 64
    characters."""
    repeats: int
    """How many jobs train the spec, each under a seed of its own: `seed`, `seed` + 1 and so on. The job stands for
    all of them: what it is asked to do, they do. Their means, deviations and intervals are under `links.repeats`.
    From 1 to 20. Default: 1."""


class JobChange(TypedDict, total=False):
    """The changes to a job: a JSON merge patch (RFC 7396). A field that is left out stays as it is, and None resets
    it to the default."""

    name: str | None
    """A label for people. It need not be unique. 1 to 200 characters."""
    description: str | None
    """A text for people. 1 to 10000 characters."""
    tags: Sequence[str] | None
    """Labels for people, without duplicates. At most 20 items."""
    priority: int | None
    """A job with a higher priority runs first. It has an effect only while the job waits. From 0 to 9."""


class JobRerun(TypedDict, total=False):
    """The changes for the new job: a JSON merge patch (RFC 7396) over the fields of the old one and its resolved
    spec. A field that is left out stays as it was, None resets it to the default, and an array replaces an array."""

    name: str | None
    """A label for people. It need not be unique. 1 to 200 characters."""
    description: str | None
    """A text for people. 1 to 10000 characters."""
    tags: Sequence[str] | None
    """Labels for people, without duplicates. At most 20 items."""
    priority: int | None
    """A job with a higher priority runs first. From 0 to 9."""
    max_retries: int | None
    """How many attempts in a row may be lost without progress before the job fails. An attempt is lost to a dead
    worker, a stall or a full disk. From 0 to 100."""
    accelerator: str | None
    """`cpu`, `gpu`, or part of an accelerator's name in GET /v1/workers, such as `H100`. None: any device. 1 to 64
    characters."""
    repeats: int | None
    """How many jobs train the spec, each under a seed of its own: `seed`, `seed` + 1 and so on. The job stands for
    all of them: what it is asked to do, they do. Their means, deviations and intervals are under `links.repeats`.
    From 1 to 20."""
    spec: Mapping[str, Any]
    """Fields of a spec. A part whose `name` changes starts from its own defaults. The old spec already has its
    recipe filled in, so that no recipe can be named here. Default: {}."""


class RepeatsChange(TypedDict):
    """How often the job is to be repeated."""

    repeats: int
    """With the job itself, and no fewer than it has. From 1 to 20."""


class _SweepCreateRequired(TypedDict):
    spec: Mapping[str, Any]
    """What all jobs have in common: fields of a spec, as `POST /v1/jobs` takes them."""
    space: Mapping[str, Sequence[Any]]
    """What varies: for each path into the spec, such as `optimizer.learning_rate`, a list of values. A value may be
    a whole part. There is a job for every combination, the last path varying fastest; 100 at most. 1 to 20 entries."""


class SweepCreate(_SweepCreateRequired, total=False):
    """A sweep to submit."""

    name: str | None
    """A label for people. It need not be unique. 1 to 200 characters."""
    tags: Sequence[str]
    """Labels of all of its jobs, without duplicates. At most 20 items. Default: []."""
    priority: int
    """A job with a higher priority runs first. From 0 to 9. Default: 5."""
    max_retries: int
    """How many attempts in a row may be lost without progress before the job fails. An attempt is lost to a dead
    worker, a stall or a full disk. From 0 to 100. Default: 3."""
    accelerator: str | None
    """`cpu`, `gpu`, or part of an accelerator's name in GET /v1/workers, such as `H100`. None: any device. 1 to 64
    characters."""


class ExperimentRun(TypedDict, total=False):
    """How an experiment is run."""

    size: Literal["small", "full"]
    """`small`: a few minutes on two cores. `full`: for a GPU and as many images as CIFAR-100 has. Default: 'small'."""
    dataset: str | None
    """What to train on. None: `digits` for `small`, `cifar100` for `full`, which the numbers of epochs and images
    are made for."""
    tags: Sequence[str]
    """Labels of all of its jobs, without duplicates. At most 20 items. Default: []."""
    priority: int
    """A job with a higher priority runs first. From 0 to 9. Default: 5."""
    accelerator: str | None
    """`cpu`, `gpu`, or part of an accelerator's name in GET /v1/workers, such as `H100`. None: any device. 1 to 64
    characters."""


class _DatasetImportRequired(TypedDict):
    source: str
    """`file:///a/folder` or `s3://bucket/prefix`, within what the operator allows. 1 to 1000 characters."""


class DatasetImport(_DatasetImportRequired, total=False):
    """Images that lie where the workers can read them."""

    test_fraction: float
    """Share of each class to test on, where the images come without a split. Greater than 0, less than 1. Default:
    0.2."""
    seed: int
    """Of that split. At least 0. Less than 9007199254740992. Default: 0."""


class _AuditChoiceRequired(TypedDict):
    id: str
    """An audit of this version."""


class AuditChoice(_AuditChoiceRequired, total=False):
    """Suspects of an audit that has succeeded."""

    given: str | None
    """Only those with this label. 1 to 1000 characters."""
    likely: str | None
    """Only those that probably belong to this class. 1 to 1000 characters."""
    least_probability: float
    """Only those to whose likely class the networks give at least this. From 0 to 1. Default: 0."""


class ConfusionCell(TypedDict):
    """Images of one class that a job's network takes for another: a cell of its confusion matrix."""

    job: str
    """A job that has succeeded and has `predictions`."""
    label: str
    """The class that they are labelled as. 1 to 1000 characters."""
    predicted: str
    """The class that the network takes them for. 1 to 1000 characters."""


class DatasetEdit(TypedDict, total=False):
    """One change of some images. It has one of `images`, `finding`, `audit` and `confusion`, which say of which, and
    one of `exclude`, `likely_label`, or `label` and `split`. What is not in it stays as it is."""

    images: Sequence[str] | None
    """Ids of images of this version, from its report or from its `images`. 1 to 2000 items."""
    finding: str | None
    """The code of a finding of this version's report. Of copies, all but one are meant; of images that are in test
    and in train, those in train; of all others, each image that was found."""
    audit: AuditChoice | None
    """Suspects of an audit."""
    confusion: ConfusionCell | None
    """A cell of a job's confusion matrix."""
    label: str | None
    """Relabel: the class that they belong to, one that the version has. 1 to 1000 characters."""
    likely_label: bool
    """Relabel the suspects of an `audit`, each as it says. Default: False."""
    split: Literal["train", "test"] | None
    """Move them to this split."""
    exclude: bool
    """Leave them out. Default: False."""


class DatasetEdits(TypedDict):
    """Changes of a version, which make the next one."""

    edits: Sequence[DatasetEdit]
    """Of two that say something else of the same image, the later one counts; but an image that one of them excludes
    is left out. 1 to 1000 items."""


class AuditCreate(TypedDict, total=False):
    """How a version is audited."""

    folds: int
    """How many jobs: each holds out as large a part of the training images. More find more, and take longer. From 2
    to 10. Default: 5."""
    seed: int
    """Decides the parts, and the jobs' seeds. At least 0. Less than 4294967296. Default: 0."""
    spec: Mapping[str, Any]
    """Fields of a spec that go before those of the short recipe that an audit has by itself, as for `rerun`; with a
    `recipe`, in place of all of them. Not `dataset`, `seed` and what holds images out. Default: {}."""


class ExportCreate(TypedDict):
    """To which formats a trained model is exported."""

    formats: Sequence[Literal["onnx", "python", "int8", "html", "torch"]]
    """`onnx`: model.onnx, which onnxruntime runs. `python`: model.py, one file that predicts with onnxruntime, numpy
    and Pillow. `int8`: model.int8.onnx, four times as small and faster on a CPU, with the accuracy that this costs.
    `html`: model.html, a page that classifies offline what is dropped on it. `torch`: model.pt2, of torch.export. 1
    to 20 items."""


class ModelVersionCreate(TypedDict):
    """Which trained model becomes the next version of a name."""

    model: str
    """Its id, or a name as `cats`, `cats@3`, `cats@staging`. At most 129 characters."""


class _AliasMoveRequired(TypedDict):
    version: int
    """From 1 to 999999999."""


class AliasMove(_AliasMoveRequired, total=False):
    """What an alias shall stand for."""

    reason: str | None
    """Kept in the alias's history. 1 to 1000 characters."""


class _EvaluationCreateRequired(TypedDict):
    dataset: str
    """A data set with the same classes, by name and in any order: one of `GET /v1/datasets`."""


class EvaluationCreate(_EvaluationCreateRequired, total=False):
    """On what a trained model is evaluated."""

    version: int | None
    """Of an uploaded data set. None: the newest that is ready. From 1 to 999999999."""
    split: Literal["test", "train"]
    """Default: 'test'."""


class _UploadCreateRequired(TypedDict):
    dataset: str
    """The data set that it becomes the next version of. At most 64 characters."""
    bytes: int
    """Size of the file. From 1 to 9007199254740992."""


class UploadCreate(_UploadCreateRequired, total=False):
    """A file that is to be uploaded in parts."""

    sha256: str | None
    """Of the file, in hexadecimal digits: checked at its end."""
    test_fraction: float
    """Share of each class to test on, where the images come without a split. Greater than 0, less than 1. Default:
    0.2."""
    seed: int
    """Of that split. At least 0. Less than 9007199254740992. Default: 0."""


class AugmentedSamples(TypedDict, total=False):
    """Which training images to show as a network will see them, and how they are augmented."""

    augmentation: AugmentationInput
    """As a spec has it. Default: {'flip': False}."""
    image_size: int | None
    """Side in pixels to which images are brought first; None: the version's own. From 8 to 1024."""
    resize: Literal["crop", "pad", "stretch"]
    """As a spec has it. Default: 'crop'."""
    seed: int
    """Of the augmentation, as a spec has it, and of the choice. At least 0. Less than 9007199254740992. Default: 0."""
    count: int
    """Images. From 1 to 10. Default: 8."""


class _KeyCreateRequired(TypedDict):
    name: str
    """A label for people: who or what uses the key. 1 to 200 characters."""
    scopes: Sequence[Literal["read", "train", "admin"]]
    """`train` includes `read`; `admin` includes both. At least 1 item."""


class KeyCreate(_KeyCreateRequired, total=False):
    """A key to create."""

    project: str | None
    """The caller's own by default. Only the operator may name another. At most 40 characters."""
    expires_at: str | None
    """When the key stops working: a time with an offset from UTC. None: never. Such as '2026-11-30T12:00:00Z'."""


class _WebhookCreateRequired(TypedDict):
    url: str
    """Where to POST: an https URL with any port, on the public Internet or in a network that the operator allows;
    there http is accepted, too. At most 3 redirects (307 or 308) are followed, each to an allowed URL. 1 to 2048
    characters."""
    events: Sequence[
        Literal[
            "job.queued",
            "job.starting",
            "job.running",
            "job.epoch",
            "job.epoch_revised",
            "job.requeued",
            "job.paused",
            "job.resumed",
            "job.succeeded",
            "job.failed",
            "job.cancelled",
            "job.stopped",
            "job.cancel_requested",
            "job.stop_requested",
            "job.pause_requested",
            "job.checkpoint_failed",
            "job.checkpoint_unusable",
            "job.predictions_left_out",
            "job.storage_waiting",
            "job.step_chosen",
            "job.files_removed",
            "dataset.ready",
            "dataset.failed",
        ]
    ]
    """The types of events that are sent. 1 to 23 items."""


class WebhookCreate(_WebhookCreateRequired, total=False):
    """A webhook to create."""

    description: str | None
    """A text for people. 1 to 200 characters."""
    enabled: bool
    """False: nothing is sent. A receiver that answers 410 disables its webhook. Default: True."""


class WebhookChange(TypedDict, total=False):
    """The changes to a webhook: a JSON merge patch (RFC 7396)."""

    url: str
    """Where to POST: an https URL with any port, on the public Internet or in a network that the operator allows;
    there http is accepted, too. At most 3 redirects (307 or 308) are followed, each to an allowed URL. 1 to 2048
    characters."""
    events: Sequence[
        Literal[
            "job.queued",
            "job.starting",
            "job.running",
            "job.epoch",
            "job.epoch_revised",
            "job.requeued",
            "job.paused",
            "job.resumed",
            "job.succeeded",
            "job.failed",
            "job.cancelled",
            "job.stopped",
            "job.cancel_requested",
            "job.stop_requested",
            "job.pause_requested",
            "job.checkpoint_failed",
            "job.checkpoint_unusable",
            "job.predictions_left_out",
            "job.storage_waiting",
            "job.step_chosen",
            "job.files_removed",
            "dataset.ready",
            "dataset.failed",
        ]
    ]
    """The types of events that are sent. 1 to 23 items."""
    description: str | None
    """A text for people. 1 to 200 characters."""
    enabled: bool
    """False: nothing is sent. A receiver that answers 410 disables its webhook."""


class PredictionRequest(TypedDict):
    """Pictures in JSON."""

    images: Sequence[str]
    """Whole image files, each in Base64; `data:` URLs are taken as well. 1 to 256 items."""


class _ProjectCreateRequired(TypedDict):
    id: str
    """Lower-case letters, digits and single hyphens. It never changes. At most 40 characters."""


class ProjectCreate(_ProjectCreateRequired, total=False):
    """A project to create."""

    max_running_jobs: int | None
    """Further jobs wait in the queue. From 0 to 1000000."""
    max_queued_jobs: int | None
    """Paused jobs count. Beyond it no job is accepted. From 0 to 1000000."""
    max_storage_bytes: int | None
    """Checkpoints, weights, uploads and data sets together. Beyond it no job is accepted, none starts, and nothing
    can be uploaded. From 0 to 9007199254740992."""
    max_device_hours: float | None
    """Hours of all attempts in this calendar month (UTC), each times its number of devices. Beyond it no job is
    accepted and none starts. From 0 to 1000000000."""


class Quotas(TypedDict, total=False):
    """Limits of a project. None: no limit."""

    max_running_jobs: int | None
    """Further jobs wait in the queue. From 0 to 1000000."""
    max_queued_jobs: int | None
    """Paused jobs count. Beyond it no job is accepted. From 0 to 1000000."""
    max_storage_bytes: int | None
    """Checkpoints, weights, uploads and data sets together. Beyond it no job is accepted, none starts, and nothing
    can be uploaded. From 0 to 9007199254740992."""
    max_device_hours: float | None
    """Hours of all attempts in this calendar month (UTC), each times its number of devices. Beyond it no job is
    accepted and none starts. From 0 to 1000000000."""


class Retention(TypedDict, total=False):
    """What a project keeps. An age of None: such files are kept. No rule takes what a job that is not over needs."""

    checkpoints_days: float | None
    """Checkpoints are removed so many days after their job's end. From 0 to 36500."""
    weights_days: float | None
    """Weights and predictions, likewise. From 0 to 36500."""
    keep_best: int
    """Of each data set, so many jobs with the highest accuracy keep checkpoints and weights. From 0 to 1000.
    Default: 0."""
    dataset_versions_days: float | None
    """Versions of data sets are removed so many days after their validation. From 0 to 36500."""
    keep_versions: int
    """Of each data set, so many of the newest that are ready stay. From 0 to 1000. Default: 1."""
    uploads_days: float | None
    """Uploads that are not complete are removed so many days after their beginning. From 0 to 36500."""


class LinksCreate(TypedDict):
    """Addresses to sign."""

    paths: Sequence[str]
    """With their queries, as they would be asked for. Each must be of a GET that answers with a file or a picture;
    whether that is there is not looked up. 1 to 100 items."""
