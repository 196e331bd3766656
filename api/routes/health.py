"""For who operates the service."""

from fastapi import APIRouter

from api import schemas
from api.dependencies import ServiceDep
from api.http.strict_route import KeylessRoute

router = APIRouter(tags=["operations"], route_class=KeylessRoute)


@router.get("/livez", operation_id="get_liveness", summary="Whether the process answers")
async def get_liveness() -> schemas.Live:
    """Asks nothing of anybody: restart the process where this does not answer."""
    return schemas.Live()


@router.get("/readyz", operation_id="get_readiness", summary="Whether the service can do its work")
async def get_readiness(service: ServiceDep) -> schemas.Ready:
    """Asks whether the database is the one that it was, has a schema that this release works with, and can be written;
    whether the broker takes messages and the storage is there, and whether a worker is connected that takes jobs.
    Without the last three, jobs are accepted all the same, and run once they are back."""
    return await service.readiness.check()
