"""`If-Match` for operations that change a job."""

from typing import Any

from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool

from api.dependencies import JobId, JobJsonDep, SessionDep
from api.http.etags import etag_of
from api.http.preconditions import IfMatch, check_preconditions, has_preconditions
from api.views.job_json import JobJsonCache
from jobs import queries
from jobs.errors import JobNotFound
from jobs.fence import for_update
from models import ProjectSession


async def _check_if_match(
    request: Request, job_id: JobId, session: SessionDep, job_json: JobJsonDep, _declared: IfMatch = None
) -> None:
    if has_preconditions(request):
        await run_in_threadpool(_require_job, request, job_id, session, job_json)


def _require_job(request: Request, job_id: str, session: ProjectSession, job_json: JobJsonCache) -> None:
    """Compare with the ETag of `GET /v1/jobs/{job_id}`. This locks the job: nobody else changes it before this request
    ends. Raises JobNotFound and PreconditionFailed."""
    if session.scalar(for_update(job_id)) is None:
        raise JobNotFound(job_id)
    (text,) = job_json.of(session, [queries.state_of(session, job_id)])
    check_preconditions(request, etag_of(text))


# Checks If-Match before an operation changes a job.
CHECK_IF_MATCH: Any = Depends(_check_if_match)
