"""The events of a job, as a list and as a stream."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from api import schemas
from api.dependencies import DatabaseDep, JobId, SlotDep, TailerDep
from api.http.bodies import LARGEST_EXACT_INTEGER
from api.http.etags import NOT_MODIFIED_RESPONSE
from api.http.event_streams import EVENT_SCHEMA, EVENT_STREAM, STREAM_HEADERS
from api.reading import stream
from api.reading.polling import Content, PollDep
from api.service.admitted_route import AdmittedRoute
from api.views import translate
from jobs import queries
from models import ProjectSession

router = APIRouter(prefix="/jobs/{job_id}", tags=["metrics"], route_class=AdmittedRoute)

MAX_EVENT_ID = LARGEST_EXACT_INTEGER  # greatest integer that clients which read every number as a float get exactly

STREAM_RESPONSES: dict[int | str, dict[str, Any]] = {
    HTTPStatus.OK.value: {
        "content": {EVENT_STREAM: {"schema": EVENT_SCHEMA}},
        "description": "Server-sent events: `id` and `event` are an event's id and type, `data` is the event as "
        "`GET /v1/jobs/{job_id}/events` has it. The last one is `end`, with how the job ended: do not reconnect then.",
    },
    HTTPStatus.NO_CONTENT.value: {"description": "The job has ended, and all its events were sent: do not reconnect."},
}

After = Annotated[int, Query(ge=0, le=MAX_EVENT_ID, description="Only events after the one with this id.")]


@router.get(
    "/events",
    operation_id="list_events",
    summary="What happened to a job",
    response_model=schemas.Page[schemas.Event],
    responses=NOT_MODIFIED_RESPONSE,
)
async def list_events(
    job_id: JobId, poll: PollDep, after: After = 0, limit: Annotated[int, Query(ge=1, le=10_000)] = 1000
) -> Response:
    """In order. Request `next` again for later events: none is left out, and none comes twice."""

    def content(session: ProjectSession) -> Content:
        page = queries.events_after(session, job_id, after, limit)
        answer = translate.events(page, job_id, {"after": after, "limit": limit})
        return Content(answer.to_json(), is_empty=not answer.data)

    return await poll.answer(job_id, content)


@router.get(
    "/stream",
    operation_id="stream_events",
    summary="What happens to a job, as it happens",
    response_class=StreamingResponse,
    responses=STREAM_RESPONSES,
)
async def stream_events(
    job_id: JobId,
    database: DatabaseDep,
    tailer: TailerDep,
    slot: SlotDep,
    after: After = 0,
    last_event_id: Annotated[
        str | None,
        Header(
            pattern=r"^[0-9]{1,19}$",
            description="The `id` of the last event that was received, as browsers send it. It overrides `after`.",
        ),
    ] = None,
) -> Response:
    """From the first event, or from the one after `Last-Event-ID`, until the job ends. Each event comes once, in
    order."""
    told = after if last_event_id is None else min(int(last_event_id), MAX_EVENT_ID)
    tailer.require_capacity(database.caller.key_id)
    backlog = await run_in_threadpool(stream.read_backlog, database, job_id, told)
    if backlog.is_over and told:
        return Response(status_code=HTTPStatus.NO_CONTENT)
    events = stream.events(tailer, slot, database, job_id, told, backlog)
    return StreamingResponse(events, media_type=EVENT_STREAM, headers=STREAM_HEADERS)
