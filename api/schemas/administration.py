"""Keys and projects."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from access.keys import Scope
from api.http.bodies import LARGEST_EXACT_INTEGER
from api.http.times import Time
from api.http.validation import RequestBody
from api.schemas.base import ResponseSchema
from api.schemas.fields import NO_DUPLICATES, UNIQUE_ITEMS, Name

PROJECT_ID = r"^[a-z0-9](-?[a-z0-9]){0,39}$"

ProjectId = Annotated[str, Field(pattern=PROJECT_ID, max_length=40)]


Scopes = Annotated[
    list[Scope],
    Field(min_length=1, json_schema_extra=UNIQUE_ITEMS, description="`train` includes `read`, `admin` both."),
    NO_DUPLICATES,
]


def _to_come(time: datetime) -> datetime:
    if time <= datetime.now(UTC):
        raise PydanticCustomError("past", "should be a time to come")
    return time


class KeyCreate(RequestBody):
    """A key to make."""

    model_config = ConfigDict(
        strict=False,  # a time is text
        json_schema_extra={"examples": [{"name": "notebook", "scopes": ["train"]}]},
    )

    name: Name = Field(description="For people: who or what it is for.")
    scopes: Scopes
    project: ProjectId | None = Field(default=None, description="By default the caller's. Another is the operator's.")
    expires_at: Annotated[Time, AfterValidator(_to_come)] | None = Field(
        default=None, description="From when on it lets nobody in, with an offset from UTC. Null: never."
    )


class Key(ResponseSchema):
    """An API key, without its secret."""

    id: str = Field(description="The part of the key between `_` and `.`.")
    name: str
    project: str
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None = Field(description="To some seconds.")


class NewKey(Key):
    """A key that was just made."""

    key: str = Field(description="The whole key, shown this once: `Authorization: Bearer <key>`.")


class Quotas(RequestBody):
    """Bounds of a project. Null: none."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"max_running_jobs": 2, "max_device_hours": 100}]},
    )

    max_running_jobs: Annotated[int, Field(ge=0, le=1_000_000)] | None = Field(
        default=None, description="Others wait in the queue."
    )
    max_queued_jobs: Annotated[int, Field(ge=0, le=1_000_000)] | None = Field(
        default=None, description="Paused ones among them. No more are accepted."
    )
    max_storage_bytes: Annotated[int, Field(ge=0, le=LARGEST_EXACT_INTEGER)] | None = Field(
        default=None, description="Of checkpoints and weights. Beyond it no job is accepted and none begins."
    )
    max_device_hours: Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)] | None = Field(
        default=None,
        description="Of all attempts in this calendar month, in UTC, times their devices. Beyond it no job is accepted "
        "and none begins.",
    )


class ProjectCreate(Quotas):
    """A project to make."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"id": "vision-course", "max_running_jobs": 2, "max_device_hours": 100}]},
    )

    id: ProjectId = Field(description="Lower-case letters, digits and single hyphens; never changes.")


class Usage(ResponseSchema):
    """What a project uses now."""

    running_jobs: int
    queued_jobs: int = Field(description="Paused ones among them.")
    storage_bytes: int
    device_hours: float = Field(description="In this calendar month, in UTC.")


class Project(ResponseSchema):
    """A tenant: whoever has a key of one project sees nothing of another."""

    id: str
    max_running_jobs: int | None
    max_queued_jobs: int | None
    max_storage_bytes: int | None
    max_device_hours: float | None
    created_at: datetime
    usage: Usage
