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


async def _job_as_expected(
    request: Request, job_id: JobId, session: SessionDep, texts: JobJsonDep, _declared: IfMatch = None
) -> None:
    if has_preconditions(request):
        await run_in_threadpool(_require_job, request, job_id, session, texts)


def _require_job(request: Request, job_id: str, session: ProjectSession, texts: JobJsonCache) -> None:
    """Its tag is that of `GET /v1/jobs/{job_id}`. From here on nobody else changes it until this request has."""
    if session.scalar(for_update(job_id)) is None:
        raise JobNotFound(job_id)
    (text,) = texts.of(session, [queries.state_of(session, job_id)])
    check_preconditions(request, etag_of(text))


# For an operation that changes a job.
AS_EXPECTED: Any = Depends(_job_as_expected)
