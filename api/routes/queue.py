"""What waits for a worker."""

from typing import Annotated

from fastapi import APIRouter, Query

from api import schemas, translate
from api.dependencies import SnapshotDep
from api.routes.jobs import JOB_CURSOR
from api.strict_route import StrictRoute
from jobs import queries

router = APIRouter(prefix="/queue", tags=["workers"], route_class=StrictRoute)


@router.get("", operation_id="list_queue", summary="List the jobs that wait, and why")
def list_queue(
    session: SnapshotDep,
    after: Annotated[str | None, JOB_CURSOR] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> schemas.Page[schemas.QueuedJob]:
    """In the order in which they are served: by priority, then by age. A worker takes the first that it fits."""
    return translate.queue(queries.queue(session, after=after, limit=limit), limit)
