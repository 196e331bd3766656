"""Jobs side by side."""

from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from api.dependencies import SnapshotDep
from api.http.problem_kinds import fails_with
from api.schemas import comparison as schemas
from api.service.admitted_route import AdmittedRoute
from api.views import translate
from jobs.comparison import ComparedJob, compare
from jobs.downsampled_curves import LEAST_EPOCHS
from jobs.errors import JobNotFound

router = APIRouter(prefix="/compare", tags=["metrics"], route_class=AdmittedRoute)


def _unique(job_ids: list[str]) -> list[str]:
    if len(set(job_ids)) < len(job_ids):
        raise PydanticCustomError("repeated", "should name each job once")
    return job_ids


class CompareQuery(BaseModel):
    """Which jobs, and how much of their curves."""

    model_config = ConfigDict(frozen=True)

    job: Annotated[list[str], AfterValidator(_unique)] = Field(
        min_length=2,
        max_length=10,
        description="Ids of the jobs, each as a parameter of its own.",
        json_schema_extra={"uniqueItems": True},
    )
    max_points: int = Field(
        default=1000,
        ge=LEAST_EPOCHS,
        le=5000,
        description="At most so many epochs are chosen of each job, as `max_points` of GET /v1/jobs/{job_id}/metrics "
        "chooses them. Every job is there with its figures in all of these epochs.",
    )


@router.get(
    "",
    operation_id="compare_jobs",
    summary="Jobs side by side: their curves, and where their specs differ",
    response_model=schemas.Comparison,
    responses=fails_with(JobNotFound),
)
def compare_jobs(session: SnapshotDep, query: Annotated[CompareQuery, Query()]) -> Response:
    """Columns for a chart: one axis of epochs for all of them. Of the specs, only the fields that are not the same."""
    found = compare(session, query.job, query.max_points)
    comparison = schemas.Comparison(
        epochs=list(found.epochs),
        jobs=[_job(each) for each in found.jobs],
        differences=[schemas.Difference(pointer=each.pointer, values=dict(each.values)) for each in found.differences],
    )
    # Written here, in a thread: ten curves take a while.
    return Response(comparison.to_json(), media_type="application/json")


def _job(compared: ComparedJob) -> schemas.ComparedJob:
    job = compared.job
    columns = {
        name: [None if row is None else row[name] for row in compared.rows] for name in schemas.Curves.model_fields
    }
    return schemas.ComparedJob(
        id=job.id,
        name=job.name,
        status=job.status,
        best=translate.best_epoch(compared.best) if compared.best else None,
        curves=schemas.Curves.model_validate(columns),
    )
