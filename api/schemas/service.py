"""Who runs jobs, what waits, how the service is, and what it answers where it refuses."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from api.schemas.base import ResponseSchema
from api.schemas.fields import ACCELERATOR_DESCRIPTION, PRIORITY_DESCRIPTION
from jobs.waiting import QueueReason
from models import Request


class Worker(ResponseSchema):
    """A connected worker."""

    id: str
    state: Literal["online", "draining"] = Field(description="`draining`: it takes no more jobs, and leaves.")
    slots: int = Field(description="Jobs that it runs at once.")
    busy_slots: int
    jobs: list[str] = Field(description="Ids of those that it runs, of the caller's project.")
    devices: list[str] = Field(description="Its accelerators by name, or `cpu`.")
    torch_version: str
    python_version: str | None
    epochal_version: str | None
    cores: int | None = Field(description="That it may use.")
    load_average: float | None = Field(
        description="Tasks that run on its machine or wait to, over the last minute; null where it does not say."
    )
    memory_total_bytes: int | None = Field(description="Of its machine.")
    memory_available_bytes: int | None = Field(description="Of its machine, without swapping.")
    started_at: datetime
    seen_at: datetime


class QueuedJob(ResponseSchema):
    """A job that waits, and why."""

    job_id: str
    name: str | None
    priority: int = Field(description=PRIORITY_DESCRIPTION)
    devices: int = Field(description="How many it trains on.")
    accelerator: str | None = Field(description=ACCELERATOR_DESCRIPTION)
    requested: Request | None = Field(description="`stop`: a worker is to make its weights from its last checkpoint.")
    queued_at: datetime = Field(description="When it last came into the queue.")
    position: int | None = Field(
        description="From 1: by priority, then by age, among the jobs of all projects; null behind a thousand others."
    )
    code: QueueReason
    reason: str = Field(description="The same in words.")


class Live(ResponseSchema):
    """The process answers."""

    status: Literal["live"] = "live"


class Ready(ResponseSchema):
    """The service can do its work."""

    status: Literal["ready"] = "ready"
    database: Literal["ok"] = "ok"
    broker: Literal["ok"] = "ok"
    storage: Literal["ok"] = "ok"
    workers: int = Field(ge=1, description="How many are connected.")


class ProblemKind(ResponseSchema):
    """A kind of error."""

    type: str = Field(description="What a problem of this kind has as its `type`.")
    code: str
    status: int
    title: str


class InvalidPart(BaseModel):
    """What is wrong in one place of a request: of its body, of its query or of its headers."""

    pointer: str | None = Field(default=None, description="Into the body: an RFC 6901 pointer as a URI fragment.")
    parameter: str | None = Field(default=None, description="Of the query.")
    header: str | None = Field(default=None, description="The header's name.")
    detail: str = Field(description="What would be right.")


class Problem(BaseModel):
    """An error, as RFC 9457 has it."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="A URI reference that names this kind of error; `GET /problems` lists them.")
    title: str
    status: int
    detail: str
    instance: str = Field(description="The path that was asked for.")
    code: str = Field(description="What a program may depend on.")
    request_id: str = Field(description="As in `X-Request-ID` and in the service's log.")
    errors: list[InvalidPart] | None = Field(default=None, description="Of a request that is not valid.")
