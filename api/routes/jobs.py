"""Training jobs: submitting, looking, submitting again."""

from contextlib import suppress
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Query, Response

from api import schemas
from api.dependencies import CatalogueDep, DatabaseDep, JobId, JobJsonDep, SessionDep, SnapshotDep
from api.http.errors import InvalidRequest
from api.http.etags import UNCHANGED
from api.http.problem_kinds import fails_with
from api.making import dataset_check, rerun
from api.making import dry_run as dry_runs
from api.making.idempotent import REPLAYED, IdempotentSubmissionDep
from api.making.job_preconditions import AS_EXPECTED
from api.reading.polling import Content, PollDep
from api.schemas import estimates
from api.schemas.job_list import JobQuery
from api.schemas.submission import JobChange, JobCreate, JobRerun
from api.service.admitted_route import AdmittedRoute
from api.views import translate
from jobs import changes, lifecycle, queries
from jobs.errors import (
    CursorInvalid,
    IdempotencyKeyReused,
    JobNotFinished,
    JobNotFound,
    QuotaExceeded,
    StartingWeightsMissing,
)
from jobs.ids import PATTERN
from jobs.submission import Submission
from models import DEFAULT_PROJECT, Job, ProjectSession

router = APIRouter(prefix="/jobs", tags=["jobs"], route_class=AdmittedRoute)

JOB_CURSOR = Query(description="Id of the last job of the page before.", pattern=PATTERN)
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
PREVIEWED: dict[int | str, dict[str, Any]] = {
    HTTPStatus.OK.value: {"model": estimates.DryRun, "description": "With `dry_run`: what the job would be."}
}


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    operation_id="submit_job",
    summary="Submit a training job",
    response_model=schemas.Job,
    response_description="Accepted: it is stored, and will run.",
    responses=CREATED | PREVIEWED | fails_with(StartingWeightsMissing, IdempotencyKeyReused, QuotaExceeded),
)
def submit_job(
    body: JobCreate,
    once: IdempotentSubmissionDep,
    catalogue: CatalogueDep,
    *,
    dry_run: Annotated[bool, Query(description="Store nothing, and answer with what the job would be.")] = False,
) -> Response:
    """The answer has every default resolved; its `queue` says if no worker there is could run the job. `Location` is
    where to ask how it is doing. A data set that the service does not see, or that the spec does not fit, is refused
    here as far as that can be told without decoding images."""
    refusal = dataset_check.refusal(catalogue, body.spec)  # before the transaction, which may not wait for a disk

    def submit() -> Job:
        if refusal:  # but a request that comes again is answered as the first time, whatever the disk is like now
            raise refusal
        return _submit(once.session, body)

    if dry_run:
        preview = dry_runs.preview(once.session, submit)
        return Response(preview.model_dump_json(), media_type="application/json")
    return once.make("submit_job", submit)


@router.get(
    "",
    operation_id="list_jobs",
    summary="List jobs, by default the newest first",
    response_model=schemas.Page[schemas.Job],
    responses=fails_with(CursorInvalid),
)
def list_jobs(session: SnapshotDep, texts: JobJsonDep, query: Annotated[JobQuery, Query()]) -> Response:
    """Filtered first, then cut into pages, which stay as they are while new jobs come in. `next` is the next page."""
    page = queries.list_jobs(session, query.jobs, query.order, after=query.after, limit=query.limit)
    return Response(texts.page(session, page, query.asked), media_type="application/json")


@router.get(
    "/{job_id}",
    operation_id="get_job",
    summary="How a job is doing",
    response_model=schemas.Job,
    responses=UNCHANGED,
)
async def get_job(job_id: JobId, poll: PollDep, texts: JobJsonDep) -> Response:
    """Its status, its progress, its latest and its best epoch, why it waits or why it failed. With `If-None-Match` and
    `Prefer: wait=20`, as soon as any of it changes; but its place in the queue, which others change, is told at the end
    of the wait."""

    def content(session: ProjectSession) -> Content:
        (text,) = texts.of(session, [queries.state_of(session, job_id)])
        return Content(text)

    return await poll.answer(job_id, content, in_one_state=True, tells_place=True)


@router.patch(
    "/{job_id}",
    operation_id="change_job",
    summary="Change a job's labels or its priority",
    dependencies=[AS_EXPECTED],
)
def change_job(job_id: JobId, body: JobChange, session: SessionDep) -> schemas.Job:
    """What it trains stays as it was submitted: `rerun` makes a new job of a changed spec."""
    changes.change(session, job_id, body.values())
    return translate.job(queries.find(session, job_id))


@router.delete(
    "/{job_id}",
    status_code=HTTPStatus.NO_CONTENT,
    operation_id="delete_job",
    summary="Delete a job that has ended, with its files",
    dependencies=[AS_EXPECTED],
    response_class=Response,
    response_description="It is gone; its checkpoints and weights follow within seconds.",
    responses=fails_with(JobNotFinished),
)
def delete_job(job_id: JobId, session: SessionDep) -> Response:
    """Its curves, events, checkpoints and weights cannot be brought back."""
    changes.delete_job(session, job_id)
    return Response(status_code=HTTPStatus.NO_CONTENT)


def _refusal_of_rerun(
    job_id: JobId, database: DatabaseDep, catalogue: CatalogueDep, body: Annotated[JobRerun, Body()] = JobRerun()
) -> InvalidRequest | None:
    """Why its data set refuses the job that it would be: before the transaction, as in `submit_job`. A stored spec
    never changes, so that this stays true. None where there is no such job either: the transaction tells if that is an
    error, or the first request was answered otherwise."""
    with suppress(JobNotFound, InvalidRequest):
        with database.snapshot() as session:
            job = queries.find(session, job_id).job
        return dataset_check.refusal(catalogue, rerun.revised(job, body).spec)
    return None


@router.post(
    "/{job_id}/rerun",
    status_code=HTTPStatus.CREATED,
    operation_id="rerun_job",
    summary="Submit a job again, as it was or with changes",
    response_model=schemas.Job,
    response_description="Accepted: it is stored, and will run.",
    responses=CREATED | fails_with(StartingWeightsMissing, IdempotencyKeyReused, QuotaExceeded),
)
def rerun_job(
    job_id: JobId,
    refusal: Annotated[InvalidRequest | None, Depends(_refusal_of_rerun)],
    _expected: Annotated[None, AS_EXPECTED],
    once: IdempotentSubmissionDep,
    body: Annotated[JobRerun, Body()] = JobRerun(),
) -> Response:
    """A new job, of what the old one was submitted with. Without a body, with nothing changed."""

    def submit() -> Job:
        revised = rerun.revised(queries.find(once.session, job_id).job, body)
        if refusal:
            raise refusal
        return _submit(once.session, revised)

    return once.make(f"rerun_job {job_id}", submit)


def _submit(session: ProjectSession, body: JobCreate) -> Job:
    return lifecycle.submit(session, Submission(**dict(body)), project=session.project or DEFAULT_PROJECT)
