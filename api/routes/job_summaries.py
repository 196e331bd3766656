"""Jobs as rows of a table."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api import schemas
from api.dependencies import JobSummariesDep, SnapshotDep
from api.http.content_coding import json_answer
from api.http.problem_kinds import fails_with
from api.schemas.job_list import JobSummaryQuery
from api.schemas.job_summaries import JobSummary
from api.service.admitted_route import AdmittedRoute
from jobs import queries
from jobs.errors import CursorInvalid

router = APIRouter(prefix="/job-summaries", tags=["jobs"], route_class=AdmittedRoute)


@router.get(
    "",
    operation_id="list_job_summaries",
    summary="List jobs in short, as rows of a table",
    response_model=schemas.Page[JobSummary],
    responses=fails_with(CursorInvalid),
)
def list_job_summaries(
    session: SnapshotDep, summaries: JobSummariesDep, query: Annotated[JobSummaryQuery, Query()], request: Request
) -> Response:
    """As `GET /v1/jobs` lists them, up to a thousand at once: with the hyperparameters by their paths, and with the
    figures of the latest and the best epoch that a table shows."""
    page = queries.list_jobs(session, query.filter, query.order, after=query.after, limit=query.limit)
    return json_answer(request, summaries.page(session, page, query.parameters))
