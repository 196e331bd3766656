"""What happens to all jobs of a project, as it happens."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import StreamingResponse

from api.dependencies import DatabaseDep, EventHubDep, SlotDep, TailerDep
from api.http.event_streams import EVENT_STREAM, STREAM_HEADERS, schema_of_events
from api.reading import all_events
from api.schemas import JobDeleted, JobEvent, JobProgress, StreamReset
from api.service import cursors
from api.service.admitted_route import AdmittedRoute

router = APIRouter(prefix="/events", tags=["metrics"], route_class=AdmittedRoute)

RESPONSES: dict[int | str, dict[str, Any]] = {
    HTTPStatus.OK.value: {
        "content": {EVENT_STREAM: {"schema": schema_of_events(JobEvent, JobProgress, JobDeleted, StreamReset)}},
        "description": "Server-sent events. With an `id`: `ready`, which comes first; an event of a job, whose type "
        "`event` has; and `reset`, where some events are left out. Without: `progress` of a job that has changed, at "
        "most once a second; and `deleted`.",
    }
}


@router.get(
    "/stream",
    operation_id="stream_all_events",
    summary="What happens to all jobs, as it happens",
    response_class=StreamingResponse,
    responses=RESPONSES,
)
async def stream_all_events(
    database: DatabaseDep,
    hub: EventHubDep,
    tailer: TailerDep,
    slot: SlotDep,
    after: Annotated[
        str | None, Query(pattern=cursors.PATTERN, description="The `id` of the last message that was received.")
    ] = None,
    last_event_id: Annotated[
        str | None,
        Header(pattern=cursors.PATTERN, description="The same, as browsers send it. It overrides `after`."),
    ] = None,
) -> Response:
    """From now on, or from `Last-Event-ID` on, until the client leaves. Each event of a job comes once, those of one
    job in order. A client that shows jobs reads them once `ready` has come, and again after `reset`."""
    tailer.require_capacity(database.caller.key_id)
    events = all_events.all_events(hub, slot, database, last_event_id or after)
    return StreamingResponse(events, media_type=EVENT_STREAM, headers=STREAM_HEADERS)
