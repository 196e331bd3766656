"""Training jobs."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, Query, Response

from api import schemas, translate
from api.dependencies import JobId, QueueDep, SessionDep, SnapshotDep
from api.strict_route import StrictRoute
from api.submission import JobCreate
from jobs import lifecycle, queries
from models import TERMINAL, JobStatus

router = APIRouter(prefix="/jobs", tags=["jobs"], route_class=StrictRoute)

JOB_CURSOR = Query(description="Id of the last job of the page before.", pattern=r"^job_[0-9a-hjkmnp-tv-z]{26}$")


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    operation_id="submit_job",
    summary="Submit a training job",
    response_description="Accepted: it is stored, and will run.",
)
def submit_job(
    body: JobCreate, session: SessionDep, queue: QueueDep, background: BackgroundTasks, response: Response
) -> schemas.Job:
    """The answer has every default resolved. `Location` is where to ask how the job is doing."""
    job = lifecycle.submit(session, body.spec, name=body.name, tags=body.tags)
    background.add_task(queue.send, job.id)  # after the commit and the answer
    response.headers["Location"] = translate.job_url(job.id)
    return translate.job(queries.find(session, job.id))


@router.get("", operation_id="list_jobs", summary="List jobs, the newest first")
def list_jobs(
    session: SnapshotDep,
    status: Annotated[list[JobStatus], Query(default_factory=list, description="One or more; all by default.")],
    after: Annotated[str | None, JOB_CURSOR] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> schemas.Page[schemas.Job]:
    """Filtered first, then cut into pages, which stay as they are while new jobs come in. `next` is the next page."""
    page = queries.list_jobs(session, statuses=status, after=after, limit=limit)
    return translate.jobs(page, status, limit)


@router.get("/{job_id}", operation_id="get_job", summary="How a job is doing")
def get_job(job_id: JobId, session: SnapshotDep) -> schemas.Job:
    """Its status, its progress, its latest and its best epoch, why it waits or why it failed."""
    return translate.job(queries.find(session, job_id))


@router.post(
    "/{job_id}/cancel",
    status_code=HTTPStatus.ACCEPTED,
    operation_id="cancel_job",
    summary="Cancel a job",
    response_description="Asked for: no further epoch is stored, and the worker lets go of the job within seconds.",
    responses={200: {"model": schemas.Job, "description": "Cancelled: no worker has the job."}},
)
def cancel_job(job_id: JobId, session: SessionDep, response: Response) -> schemas.Job:
    """Its epochs stay, its weights do not. Asking again is asking once; what has ended otherwise is 409."""
    job = lifecycle.request_cancel(session, job_id)
    if job.status in TERMINAL:
        response.status_code = HTTPStatus.OK
    return translate.job(queries.find(session, job_id))
