"""Jobs side by side."""

from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from api.dependencies import SnapshotDep
from api.http.problem_kinds import fails_with
from api.schemas import comparison as schemas
from api.schemas.fields import NO_DUPLICATES, UNIQUE_ITEMS
from api.service.admitted_route import AdmittedRoute
from api.views import repeat_views, translate
from jobs.comparison import ComparedJob, compare
from jobs.downsampled_curves import LEAST_EPOCHS
from jobs.errors import JobNotFound

router = APIRouter(prefix="/compare", tags=["metrics"], route_class=AdmittedRoute)


class CompareQuery(BaseModel):
    """Which jobs, and how much of their curves."""

    model_config = ConfigDict(frozen=True)

    job: Annotated[list[str], NO_DUPLICATES] = Field(
        min_length=2,
        max_length=10,
        description="Ids of the jobs, each as a parameter of its own.",
        json_schema_extra=UNIQUE_ITEMS,
    )
    max_points: int = Field(
        default=1000,
        ge=LEAST_EPOCHS,
        le=5000,
        description="At most so many epochs are chosen of each job, as `max_points` of GET /v1/jobs/{job_id}/metrics "
        "chooses them. Every job has its values in all epochs that were chosen for any of them.",
    )


@router.get(
    "",
    operation_id="compare_jobs",
    summary="Jobs side by side: their curves, and where their specs differ",
    response_model=schemas.Comparison,
    responses=fails_with(JobNotFound),
)
def compare_jobs(session: SnapshotDep, query: Annotated[CompareQuery, Query()]) -> Response:
    """Columns for a chart, with one axis of epochs for all jobs. Of the specs, only the fields that differ. Of jobs
    with `repeats`, means and intervals, and whether their results differ from the first job's by more than seeds make.
    With repeats, at most 20,000 rows are read: fewer epochs are chosen."""
    found = compare(session, query.job, query.max_points)
    comparison = schemas.Comparison(
        epochs=list(found.epochs),
        jobs=[_job(each) for each in found.jobs],
        differences=[schemas.Difference(pointer=each.pointer, values=dict(each.values)) for each in found.differences],
        verdicts=[repeat_views.verdict(each) for each in found.verdicts],
    )
    # Serialised in this thread: FastAPI would do it in the event loop, which ten curves would block.
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
        repeats=len(compared.repeats),
        curves=schemas.Curves.model_validate(columns),
        spreads=repeat_views.spreads(compared.statistics) if compared.statistics else None,
    )
