"""Liveness and readiness, for those who operate the service."""

from fastapi import APIRouter

from api import schemas
from api.dependencies import ServiceDep
from api.http.strict_route import KeylessRoute

liveness = APIRouter(tags=["operations"], route_class=KeylessRoute)
router = APIRouter(tags=["operations"], route_class=KeylessRoute)


@liveness.get("/livez", operation_id="get_liveness", summary="Whether the process answers")
async def get_liveness() -> schemas.Live:
    """Checks no other part of the service. If this does not answer, restart the process."""
    return schemas.Live()


@router.get("/readyz", operation_id="get_readiness", summary="Whether the service can do its work")
async def get_readiness(service: ServiceDep) -> schemas.Ready:
    """Checks that the database is still the same one, has a schema that this release supports, and is writable; that
    the broker takes messages; that the storage exists; and that a worker is connected that takes jobs. Without the last
    three, jobs are accepted all the same, and run once these are back."""
    return await service.readiness.check()
