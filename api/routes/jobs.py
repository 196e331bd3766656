"""Training jobs: submit, list, read, change, delete, and submit again."""

from contextlib import suppress
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Query, Response

from api import schemas
from api.dependencies import CatalogueDep, DatabaseDep, EventHubDep, JobId, JobJsonDep, SessionDep, SnapshotDep
from api.http.errors import InvalidRequest
from api.http.etags import NOT_MODIFIED_RESPONSE
from api.http.problem_kinds import fails_with
from api.making import dataset_check, rerun
from api.making import dry_run as dry_runs
from api.making.idempotent import REPLAYED, IdempotentSubmissionDep
from api.making.job_preconditions import CHECK_IF_MATCH
from api.reading.polling import Content, PollDep
from api.schemas import estimates
from api.schemas.job_list import JobQuery
from api.schemas.submission import JobChange, JobCreate, JobRerun
from api.service.admitted_route import AdmittedRoute
from api.views import translate
from catalog.trained.errors import ModelInUse
from jobs import changes, queries, repeats
from jobs.errors import (
    CursorInvalid,
    IdempotencyKeyReused,
    JobNotFinished,
    JobNotFound,
    QuotaExceeded,
    StartingWeightsMissing,
    StartingWeightsUnfit,
)
from jobs.ids import PATTERN
from jobs.submission import Submission
from models import Job, ProjectSession

router = APIRouter(prefix="/jobs", tags=["jobs"], route_class=AdmittedRoute)

JOB_CURSOR = Query(description="Id of the last job of the page before.", pattern=PATTERN)
CREATED_RESPONSES: dict[int | str, dict[str, Any]] = {
    HTTPStatus.CREATED.value: {
        "headers": {
            "Location": {"description": "Where the job is.", "schema": {"type": "string"}},
            REPLAYED: {
                "description": "`true`: the first request with this key made the job, and this is its answer.",
                "schema": {"type": "string"},
            },
        }
    }
}
DRY_RUN_RESPONSES: dict[int | str, dict[str, Any]] = {
    HTTPStatus.OK.value: {"model": estimates.DryRun, "description": "With `dry_run`: what the job would be."}
}


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    operation_id="submit_job",
    summary="Submit a training job",
    response_model=schemas.Job,
    response_description="Accepted: it is stored, and will run.",
    responses=CREATED_RESPONSES
    | DRY_RUN_RESPONSES
    | fails_with(StartingWeightsMissing, StartingWeightsUnfit, IdempotencyKeyReused, QuotaExceeded),
)
def submit_job(
    body: JobCreate,
    submission: IdempotentSubmissionDep,
    catalogue: CatalogueDep,
    *,
    dry_run: Annotated[bool, Query(description="Store nothing, and answer with what the job would be.")] = False,
) -> Response:
    """The answer has every default resolved. Its `queue` says if no connected worker can run the job; `Location` is the
    job's URL. A data set that the service cannot find, or that the spec does not fit, is refused here, as far as that
    can be told without decoding images."""
    refusal = dataset_check.refusal(catalogue, body.spec)  # before the transaction, which must not wait for a disk

    def submit() -> Job:
        # Not before: a repeated request gets its first answer, whatever the disk contains now.
        dataset_check.require_fitting(submission.session, body.spec, refusal)
        return _submit(submission.session, body)

    if dry_run:
        preview = dry_runs.preview(submission.session, submit)
        return Response(preview.model_dump_json(), media_type="application/json")
    return submission.make("submit_job", submit)


@router.get(
    "",
    operation_id="list_jobs",
    summary="List jobs, by default the newest first",
    response_model=schemas.Page[schemas.Job],
    responses=fails_with(CursorInvalid),
)
def list_jobs(session: SnapshotDep, job_json: JobJsonDep, query: Annotated[JobQuery, Query()]) -> Response:
    """Filters apply before paging. New jobs do not shift the pages. `next` is the URL of the next page."""
    page = queries.list_jobs(session, query.filter, query.order, after=query.after, limit=query.limit)
    return Response(job_json.page(session, page, query.parameters), media_type="application/json")


@router.get(
    "/{job_id}",
    operation_id="get_job",
    summary="How a job is doing",
    response_model=schemas.Job,
    responses=NOT_MODIFIED_RESPONSE,
)
async def get_job(job_id: JobId, poll: PollDep, job_json: JobJsonDep) -> Response:
    """Its status, its progress, its latest and its best epoch, why it waits or why it failed. With `If-None-Match` and
    `Prefer: wait=20`, the answer comes as soon as any of this changes. A change of its place in the queue alone does
    not end the wait, because other jobs cause it."""

    def content(session: ProjectSession) -> Content:
        (text,) = job_json.of(session, [queries.state_of(session, job_id)])
        return Content(text)

    return await poll.answer(job_id, content, in_snapshot=True, with_queue_place=True)


@router.patch(
    "/{job_id}",
    operation_id="change_job",
    summary="Change a job's labels or its priority",
    dependencies=[CHECK_IF_MATCH],
)
def change_job(job_id: JobId, body: JobChange, session: SessionDep, hub: EventHubDep) -> schemas.Job:
    """The spec of a job cannot be changed: `rerun` makes a new job with a changed spec."""
    changed = changes.change(session, job_id, body.values())
    hub.job_changed(job_id, changed.revision)
    return translate.job(queries.find(session, job_id))


@router.delete(
    "/{job_id}",
    status_code=HTTPStatus.NO_CONTENT,
    operation_id="delete_job",
    summary="Delete a job that has ended, with its files",
    dependencies=[CHECK_IF_MATCH],
    response_class=Response,
    response_description="Deleted. Its checkpoints and weights are removed within seconds.",
    responses=fails_with(JobNotFinished, ModelInUse),
)
def delete_job(job_id: JobId, session: SessionDep) -> Response:
    """Its curves, events, checkpoints, weights and its trained model cannot be restored. Refused while an alias stands
    for that model, or a job that is not over starts from its weights. A job is deleted with its repeats, once all of
    them have ended."""
    repeats.delete(session, job_id)
    return Response(status_code=HTTPStatus.NO_CONTENT)


def _dataset_refusal(
    job_id: JobId, database: DatabaseDep, catalogue: CatalogueDep, body: Annotated[JobRerun, Body()] = JobRerun()
) -> InvalidRequest | None:
    """Why the data set refuses the new job. It runs before the transaction, as in `submit_job`; a stored spec never
    changes, so that the result stays valid. Also None if there is no such job, or if the changes are invalid: the
    transaction then either repeats the first answer or raises the error.
    """
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
    responses=CREATED_RESPONSES
    | fails_with(StartingWeightsMissing, StartingWeightsUnfit, IdempotencyKeyReused, QuotaExceeded),
)
def rerun_job(
    job_id: JobId,
    refusal: Annotated[InvalidRequest | None, Depends(_dataset_refusal)],
    _expected: Annotated[None, CHECK_IF_MATCH],
    submission: IdempotentSubmissionDep,
    body: Annotated[JobRerun, Body()] = JobRerun(),
) -> Response:
    """Makes a new job from the submission of the old one. Without a body, nothing is changed."""

    def submit() -> Job:
        job = queries.find(submission.session, job_id).job
        revised = rerun.revised(job, body)
        dataset_check.require_fitting(submission.session, revised.spec, refusal, job.dataset_identity)
        return _submit(submission.session, revised)

    return submission.make(f"rerun_job {job_id}", submit)


def _submit(session: ProjectSession, body: JobCreate) -> Job:
    return repeats.submit(session, Submission(**dict(body)), project=session.own_project)
