"""Curves of many jobs, for small charts."""

from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from api.dependencies import ShortCurvesDep, SnapshotDep
from api.schemas.fields import NO_DUPLICATES, UNIQUE_ITEMS
from api.schemas.job_summaries import CurveList
from api.service.admitted_route import AdmittedRoute
from jobs.downsampled_curves import LEAST_OF_CURVES

router = APIRouter(prefix="/curves", tags=["metrics"], route_class=AdmittedRoute)


class CurvesQuery(BaseModel):
    """Which jobs, and how much of their curves."""

    model_config = ConfigDict(frozen=True)

    job: Annotated[list[str], NO_DUPLICATES] = Field(
        min_length=1,
        max_length=100,
        description="Ids of the jobs, each as a parameter of its own.",
        json_schema_extra=UNIQUE_ITEMS,
    )
    max_points: int = Field(
        default=40,
        ge=LEAST_OF_CURVES,
        le=1000,
        description="At most so many epochs of each job: the first, the last, the best, the lowest and the highest of "
        "each curve, and those of the others that change the shape of the curves most.",
    )


@router.get(
    "",
    operation_id="get_curves",
    summary="The curves of many jobs, each with as many epochs as a small chart needs",
    response_model=CurveList,
)
def get_curves(session: SnapshotDep, curves: ShortCurvesDep, query: Annotated[CurvesQuery, Query()]) -> Response:
    """Columns of loss and accuracy. Each job has epochs of its own; `GET /v1/compare` has one axis for all."""
    return Response(CurveList.json_of(curves.of(session, query.job, query.max_points)), media_type="application/json")
