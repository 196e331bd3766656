"""The list of error kinds, which the `type` of a problem refers to."""

from functools import cache

from fastapi import APIRouter, Response

from api import schemas
from api.http.problem_kinds import all_kinds
from api.http.root_path import public_path
from api.http.strict_route import KeylessRoute
from api.views import translate

router = APIRouter(prefix="/problems", tags=["operations"], route_class=KeylessRoute)


@router.get(
    "",
    operation_id="list_problems",
    summary="List every kind of error",
    response_model=schemas.Page[schemas.ProblemKind],
)
async def list_problems() -> Response:
    """Every error is answered as `application/problem+json` (RFC 9457)."""
    return Response(_every_kind(public_path("")), media_type="application/json")


@cache
def _every_kind(root: str) -> str:
    """As JSON, with URLs below `root`. For one root the result never changes."""
    every = [
        schemas.ProblemKind(type=f"{root}{kind.type}", code=kind.code, status=kind.status, title=kind.title)
        for kind in all_kinds()
    ]
    return translate.single_page(every).to_json()
