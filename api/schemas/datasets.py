"""Uploaded data sets, their versions, and uploads."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from api.http.bodies import LARGEST_EXACT_INTEGER
from api.http.validation import RequestBody
from api.schemas.base import ResponseSchema, published_as
from api.schemas.fields import NO_DUPLICATES, UNIQUE_ITEMS
from jobs.failures import FailureCode
from models import VersionStatus
from training.known.dataset_names import NAME

DatasetName = Annotated[str, Field(pattern=f"^{NAME}$", max_length=64)]
ImageId = Annotated[str, Field(pattern="^[0-9a-f]{16}(-[1-9][0-9]{0,8})?$")]
ImageIds = Annotated[list[ImageId], Field(min_length=1, max_length=2000, json_schema_extra=UNIQUE_ITEMS)]
Sha256 = Annotated[str, Field(pattern="^[0-9A-Fa-f]{64}$"), AfterValidator(str.lower)]


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
    source: str = Field(description="`upload`, or `edit` of another version.")
    parent: int | None = Field(description="The version that was edited.")
    identity: str | None = Field(
        description="A hash of the content of its classes and images, as in a job's `dataset`: 64 hexadecimal digits."
    )
    train_images: int | None
    test_images: int | None
    created_at: datetime
    finished_at: datetime | None
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
    report: dict[str, Any] | None = Field(description="Counts, sizes and findings. Null until it is ready.")
    error: DatasetVersionError | None = Field(description="Null unless it has failed.")


class DatasetEdit(RequestBody):
    """One change of some images. What is not in it stays as it is."""

    images: Annotated[ImageIds, NO_DUPLICATES] = Field(
        description="Ids of images of this version, from its report or from its `images`."
    )
    label: Annotated[str, Field(min_length=1, max_length=200)] | None = Field(
        default=None, description="Relabel: the class that they belong to, one that the version has."
    )
    split: Literal["train", "test"] | None = Field(default=None, description="Move them to this split.")
    exclude: bool = Field(default=False, description="Leave them out.")

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if self.exclude and (self.label is not None or self.split is not None):
            raise PydanticCustomError("edit", "should either exclude the images, or give them a label or a split")
        if not self.exclude and self.label is None and self.split is None:
            raise PydanticCustomError("edit", "should have `label`, `split` or `exclude`: it changes nothing")
        return self


class DatasetEdits(RequestBody):
    """Changes of a version, which make the next one."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"edits": [{"images": ["0f3a9c2b7d1e4f56"], "label": "cat"}]}]},
    )

    edits: list[DatasetEdit] = Field(min_length=1, max_length=1000, description="In order: a later one goes before.")


class DatasetImport(RequestBody):
    """Images that lie where the workers can read them."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"source": "s3://bucket/photographs/pets"}]})

    source: Annotated[str, Field(min_length=1, max_length=1000)] = Field(
        description="`file:///a/folder` or `s3://bucket/prefix`, within what the operator allows."
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
    status: Literal["uploading", "complete"]
    version: int | None = Field(description="Of the data set, once the upload is complete.")
    created_at: datetime
    expires_at: datetime | None = Field(description="When it is deleted if nothing more arrives. Null: complete.")
    links: UploadLinks
