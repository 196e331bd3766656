"""Keys and projects."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from access.keys import Scope
from api.http.bodies import LARGEST_EXACT_INTEGER
from api.http.times import Time
from api.http.validation import RequestBody
from api.schemas.base import ResponseSchema, published_as
from api.schemas.fields import NO_DUPLICATES, UNIQUE_ITEMS, Name

PROJECT_ID = r"^[a-z0-9](-?[a-z0-9]){0,39}$"

ProjectId = Annotated[str, Field(pattern=PROJECT_ID, max_length=40)]


Scopes = Annotated[
    list[Scope],
    Field(min_length=1, json_schema_extra=UNIQUE_ITEMS, description="`train` includes `read`; `admin` includes both."),
    NO_DUPLICATES,
]


def _in_the_future(time: datetime) -> datetime:
    if time <= datetime.now(UTC):
        raise PydanticCustomError("past", "should be a time to come")
    return time


class KeyCreate(RequestBody):
    """A key to create."""

    model_config = ConfigDict(
        strict=False,  # so that a time may come as text
        json_schema_extra={"examples": [{"name": "notebook", "scopes": ["train"]}]},
    )

    name: Name = Field(description="A label for people: who or what uses the key.")
    scopes: Scopes
    project: ProjectId | None = Field(
        default=None, description="The caller's own by default. Only the operator may name another."
    )
    expires_at: Annotated[Time, AfterValidator(_in_the_future)] | None = Field(
        default=None, description="When the key stops working: a time with an offset from UTC. Null: never."
    )


class Key(ResponseSchema):
    """An API key, without its secret."""

    id: str = Field(description="The part of the key between `_` and `.`.")
    name: str
    project: str = Field(description="The project that it is for.")
    scopes: list[Annotated[str, published_as(Scope)]] = Field(
        description="`train` includes `read`; `admin` includes both."
    )
    created_at: datetime
    expires_at: datetime | None = Field(description="When it stops working. Null: never.")
    revoked_at: datetime | None = Field(description="Since when the service refuses it. Null: it has not been revoked.")
    last_used_at: datetime | None = Field(description="Accurate to some seconds.")


class NewKey(Key):
    """A key that has just been created."""

    key: str = Field(
        description="The whole key, for `Authorization: Bearer <key>`. It is shown only this once.",
        json_schema_extra={"format": "password"},
    )


class Quotas(RequestBody):
    """Limits of a project. Null: no limit."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"max_running_jobs": 2, "max_device_hours": 100}]},
    )

    max_running_jobs: Annotated[int, Field(ge=0, le=1_000_000)] | None = Field(
        default=None, description="Further jobs wait in the queue."
    )
    max_queued_jobs: Annotated[int, Field(ge=0, le=1_000_000)] | None = Field(
        default=None, description="Paused jobs count. Beyond it no job is accepted."
    )
    max_storage_bytes: Annotated[int, Field(ge=0, le=LARGEST_EXACT_INTEGER)] | None = Field(
        default=None,
        description="Checkpoints, weights, uploads and data sets together. Beyond it no job is accepted, none starts, "
        "and nothing can be uploaded.",
    )
    max_device_hours: Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)] | None = Field(
        default=None,
        description="Hours of all attempts in this calendar month (UTC), each times its number of devices. Beyond it "
        "no job is accepted and none starts.",
    )


Days = Annotated[float, Field(ge=0, le=36_500, allow_inf_nan=False)]


class Retention(RequestBody):
    """What a project keeps. An age of null: such files are kept. No rule takes what a job that is not over needs."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"checkpoints_days": 7, "weights_days": 90, "keep_best": 3}]},
    )

    checkpoints_days: Days | None = Field(
        default=None, description="Checkpoints are removed so many days after their job's end."
    )
    weights_days: Days | None = Field(default=None, description="Weights and predictions, likewise.")
    keep_best: int = Field(
        default=0,
        ge=0,
        le=1000,
        description="Of each data set, so many jobs with the highest accuracy keep checkpoints and weights.",
    )
    dataset_versions_days: Days | None = Field(
        default=None, description="Versions of data sets are removed so many days after their validation."
    )
    keep_versions: int = Field(
        default=1, ge=0, le=1000, description="Of each data set, so many of the newest that are ready stay."
    )
    uploads_days: Days | None = Field(
        default=None, description="Uploads that are not complete are removed so many days after their beginning."
    )


class Removals(ResponseSchema):
    """What rules would remove."""

    count: int
    size_bytes: int
    examples: list[str] = Field(description="Ids of jobs and uploads, or versions as `pets@3`; 20 at most.")


class ProjectRetention(ResponseSchema):
    """A project's rules, and what they would remove now. They are carried out every hour."""

    rules: Retention
    removes: dict[str, Removals] = Field(
        description="By `checkpoints`, `weights`, `dataset_versions` and `uploads`: the next 500 of each."
    )


class ProjectCreate(Quotas):
    """A project to create."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"id": "vision-course", "max_running_jobs": 2, "max_device_hours": 100}]},
    )

    id: ProjectId = Field(description="Lower-case letters, digits and single hyphens. It never changes.")


class Usage(ResponseSchema):
    """What a project uses now."""

    running_jobs: int
    queued_jobs: int = Field(description="Paused jobs count.")
    storage_bytes: int = Field(description="Checkpoints, weights, uploads and data sets together.")
    storage_by_kind: dict[str, int] = Field(
        description="The same by what it is: `jobs` (checkpoints and weights), `uploads` that are not data sets yet, "
        "`datasets`, and `models` that were brought."
    )
    device_hours: float = Field(description="In this calendar month, in UTC.")


class Project(ResponseSchema):
    """A tenant: a key of one project shows nothing of another."""

    id: str
    max_running_jobs: int | None = Field(description="Null: no limit, as for the others.")
    max_queued_jobs: int | None
    max_storage_bytes: int | None
    max_device_hours: float | None
    created_at: datetime
    usage: Usage


class CallerKey(ResponseSchema):
    """The key of a request."""

    id: str
    name: str
    scopes: list[Annotated[str, published_as(Scope)]] = Field(
        description="`train` includes `read`; `admin` includes both."
    )
    expires_at: datetime | None = Field(description="When it stops working. Null: never.")


class Caller(ResponseSchema):
    """Who asks, and what they may do."""

    keys_required: bool = Field(description="False: whoever reaches the service may do everything.")
    key: CallerKey | None = Field(description="Null: the request has none.")
    project: Project = Field(description="Whose jobs, data sets and models the caller sees.")
    operator: bool = Field(description="Whether the caller may make projects and set their quotas.")
    release: str = Field(description="Of the service.")
