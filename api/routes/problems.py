"""What a problem's `type` refers to."""

from functools import cache

from fastapi import APIRouter, Response

from api import schemas, translate
from api.errors import kinds
from api.root_path import address
from api.strict_route import OpenRoute

router = APIRouter(prefix="/problems", tags=["operations"], route_class=OpenRoute)


@router.get(
    "",
    operation_id="list_problems",
    summary="List every kind of error",
    response_model=schemas.Page[schemas.ProblemKind],
)
async def list_problems() -> Response:
    """Each answers as `application/problem+json` (RFC 9457)."""
    return Response(_every_kind(), media_type="application/json")


@cache
def _every_kind() -> str:
    """It never changes: the root path is this process's."""
    every = [
        schemas.ProblemKind(type=address(kind.type), code=kind.code, status=kind.status, title=kind.title)
        for kind in kinds()
    ]
    return translate.whole(every).model_dump_json()
