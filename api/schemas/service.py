"""Workers, the queue, health, and errors."""

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
    state: Literal["online", "draining"] = Field(
        description="`draining`: it claims no more jobs, and is shutting down."
    )
    slots: int = Field(description="How many jobs it runs at once.")
    busy_slots: int = Field(description="How many jobs it runs now, those of other projects included.")
    jobs: list[str] = Field(description="Ids of the jobs that it runs, only those of the caller's project.")
    devices: list[str] = Field(description="Names of its accelerators, or `cpu`.")
    torch_version: str
    python_version: str | None
    epochal_version: str | None = Field(description="Of the release that it runs.")
    cores: int | None = Field(description="CPU cores that it may use.")
    load_average: float | None = Field(
        description="Load average of its machine over the last minute. Null if the machine does not tell."
    )
    memory_total_bytes: int | None = Field(description="Memory of its machine, or of its container.")
    memory_available_bytes: int | None = Field(
        description="The part of that memory that is available without swapping."
    )
    started_at: datetime
    seen_at: datetime = Field(description="When it was last heard of.")


class QueuedJob(ResponseSchema):
    """A job in the queue, and why it waits."""

    job_id: str
    name: str | None
    priority: int = Field(description=PRIORITY_DESCRIPTION)
    devices: int = Field(description="How many it trains on.")
    accelerator: str | None = Field(description=ACCELERATOR_DESCRIPTION)
    requested: Request | None = Field(
        description="`stop`: a worker is going to write the job's weights from its last checkpoint."
    )
    queued_at: datetime = Field(description="When it last entered the queue.")
    position: int | None = Field(
        description="From 1, among the jobs of all projects, by priority, then by age. Null beyond the first thousand."
    )
    code: QueueReason = Field(description="Why it waits, as a word.")
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
    workers: int = Field(ge=1, description="How many are connected and take jobs.")


class ProblemKind(ResponseSchema):
    """A kind of error."""

    type: str = Field(description="The `type` of problems of this kind.")
    code: str
    status: int
    title: str


class InvalidPart(BaseModel):
    """An error in one place of a request: in its body, its query or its headers."""

    pointer: str | None = Field(default=None, description="A JSON pointer (RFC 6901) into the body, as a URI fragment.")
    parameter: str | None = Field(default=None, description="The name of the query parameter.")
    header: str | None = Field(default=None, description="The name of the header.")
    detail: str = Field(description="What is expected.")


class Problem(BaseModel):
    """An error: problem details of RFC 9457."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="A URI reference that names this kind of error; `GET /problems` lists them.")
    title: str = Field(description="The kind of error in words.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What is wrong here.")
    instance: str = Field(description="The path of the request.")
    code: str = Field(description="A stable code, for programs to depend on.")
    request_id: str = Field(description="The same as in `X-Request-ID` and in the service's log.")
    errors: list[InvalidPart] | None = Field(default=None, description="If the request is not valid: its errors.")
