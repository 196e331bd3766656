"""Requests to a job that has not ended, and to its repeats: cancel, stop, pause, resume."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, BackgroundTasks, Response
from sqlalchemy.orm import Session

from api import schemas
from api.dependencies import JobId, QueueDep, SessionDep
from api.http.problem_kinds import fails_with
from api.making.job_preconditions import CHECK_IF_MATCH
from api.service.admitted_route import AdmittedRoute
from api.views import translate
from jobs import queries, repeats, requests
from jobs.delivery import TrainingQueue
from jobs.errors import JobFinished, JobNotPaused, RequestPending
from models import Job, JobStatus

router = APIRouter(prefix="/jobs/{job_id}", tags=["jobs"], route_class=AdmittedRoute, dependencies=[CHECK_IF_MATCH])


def _settled(description: str) -> dict[int | str, dict[str, Any]]:
    return {HTTPStatus.OK.value: {"model": schemas.Job, "description": description}}


@router.post(
    "/cancel",
    status_code=HTTPStatus.ACCEPTED,
    operation_id="cancel_job",
    summary="Cancel a job",
    response_description="Requested: no further epoch is stored, and the worker ends the attempt within seconds.",
    responses=_settled("Cancelled: no worker runs the job.") | fails_with(JobFinished),
)
def cancel_job(job_id: JobId, session: SessionDep, response: Response) -> schemas.Job:
    """The job keeps its epochs, but not its weights. Repeating the request changes nothing. A job that has ended in
    another way is 409."""
    return _answer(session, job_id, repeats.ask(session, job_id, requests.request_cancel), response)


@router.post(
    "/stop",
    status_code=HTTPStatus.ACCEPTED,
    operation_id="stop_job",
    summary="Stop a job, and keep its weights",
    response_description="Requested: a worker ends it after the current step, or makes its weights from its last "
    "checkpoint.",
    responses=_settled("Stopped: it has ended.") | fails_with(JobFinished, RequestPending),
)
def stop_job(
    job_id: JobId, session: SessionDep, queue: QueueDep, background: BackgroundTasks, response: Response
) -> schemas.Job:
    """A job that has not trained yet ends at once, without weights. Repeating the request changes nothing."""
    asked = repeats.ask(session, job_id, requests.request_stop)
    _send(asked, queue, background)
    return _answer(session, job_id, asked, response)


@router.post(
    "/pause",
    status_code=HTTPStatus.ACCEPTED,
    operation_id="pause_job",
    summary="Pause a job",
    response_description="Requested: its worker writes a checkpoint after the current step, and frees the device.",
    responses=_settled("Paused: no worker runs the job.") | fails_with(JobFinished, RequestPending),
)
def pause_job(job_id: JobId, session: SessionDep, response: Response) -> schemas.Job:
    """The job waits without a device until it is resumed, stopped or cancelled. Repeating the request changes
    nothing."""
    return _answer(session, job_id, repeats.ask(session, job_id, requests.request_pause), response)


@router.post(
    "/resume",
    operation_id="resume_job",
    summary="Resume a paused job",
    response_description="It is queued again, or continues, if its worker has not paused it yet.",
    responses=fails_with(JobFinished, JobNotPaused),
)
def resume_job(job_id: JobId, session: SessionDep, queue: QueueDep, background: BackgroundTasks) -> schemas.Job:
    """It continues from its last checkpoint, as soon as a worker has a free slot for it."""
    _send(repeats.ask(session, job_id, requests.resume), queue, background)
    return translate.job(queries.find(session, job_id))


def _send(asked: Sequence[Job], queue: TrainingQueue, background: BackgroundTasks) -> None:
    for job in asked:
        if job.status is JobStatus.QUEUED:
            background.add_task(queue.send, job.id)


def _answer(session: Session, job_id: str, asked: Sequence[Job], response: Response) -> schemas.Job:
    """202 while a worker has yet to act, 200 otherwise."""
    if all(job.requested is None for job in asked):
        response.status_code = HTTPStatus.OK
    return translate.job(queries.find(session, job_id))
