"""Who would run a job."""

from fastapi import APIRouter

from api import schemas, translate
from api.dependencies import CallerDep, SnapshotDep
from api.strict_route import StrictRoute
from jobs import workers

router = APIRouter(prefix="/workers", tags=["workers"], route_class=StrictRoute)


@router.get("", operation_id="list_workers", summary="List the connected workers")
def list_workers(session: SnapshotDep, caller: CallerDep) -> schemas.Page[schemas.Worker]:
    """Those heard of within the last seconds, the oldest first, with what they have and what they do."""
    return translate.whole([translate.worker(record, caller.project) for record in workers.at_work(session)])
