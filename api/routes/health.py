"""For who operates the service."""

from fastapi import APIRouter

from api import schemas
from api.dependencies import ServiceDep
from api.readiness import check
from api.strict_route import OpenRoute

router = APIRouter(tags=["operations"], route_class=OpenRoute)


@router.get("/livez", operation_id="get_liveness", summary="Whether the process answers")
async def get_liveness() -> schemas.Live:
    """Asks nothing of anybody: restart the process where this does not answer."""
    return schemas.Live()


@router.get("/readyz", operation_id="get_readiness", summary="Whether the service can do its work")
async def get_readiness(service: ServiceDep) -> schemas.Ready:
    """Asks the database, the broker, and whether a worker is connected. Without the last two jobs are accepted all the
    same, and run once they are back."""
    return await check(service)
