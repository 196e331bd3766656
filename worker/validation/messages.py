"""What a worker and a validation tell each other: JSON, one message a line."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter

from jobs.failures import FailureCode
from storage import StoredFile
from training.errors import without_folders

# Text that the person who uploaded reads. It may come from any library's error: paths are taken out of it.
ForTenants = Annotated[str, AfterValidator(without_folders)]


class Message(BaseModel):
    """Frozen, and strict about what is in it."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Confusion(Message):
    """Images of one class that a job's network takes for another. `predictions`: as the job has stored them."""

    job: str
    label: str
    predicted: str
    predictions: StoredFile


class Edit(Message):
    """One change of some images of a version: of these, of those of a finding, or of those of a cell of a confusion
    matrix. A field that is None stays as it is."""

    images: tuple[str, ...] = ()
    finding: str | None = None
    confusion: Confusion | None = None
    label: str | None = None
    split: Literal["train", "test"] | None = None
    exclude: bool = False


class ValidationOrder(Message):
    """What a validation is to do: look through an upload, or edit a version that was validated."""

    task_id: str
    storage_url: str
    storage_id: str | None
    prefix: str  # of the names of the files that it writes
    folder: Path  # an empty one, for what it needs meanwhile
    processes: int  # that decode
    largest_image_megapixels: int
    upload: tuple[StoredFile, ...] = ()  # its parts, in order
    source: str | None = None  # in place of an upload: a folder or an S3 prefix, which is allowed
    roots: tuple[str, ...] = ()  # within which it must lie
    most_bytes: int = 2**50  # of an import
    sha256: str | None = None  # of the upload, as its client stated it
    test_fraction: float = 0.2
    seed: int = 0
    parent: tuple[StoredFile, ...] = ()  # the index and the packs of the version to be edited
    edits: tuple[Edit, ...] = ()


class Progress(Message):
    """How far it is."""

    kind: Literal["progress"] = "progress"
    stage: Literal[
        "receiving", "unpacking", "decoding", "comparing", "storing", "judging", "loading", "exporting", "evaluating"
    ]
    done: int
    total: int | None = None


class Found(Message):
    """It is a data set, and its files are stored. The last message."""

    kind: Literal["found"] = "found"
    identity: str
    classes: tuple[str, ...]
    channels: int
    image_size: int | None
    train_images: int
    test_images: int
    report: dict[str, Any]
    files: tuple[StoredFile, ...]


class Rejected(Message):
    """It is no data set. The last message."""

    kind: Literal["rejected"] = "rejected"
    code: FailureCode
    message: ForTenants
    hint: ForTenants
    retryable: bool = False  # another try may succeed


Report = Annotated[Progress | Found | Rejected, Field(discriminator="kind")]
REPORTS: TypeAdapter[Report] = TypeAdapter(Report)
