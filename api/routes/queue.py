"""Jobs that wait for a worker."""

from typing import Annotated

from fastapi import APIRouter, Query

from api import schemas
from api.dependencies import SnapshotDep
from api.http.problem_kinds import fails_with
from api.routes.jobs import JOB_CURSOR
from api.service.admitted_route import AdmittedRoute
from api.views import translate
from jobs import queries
from jobs.errors import JobNotFound

router = APIRouter(prefix="/queue", tags=["workers"], route_class=AdmittedRoute)


@router.get(
    "", operation_id="list_queue", summary="List the jobs that wait, and why", responses=fails_with(JobNotFound)
)
def list_queue(
    session: SnapshotDep,
    after: Annotated[str | None, JOB_CURSOR] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> schemas.Page[schemas.QueuedJob]:
    """In the order in which they are served: by priority, then by age. A worker claims the first job that fits it."""
    return translate.queue(queries.queue(session, after=after, limit=limit), limit)
