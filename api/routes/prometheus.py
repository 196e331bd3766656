"""Metrics for Prometheus."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from api.http.errors import OperatorOnly
from api.http.problem_kinds import fails_with
from api.service.admitted_route import AdmittedRoute
from api.service.meters import CONTENT_TYPE, Exposition

router = APIRouter(tags=["operations"], route_class=AdmittedRoute)

TEXT_RESPONSES: dict[int | str, dict[str, Any]] = {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}}


async def _exposition(request: Request) -> Exposition:
    exposition: Exposition = request.state.exposition
    return exposition


@router.get(
    "/metrics",
    operation_id="get_service_metrics",
    summary="What Prometheus scrapes",
    response_class=Response,
    response_description="Prometheus' text format.",
    responses=TEXT_RESPONSES | fails_with(OperatorOnly),
)
def get_service_metrics(exposition: Annotated[Exposition, Depends(_exposition)]) -> Response:
    """docs/operations.md explains the metrics. If the database does not answer, `epochal_database_up` is 0, and the
    metrics that are read from it are missing."""
    return Response(exposition.text(), media_type=CONTENT_TYPE)
