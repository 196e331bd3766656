"""What a job has measured: as rows, as text, as a picture."""

from typing import Annotated, Literal, Self

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field, model_validator

from api import log_text, schemas, translate
from api.dependencies import DatabaseDep, JobId, SnapshotDep
from api.strict_route import StrictRoute
from jobs import queries
from models import Database
from training.spec import refusal

router = APIRouter(prefix="/jobs/{job_id}", tags=["metrics"], route_class=StrictRoute)

LARGEST = 2**31 - 1  # that the database's integers hold

Limit = Annotated[int, Field(ge=1, le=10_000)]
Cursor = Annotated[int, Field(ge=-1, le=LARGEST)]
PNG, SVG = "image/png", "image/svg+xml"
FRESH = {"Cache-Control": "no-cache"}  # a browser asks anew


class StepCursor(BaseModel):
    """Behind which step a page of steps begins."""

    model_config = ConfigDict(frozen=True)

    after_epoch: Cursor = Field(default=-1, description="Steps of later epochs; with `after_step`, of this one, too.")
    after_step: Cursor | None = Field(default=None, description="In `after_epoch`, steps behind this one.")
    limit: Limit = 1000

    @model_validator(mode="after")
    def _step_needs_epoch(self) -> Self:
        if self.after_step is not None and "after_epoch" not in self.model_fields_set:
            raise refusal(("after_step",), self.after_step, "needs after_epoch, the epoch that the step is of")
        return self

    def position(self) -> tuple[int, int]:
        """Epoch and step of the last step that is not wanted."""
        return self.after_epoch, LARGEST if self.after_step is None else self.after_step


@router.get("/metrics", operation_id="list_metrics", summary="A row an epoch")
def list_metrics(
    job_id: JobId,
    session: SnapshotDep,
    after_epoch: Annotated[Cursor, Query(description="Only later epochs.")] = -1,
    limit: Annotated[Limit, Query()] = 1000,
) -> schemas.Page[schemas.EpochRow]:
    """In order. Ask `next` again for the epochs to come: none is left out or comes twice."""
    page = queries.epochs_after(session, job_id, after_epoch, limit)
    return translate.epochs(page, job_id, {"after_epoch": after_epoch, "limit": limit})


@router.get("/steps", operation_id="list_steps", summary="The recorded losses of single steps")
def list_steps(
    job_id: JobId, session: SnapshotDep, cursor: Annotated[StepCursor, Query()]
) -> schemas.Page[schemas.StepRow]:
    """In order, one every `logging_interval` of the spec. Ask `next` again for the steps to come."""
    page = queries.steps_after(session, job_id, *cursor.position(), cursor.limit)
    return translate.steps(page, job_id, cursor.model_dump(exclude_none=True))


@router.get(
    "/log",
    operation_id="get_log",
    summary="The losses and results as text",
    response_class=StreamingResponse,
    responses={
        200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "What there is by now."}
    },
)
def get_log(job_id: JobId, database: DatabaseDep) -> StreamingResponse:
    """A heading an epoch, a line a recorded step, then the epoch's test loss and accuracy."""
    return StreamingResponse(log_text.stream(database, job_id), media_type="text/plain; charset=utf-8", headers=FRESH)


@router.get(
    "/curves.svg",
    operation_id="get_curves_svg",
    summary="Loss and accuracy over epochs, as an SVG",
    response_class=Response,
    responses={200: {"content": {SVG: {"schema": {"type": "string"}}}, "description": "As they are by now."}},
)
def get_curves_svg(job_id: JobId, database: DatabaseDep) -> Response:
    """The best epoch is marked; what is not a number is a gap."""
    return Response(_draw(database, job_id, "svg"), media_type=SVG, headers=FRESH)


@router.get(
    "/curves.png",
    operation_id="get_curves_png",
    summary="Loss and accuracy over epochs, as a PNG",
    response_class=Response,
    responses={
        200: {
            "content": {PNG: {"schema": {"type": "string", "format": "binary"}}},
            "description": "As they are by now.",
        }
    },
)
def get_curves_png(job_id: JobId, database: DatabaseDep) -> Response:
    """The best epoch is marked; what is not a number is a gap."""
    return Response(_draw(database, job_id, "png"), media_type=PNG, headers=FRESH)


def _draw(database: Database, job_id: str, form: Literal["svg", "png"]) -> bytes:
    """Draws when the transaction is over: pictures wait for one another."""
    with database.snapshot() as session:
        record, epochs = queries.find(session, job_id), queries.epochs_after(session, job_id).rows
    from api import curves  # matplotlib, with which the API would start much more slowly

    return curves.draw(record, epochs, form)
