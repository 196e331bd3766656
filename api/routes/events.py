"""What happened to a job."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from api import schemas
from api.dependencies import DatabaseDep, JobId, SlotDep, TailerDep
from api.http.bodies import LARGEST_EXACT_INTEGER
from api.http.etags import NOT_MODIFIED_RESPONSE
from api.reading import stream
from api.reading.polling import Content, PollDep
from api.service.admitted_route import AdmittedRoute
from api.views import translate
from jobs import queries
from models import ProjectSession

router = APIRouter(prefix="/jobs/{job_id}", tags=["metrics"], route_class=AdmittedRoute)

LARGEST = LARGEST_EXACT_INTEGER  # as far as a client that knows floats alone, and the contract itself, can count

EVENT_STREAM = "text/event-stream"
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}  # nginx would hold small events back
SENT: dict[str, Any] = {  # one event: OpenAPI 3.1 has no word for a stream, and those who read it take it so
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "event": {"type": "string"},
        "data": {"type": "string", "contentMediaType": "application/json"},
        "retry": {"type": "integer"},
    },
}
STREAMED: dict[int | str, dict[str, Any]] = {
    HTTPStatus.OK.value: {
        "content": {EVENT_STREAM: {"schema": SENT}},
        "description": "Server-sent events: `id` and `event` are an event's id and type, `data` is the event as "
        "`GET /v1/jobs/{job_id}/events` has it. The last one is `end`, with how the job ended: then do not come back.",
    },
    HTTPStatus.NO_CONTENT.value: {"description": "The job has ended, and all of it was told: do not come back."},
}

After = Annotated[int, Query(ge=0, le=LARGEST, description="Only events behind the one with this id.")]


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
    """In order. Ask `next` again for what is to come: nothing is left out or comes twice."""

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
    responses=STREAMED,
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
            description="The `id` of the last event that was received, as browsers send it: goes before `after`.",
        ),
    ] = None,
) -> Response:
    """From the first event, or the one behind `Last-Event-ID`: every epoch once, in order, until the job ends."""
    told = after if last_event_id is None else min(int(last_event_id), LARGEST)
    tailer.require_room(database.caller.key_id)
    past = await run_in_threadpool(stream.read, database, job_id, told)
    if past.is_over and told:
        return Response(status_code=HTTPStatus.NO_CONTENT)
    events = stream.events(tailer, slot, database, job_id, told, past)
    return StreamingResponse(events, media_type=EVENT_STREAM, headers=HEADERS)
