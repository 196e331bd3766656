"""Audits of data sets: the search for wrong labels."""

from datetime import datetime

from pydantic import ConfigDict, Field, JsonValue, SerializeAsAny

from api.http.validation import RequestBody
from api.schemas.base import ResponseSchema
from models import AuditStatus, JobStatus
from training.spec import ResolvedSpec

FEWEST_FOLDS, MOST_FOLDS = 2, 10


class AuditCreate(RequestBody):
    """How a version is audited."""

    model_config = ConfigDict(json_schema_extra={"examples": [{}, {"folds": 3, "spec": {"epochs": 20}}]})

    folds: int = Field(
        default=5,
        ge=FEWEST_FOLDS,
        le=MOST_FOLDS,
        description="How many jobs: each holds out as large a part of the training images. More find more, and take "
        "longer.",
    )
    seed: int = Field(default=0, ge=0, lt=2**32, description="Decides the parts, and the jobs' seeds.")
    spec: dict[str, JsonValue] = Field(
        default={},
        description="Fields of a spec that go before those of the short recipe that an audit has by itself, as for "
        "`rerun`; with a `recipe`, in place of all of them. Not `dataset`, `seed` and what holds images out.",
    )


class AuditJob(ResponseSchema):
    """A job of an audit."""

    id: str
    status: JobStatus | None = Field(description="Null: the job was deleted.")
    epochs: int = Field(description="Trained so far.")
    url: str


class AuditProgress(ResponseSchema):
    """How far an audit is."""

    stage: str = Field(description="`training`, then `judging`.")
    done: int = Field(description="Epochs that are trained, of all jobs together.")
    total: int


class AuditError(ResponseSchema):
    """Why an audit has failed."""

    code: str | None = Field(description="The job's, or `job_cancelled`, `job_stopped`, `job_deleted`.")
    message: str
    hint: str | None = Field(description="What to change.")
    job: str | None = Field(description="The job that has not succeeded; null where its labels could not be judged.")


class AuditAccuracy(ResponseSchema):
    """Of networks on images that they were not trained on, as a mean; and without the leaked ones."""

    images: int
    accuracy: float | None
    leaked: int = Field(
        description="How many of them have a twin, the same or one that looks the same, among the images that the "
        "network was trained on."
    )
    without_leaked: float | None = Field(description="The accuracy over the others; null where there are none.")


class AuditClass(ResponseSchema):
    """A class, as far as its labels are concerned."""

    name: str
    images: int = Field(description="With this label.")
    suspects: int = Field(description="How many of these probably belong to another class.")
    likely: int = Field(description="How many suspects with other labels probably belong to this class.")


class AuditResult(ResponseSchema):
    """What an audit has found."""

    images: int
    judged: int = Field(description="Images whose label was judged. The rest is of classes with hardly any image.")
    suspects: int = Field(description="How many labels are probably wrong. The first 5,000 are listed.")
    noise_rate: float = Field(
        description="Estimated share of wrong labels. Too high where the networks do not tell classes apart well."
    )
    classes: list[AuditClass]
    train: AuditAccuracy = Field(description="Of the training images, each by the network that did not see it.")
    test: AuditAccuracy = Field(description="Of the test images.")


class AuditLinks(ResponseSchema):
    """URLs of an audit."""

    self: str
    version: str
    suspects: str
    cancel: str
    edits: str = Field(description="Where suspects are mended, by their image ids.")


class Audit(ResponseSchema):
    """A search for wrong labels in a version of a data set: each image is judged by a network that was not trained on
    it."""

    id: str
    dataset: str
    version: int
    status: AuditStatus
    folds: int
    spec: SerializeAsAny[ResolvedSpec] = Field(description="Of its jobs, without what each holds out.")
    jobs: list[AuditJob]
    progress: AuditProgress | None = Field(description="Null once it is over.")
    result: AuditResult | None = Field(description="Null until it has succeeded.")
    error: AuditError | None = Field(description="Null unless it has failed.")
    created_at: datetime
    finished_at: datetime | None
    links: AuditLinks


class AuditSuspect(ResponseSchema):
    """An image whose label is probably wrong."""

    image: str = Field(description="Its id, as `edits` takes it.")
    split: str
    given: str = Field(description="The class that it has.")
    likely: str = Field(description="The class that it probably belongs to.")
    given_probability: float = Field(description="What the networks give to the class that it has.")
    likely_probability: float
    picture: str = Field(description="The URL of the image.")
