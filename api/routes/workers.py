"""Who would run a job."""

from fastapi import APIRouter

from api import schemas
from api.dependencies import CallerDep, SnapshotDep
from api.service.admitted_route import AdmittedRoute
from api.views import translate
from jobs import workers

router = APIRouter(prefix="/workers", tags=["workers"], route_class=AdmittedRoute)


@router.get("", operation_id="list_workers", summary="List the connected workers")
def list_workers(session: SnapshotDep, caller: CallerDep) -> schemas.Page[schemas.Worker]:
    """Those heard of within the last seconds, the oldest first, with what they have and what they do."""
    return translate.whole(
        [translate.worker(record, caller.project) for record in workers.connected_with_jobs(session)]
    )
