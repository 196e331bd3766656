"""What happened to a job."""

from typing import Annotated

from fastapi import APIRouter, Query

from api import schemas, translate
from api.dependencies import JobId, SnapshotDep
from api.strict_route import StrictRoute
from jobs import queries

router = APIRouter(prefix="/jobs/{job_id}", tags=["metrics"], route_class=StrictRoute)

LARGEST = 2**63 - 1  # that the database numbers events up to


@router.get("/events", operation_id="list_events", summary="What happened to a job")
def list_events(
    job_id: JobId,
    session: SnapshotDep,
    after: Annotated[int, Query(ge=0, le=LARGEST, description="Only events behind the one with this id.")] = 0,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
) -> schemas.Page[schemas.Event]:
    """In order. Ask `next` again for what is to come: nothing is left out or comes twice."""
    page = queries.events_after(session, job_id, after, limit)
    return translate.events(page, job_id, {"after": after, "limit": limit})
