"""Uploaded data sets, their versions, and uploads."""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from api.http.bodies import LARGEST_EXACT_INTEGER
from api.http.validation import RequestBody
from api.schemas.base import ResponseSchema, published_as
from api.schemas.dataset_reports import DatasetReport
from api.schemas.fields import CONTROL_CHARACTERS, NO_DUPLICATES, UNIQUE_ITEMS
from environment.import_roots import import_root
from jobs.failures import FailureCode
from models import VersionStatus
from training.known.dataset_names import NAME
from training.names import in_one_form

DatasetName = Annotated[str, Field(pattern=f"^{NAME}$", max_length=64)]
ImageId = Annotated[str, Field(pattern="^[0-9a-f]{16}(-[1-9][0-9]{0,8})?$")]
ImageIds = Annotated[list[ImageId], Field(min_length=1, max_length=2000, json_schema_extra=UNIQUE_ITEMS)]
# In any of Unicode's forms; what is asked is whether there is such a class, of which none is so long.
ClassName = Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(in_one_form)]
Sha256 = Annotated[str, Field(pattern="^[0-9A-Fa-f]{64}$"), AfterValidator(str.lower)]


# Of an import: as environment.import_roots reads it, but for `..`, which it refuses.
SOURCE = f"^(file:///[^?#%{CONTROL_CHARACTERS}]*|s3://[A-Za-z0-9][A-Za-z0-9._-]+(/[A-Za-z0-9._=-]+)*/?)$"


def _address(source: str) -> str:
    try:
        return import_root(source)
    except ValueError:
        raise PydanticCustomError(
            "source", "should be file:///an/absolute/folder or s3://bucket/prefix, without `..`"
        ) from None


class DatasetVersionError(ResponseSchema):
    """Why an upload is no data set."""

    code: Annotated[str, published_as(FailureCode)]
    message: str
    hint: str = Field(description="What to change.")


class DatasetProgress(ResponseSchema):
    """How far the validation is."""

    stage: str = Field(description="`waiting`, `receiving`, `unpacking`, `decoding`, `comparing` or `storing`.")
    done: int = Field(description="Of what the stage counts: bytes, files or images.")
    total: int | None = Field(description="Null where it is not known yet.")


class DatasetVersionLinks(ResponseSchema):
    """URLs of a version."""

    self: str
    dataset: str


class DatasetVersionSummary(ResponseSchema):
    """A version of an uploaded data set. It never changes once it is `ready`."""

    name: str
    version: int = Field(description="From 1. A spec names it as `name@version`.")
    status: VersionStatus
    source: str = Field(description="`upload`, `import`, or `edit` of another version.")
    parent: int | None = Field(description="The version that was edited.")
    identity: str | None = Field(
        description="A hash of the content of its classes and images, as in a job's `dataset`: 64 hexadecimal digits."
    )
    train_images: int | None = Field(description="Null until it is ready.")
    test_images: int | None = Field(description="Null until it is ready.")
    created_at: datetime
    finished_at: datetime | None = Field(description="When its validation ended.")
    links: DatasetVersionLinks


class DatasetVersion(DatasetVersionSummary):
    """The same with everything that the validation has found."""

    progress: DatasetProgress | None = Field(description="Null once it is ready or has failed.")
    classes: list[str] | None = Field(description="In label order.")
    channels: int | None = Field(description="1 for grey, 3 for RGB.")
    image_size: int | None = Field(
        description="Side in pixels to which images are brought where a spec says nothing. Null: a spec must say it."
    )
    storage_bytes: int = Field(description="What the version takes, beside what it shares with others.")
    other_numbers: list[int] = Field(
        description="Of uploads whose content was the same: these numbers stand for this version. The first 200."
    )
    report: DatasetReport | None = Field(description="Counts, sizes and findings. Null until it is ready.")
    error: DatasetVersionError | None = Field(description="Null unless it has failed.")


class AuditChoice(RequestBody):
    """Suspects of an audit that has succeeded."""

    id: Annotated[str, Field(pattern="^aud_[0-9a-z]{26}$")] = Field(description="An audit of this version.")
    given: ClassName | None = Field(default=None, description="Only those with this label.")
    likely: ClassName | None = Field(default=None, description="Only those that probably belong to this class.")
    least_probability: float = Field(
        default=0, ge=0, le=1, description="Only those to whose likely class the networks give at least this."
    )


class ConfusionCell(RequestBody):
    """Images of one class that a job's network takes for another: a cell of its confusion matrix."""

    job: Annotated[str, Field(pattern="^[0-9A-Za-z_-]{1,100}$")] = Field(
        description="A job that has succeeded and has `predictions`."
    )
    label: ClassName = Field(description="The class that they are labelled as.")
    predicted: ClassName = Field(description="The class that the network takes them for.")


class DatasetEdit(RequestBody):
    """One change of some images. It has one of `images`, `finding`, `audit` and `confusion`, which say of which, and
    one of `exclude`, `likely_label`, or `label` and `split`. What is not in it stays as it is."""

    images: Annotated[ImageIds, NO_DUPLICATES] | None = Field(
        default=None, description="Ids of images of this version, from its report or from its `images`."
    )
    finding: Annotated[str, Field(pattern="^[a-z_]{1,64}$")] | None = Field(
        default=None,
        description="The code of a finding of this version's report. Of copies, all but one are meant; of images that "
        "are in test and in train, those in train; of all others, each image that was found.",
    )
    audit: AuditChoice | None = Field(default=None, description="Suspects of an audit.")
    confusion: ConfusionCell | None = Field(default=None, description="A cell of a job's confusion matrix.")
    label: ClassName | None = Field(
        default=None, description="Relabel: the class that they belong to, one that the version has."
    )
    likely_label: bool = Field(default=False, description="Relabel the suspects of an `audit`, each as it says.")
    split: Literal["train", "test"] | None = Field(default=None, description="Move them to this split.")
    exclude: bool = Field(default=False, description="Leave them out.")

    @model_validator(mode="after")
    def _says_what_to_change(self) -> Self:
        given = [each for each in (self.images, self.finding, self.audit, self.confusion) if each is not None]
        if len(given) != 1:
            raise PydanticCustomError("edit", "should have one of `images`, `finding`, `audit` and `confusion`")
        relabels = self.label is not None or self.likely_label
        if self.likely_label and (self.audit is None or self.label is not None):
            raise PydanticCustomError("edit", "should have `likely_label` only with `audit`, and without `label`")
        if self.exclude and (relabels or self.split is not None):
            raise PydanticCustomError("edit", "should either exclude the images, or give them a label or a split")
        if not (self.exclude or relabels or self.split is not None):
            raise PydanticCustomError(
                "edit", "should have `label`, `likely_label`, `split` or `exclude`: it changes nothing"
            )
        return self


class DatasetEdits(RequestBody):
    """Changes of a version, which make the next one."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"edits": [{"images": ["0f3a9c2b7d1e4f56"], "label": "cat"}]},
                {"edits": [{"finding": "leaked_exact", "exclude": True}]},
            ]
        },
    )

    edits: list[DatasetEdit] = Field(
        min_length=1,
        max_length=1000,
        description="Of two that say something else of the same image, "
        "the later one counts; but an image that one of them excludes is left out.",
    )


class DatasetImport(RequestBody):
    """Images that lie where the workers can read them."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"source": "s3://bucket/photographs/pets"}]})

    source: Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(_address)] = Field(
        json_schema_extra={"pattern": SOURCE},
        description="`file:///a/folder` or `s3://bucket/prefix`, within what the operator allows.",
    )
    test_fraction: float = Field(
        default=0.2, gt=0, lt=1, description="Share of each class to test on, where the images come without a split."
    )
    seed: int = Field(default=0, ge=0, lt=LARGEST_EXACT_INTEGER, description="Of that split.")


class UploadCreate(RequestBody):
    """A file that is to be uploaded in parts."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"dataset": "pets", "bytes": 1048576}]},
    )

    dataset: DatasetName = Field(description="The data set that it becomes the next version of.")
    bytes: int = Field(ge=1, le=LARGEST_EXACT_INTEGER, description="Size of the file.")
    sha256: Sha256 | None = Field(default=None, description="Of the file, in hexadecimal digits: checked at its end.")
    test_fraction: float = Field(
        default=0.2, gt=0, lt=1, description="Share of each class to test on, where the images come without a split."
    )
    seed: int = Field(default=0, ge=0, lt=LARGEST_EXACT_INTEGER, description="Of that split.")


class UploadLinks(ResponseSchema):
    """URLs of an upload."""

    self: str
    version: str | None = Field(description="The data set's version, once the upload is complete.")


class Upload(ResponseSchema):
    """A file on its way into a data set."""

    id: str
    dataset: str
    bytes: int | None = Field(description="Size of the whole file; null while it is not known.")
    received_bytes: int = Field(description="How many have arrived: where to go on.")
    sha256: str | None
    test_fraction: float = Field(
        description="As it was made with, as is `seed`: how images without a split are divided."
    )
    seed: int
    status: Literal["uploading", "complete"]
    version: int | None = Field(description="Of the data set, once the upload is complete.")
    created_at: datetime
    expires_at: datetime | None = Field(description="When it is deleted if nothing more arrives. Null: complete.")
    links: UploadLinks
