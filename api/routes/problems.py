"""What a problem's `type` refers to."""

from fastapi import APIRouter

from api import schemas, translate
from api.errors import kinds
from api.root_path import address
from api.strict_route import StrictRoute

router = APIRouter(prefix="/problems", tags=["operations"], route_class=StrictRoute)


@router.get("", operation_id="list_problems", summary="List every kind of error")
async def list_problems() -> schemas.Page[schemas.ProblemKind]:
    """Each answers as `application/problem+json` (RFC 9457)."""
    return translate.whole(
        [
            schemas.ProblemKind(type=address(kind.type), code=kind.code, status=kind.status, title=kind.title)
            for kind in kinds()
        ]
    )
