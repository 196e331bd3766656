"""The connected workers."""

from fastapi import APIRouter

from api import schemas
from api.dependencies import CallerDep, SnapshotDep
from api.service.admitted_route import AdmittedRoute
from api.views import translate
from jobs import workers

router = APIRouter(prefix="/workers", tags=["workers"], route_class=AdmittedRoute)


@router.get("", operation_id="list_workers", summary="List the connected workers")
def list_workers(session: SnapshotDep, caller: CallerDep) -> schemas.Page[schemas.Worker]:
    """Workers that reported within the last seconds, the oldest first, with their devices and the jobs that they
    run."""
    return translate.single_page(
        [translate.worker(each, caller.project) for each in workers.connected_with_jobs(session)]
    )
