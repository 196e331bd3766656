"""Metrics of a job: as rows, as text, as a picture, as TensorBoard's files."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from sqlalchemy.orm import Session

from api import schemas
from api.dependencies import CurveCacheDep, DatabaseDep, JobId, ProjectDatabase, SlotDep
from api.http.errors import NotAcceptable, TensorboardNotInstalled
from api.http.etags import NOT_MODIFIED_RESPONSE, IfNoneMatch
from api.http.preconditions import IfMatch
from api.http.problem_kinds import fails_with
from api.reading import log_text, metric_rows, tensorboard_archive
from api.reading.derived import derived
from api.reading.polling import Content, PollDep
from api.reading.streaming import piece_by_piece
from api.service.admitted_route import AdmittedRoute
from api.service.curve_cache import CurveCache
from api.views import csv_text, translate
from api.views.curve_data import ImageFormat
from jobs import queries

router = APIRouter(prefix="/jobs/{job_id}", tags=["metrics"], route_class=AdmittedRoute)

CSV, PNG, SVG, ZIP = csv_text.MEDIA_TYPE, "image/png", "image/svg+xml", "application/zip"


def _rows_or_csv(example: str) -> dict[int | str, dict[str, Any]]:
    return NOT_MODIFIED_RESPONSE | {
        200: {
            "content": {CSV: {"schema": {"type": "string"}, "example": example}},
            "description": "The rows up to now.",
            "headers": {
                "Link": {
                    "description": 'For CSV, if another page follows: its URL, as `rel="next"`.',
                    "schema": {"type": "string"},
                },
                "Vary": {"description": "`Accept`.", "schema": {"type": "string"}},
            },
        }
    }


@router.get(
    "/metrics",
    operation_id="list_metrics",
    summary="A row an epoch",
    response_model=schemas.Page[schemas.EpochRow],
    responses=_rows_or_csv("epoch,train_loss,…\r\n0,1.8125,…\r\n") | fails_with(NotAcceptable),
)
async def list_metrics(
    job_id: JobId, poll: PollDep, query: Annotated[metric_rows.EpochQuery, Query()], request: Request
) -> Response:
    """In order. Request `next` again for later epochs: none is left out, and none comes twice."""
    media_type = metric_rows.media_type_for(request, query)

    def content(session: Session) -> Content:
        page = metric_rows.epochs(session, job_id, query)
        return metric_rows.render(page, schemas.EpochRow, media_type, f"{job_id}-metrics")

    # `max_points` reads the whole curve with several queries, which must see the same state.
    return await poll.answer(job_id, content, in_snapshot=query.max_points is not None)


@router.get(
    "/steps",
    operation_id="list_steps",
    summary="The recorded losses of single steps",
    response_model=schemas.Page[schemas.StepRow],
    responses=_rows_or_csv("epoch,step,loss,…\r\n0,0,2.3026,…\r\n") | fails_with(NotAcceptable),
)
async def list_steps(
    job_id: JobId, poll: PollDep, query: Annotated[metric_rows.StepQuery, Query()], request: Request
) -> Response:
    """In order, one row every `logging_interval` steps of the spec. Request `next` again for later steps."""
    media_type = metric_rows.media_type_for(request, query)

    def content(session: Session) -> Content:
        page = metric_rows.steps(session, job_id, query)
        return metric_rows.render(page, schemas.StepRow, media_type, f"{job_id}-steps")

    # `max_points` reads the whole curve with several queries, which must see the same state.
    return await poll.answer(job_id, content, in_snapshot=query.max_points is not None)


@router.get(
    "/layers",
    operation_id="get_layers",
    summary="The gradients and dead units of each layer in an epoch",
    response_model=schemas.EpochLayers,
    responses=NOT_MODIFIED_RESPONSE,
)
async def get_layers(
    job_id: JobId,
    poll: PollDep,
    epoch: Annotated[
        int | None,
        Query(ge=0, le=metric_rows.MAX_INTEGER, description="The epoch, or the last before it that has layers."),
    ] = None,
) -> Response:
    """Of the last epoch, or of the one that is asked for. A job of more than a hundred epochs keeps them of about a
    hundred, evenly spread, and of the last; a job of an earlier release, of none."""
    return await poll.answer(
        job_id, lambda session: Content(metric_rows.layers(session, job_id, epoch).model_dump_json())
    )


@router.get(
    "/log",
    operation_id="get_log",
    summary="The losses and results as text",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "The log up to now."}},
)
def get_log(job_id: JobId, database: DatabaseDep, slot: SlotDep) -> StreamingResponse:
    """For each epoch a heading, a line for each recorded step, then the test loss and accuracy."""
    pieces = piece_by_piece(log_text.stream(database, job_id), slot)
    return StreamingResponse(pieces, media_type="text/plain; charset=utf-8", headers={"Cache-Control": "no-cache"})


@router.get(
    "/tensorboard.zip",
    operation_id="get_tensorboard",
    summary="The curves as event files for TensorBoard",
    response_class=StreamingResponse,
    responses=fails_with(TensorboardNotInstalled)
    | {
        200: {
            "content": {ZIP: {"schema": {"type": "string", "format": "binary"}}},
            "description": "A zip of what is recorded up to now.",
            "headers": {"Content-Disposition": {"schema": {"type": "string"}}},
        }
    },
)
def get_tensorboard(job_id: JobId, database: DatabaseDep, slot: SlotDep) -> StreamingResponse:
    """In a folder with the job's id: the runs `train`, `test` and `validation` with a value an epoch, `steps` with a
    value for each recorded step, counted from the job's first, and the spec as text and as hyperparameters. Equal rows
    give equal bytes."""
    pieces = piece_by_piece(tensorboard_archive.stream(database, job_id), slot)
    disposition = f'attachment; filename="{job_id}-tensorboard.zip"'
    headers = {"Cache-Control": "no-cache", "Content-Disposition": disposition}
    return StreamingResponse(pieces, media_type=ZIP, headers=headers)


def _picture_responses(content: dict[str, Any]) -> dict[int | str, dict[str, Any]]:
    return NOT_MODIFIED_RESPONSE | {200: {"content": content, "description": "The curves up to now."}}


@router.get(
    "/curves.svg",
    operation_id="get_curves_svg",
    summary="Loss and accuracy over epochs, as an SVG",
    response_class=Response,
    responses=_picture_responses({SVG: {"schema": {"type": "string"}}}),
)
def get_curves_svg(
    job_id: JobId,
    database: DatabaseDep,
    curve_cache: CurveCacheDep,
    request: Request,
    _declared: IfNoneMatch = None,
    _expected: IfMatch = None,
) -> Response:
    """The best epoch is marked. Where a value is not a number, the curve has a gap."""
    return derived(request, _cached_or_drawn(database, curve_cache, job_id, "svg"), SVG)


@router.get(
    "/curves.png",
    operation_id="get_curves_png",
    summary="Loss and accuracy over epochs, as a PNG",
    response_class=Response,
    responses=_picture_responses({PNG: {"schema": {"type": "string", "format": "binary"}}}),
)
def get_curves_png(
    job_id: JobId,
    database: DatabaseDep,
    curve_cache: CurveCacheDep,
    request: Request,
    _declared: IfNoneMatch = None,
    _expected: IfMatch = None,
) -> Response:
    """The best epoch is marked. Where a value is not a number, the curve has a gap."""
    return derived(request, _cached_or_drawn(database, curve_cache, job_id, "png"), PNG)


def _cached_or_drawn(database: ProjectDatabase, curve_cache: CurveCache, job_id: str, form: ImageFormat) -> bytes:
    """The cached picture, or a new one. It is drawn after the transaction, because it may wait for other pictures."""
    with database.snapshot() as session:
        revision, _ = queries.revision_of(session, job_id)
        if known := curve_cache.get(f"{job_id}.{form}", revision):
            return known
        details, epochs = queries.find(session, job_id), queries.epochs_after(session, job_id).rows
    return curve_cache.draw(f"{job_id}.{form}", revision, translate.curve_data(details, epochs), form)
