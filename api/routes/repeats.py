"""A job under several seeds."""

from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from api import schemas
from api.dependencies import JobId, QueueDep, SessionDep, SnapshotDep
from api.http.problem_kinds import fails_with
from api.making.job_preconditions import CHECK_IF_MATCH
from api.schemas import repeats as repeat_schemas
from api.schemas.submission import RepeatsChange
from api.service.admitted_route import AdmittedRoute
from api.views import repeat_views, translate
from jobs import queries, repeats
from jobs.downsampled_curves import LEAST_EPOCHS
from jobs.errors import (
    IsRepeat,
    NotRepeatable,
    QuotaExceeded,
    RepeatsFewer,
    StartingWeightsMissing,
    StartingWeightsUnfit,
)

router = APIRouter(prefix="/jobs/{job_id}/repeats", tags=["jobs"], route_class=AdmittedRoute)


class RepeatsQuery(BaseModel):
    """How much of the curves."""

    model_config = ConfigDict(frozen=True)

    max_points: int = Field(
        default=200,
        ge=LEAST_EPOCHS,
        le=1000,
        description="At most so many epochs, chosen from the longest curve as `max_points` of "
        "GET /v1/jobs/{job_id}/metrics chooses them. Each mean is of all jobs.",
    )


@router.get(
    "",
    operation_id="get_repeats",
    summary="A job under its seeds: its repeats, and every measure's mean and interval",
    response_model=repeat_schemas.Repeats,
)
def get_repeats(job_id: JobId, session: SnapshotDep, query: Annotated[RepeatsQuery, Query()]) -> Response:
    """While they train, a mean is of the jobs that have come so far: `count` says how many."""
    first = queries.find(session, job_id).job
    jobs = repeats.jobs_of(session, first)
    found = repeat_views.repeats(first, jobs, repeats.statistics(session, jobs, query.max_points))
    return Response(found.model_dump_json(), media_type="application/json")


@router.post(
    "",
    operation_id="repeat_job",
    summary="Repeat a job under more seeds",
    response_description="Accepted: its repeats are stored, and will run.",
    dependencies=[CHECK_IF_MATCH],
    responses=fails_with(
        IsRepeat, RepeatsFewer, NotRepeatable, QuotaExceeded, StartingWeightsMissing, StartingWeightsUnfit
    ),
)
def repeat_job(
    job_id: JobId, body: RepeatsChange, session: SessionDep, queue: QueueDep, background: BackgroundTasks
) -> schemas.Job:
    """What has been trained is kept: only seeds of which there is no job get one. Repeating the request changes
    nothing."""
    first = repeats.raise_to(session, job_id, body.repeats)
    for job in repeats.jobs_of(session, first):
        if job.attempt == 0:
            background.add_task(queue.send, job.id)
    return translate.job(queries.find(session, job_id))
