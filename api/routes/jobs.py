"""Training jobs: submitting, looking, submitting again."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Body, Query, Response
from sqlalchemy.orm import Session

from api import rerun, schemas, translate
from api.dependencies import JobId, SnapshotDep
from api.once import REPLAYED, OnceDep
from api.strict_route import StrictRoute
from api.submission import JobCreate, JobRerun
from jobs import lifecycle, queries
from models import Job, JobStatus

router = APIRouter(prefix="/jobs", tags=["jobs"], route_class=StrictRoute)

JOB_CURSOR = Query(description="Id of the last job of the page before.", pattern=r"^job_[0-9a-hjkmnp-tv-z]{26}$")
CREATED: dict[int | str, dict[str, Any]] = {
    HTTPStatus.CREATED.value: {
        "headers": {
            "Location": {"description": "Where the job is.", "schema": {"type": "string"}},
            REPLAYED: {
                "description": "`true`: the key's first request made the job, and this is what it was answered.",
                "schema": {"type": "string"},
            },
        }
    }
}


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    operation_id="submit_job",
    summary="Submit a training job",
    response_model=schemas.Job,
    response_description="Accepted: it is stored, and will run.",
    responses=CREATED,
)
def submit_job(body: JobCreate, once: OnceDep) -> Response:
    """The answer has every default resolved; its `queue` says if no worker there is could run the job. `Location` is
    where to ask how it is doing."""
    return once.make("submit_job", lambda: _submit(once.session, body))


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
    "/{job_id}/rerun",
    status_code=HTTPStatus.CREATED,
    operation_id="rerun_job",
    summary="Submit a job again, as it was or with changes",
    response_model=schemas.Job,
    response_description="Accepted: it is stored, and will run.",
    responses=CREATED,
)
def rerun_job(job_id: JobId, once: OnceDep, body: Annotated[JobRerun, Body()] = JobRerun()) -> Response:
    """A new job, of what the old one was submitted with. Without a body, with nothing changed."""

    def submit() -> Job:
        return _submit(once.session, rerun.revised(queries.find(once.session, job_id).job, body))

    return once.make(f"rerun_job {job_id}", submit)


def _submit(session: Session, body: JobCreate) -> Job:
    return lifecycle.submit(
        session,
        body.spec,
        name=body.name,
        tags=body.tags,
        priority=body.priority,
        max_retries=body.max_retries,
        accelerator=body.accelerator,
    )
