"""Export of jobs to an MLflow tracking server, which the operator has set."""

from functools import partial

from anyio import to_thread
from fastapi import APIRouter

from api import schemas
from api.dependencies import DatabaseDep, JobId, ServiceDep
from api.http.errors import MlflowNotSet, MlflowRefused, MlflowUnavailable
from api.http.problem_kinds import fails_with
from api.making.idempotent import NO_IDEMPOTENCY_KEY
from api.reading import mlflow_export
from api.service.admitted_route import ExportRoute

router = APIRouter(prefix="/jobs", tags=["files"], route_class=ExportRoute)


@router.post(
    "/{job_id}/export/mlflow",
    operation_id="export_to_mlflow",
    summary="Write a job to the operator's MLflow server, as a run",
    response_model=schemas.MlflowRun,
    response_description="The run has what the job has measured so far.",
    dependencies=[NO_IDEMPOTENCY_KEY],
    responses=fails_with(MlflowNotSet, MlflowUnavailable, MlflowRefused),
)
async def export_to_mlflow(job_id: JobId, database: DatabaseDep, service: ServiceDep) -> schemas.MlflowRun:
    """Spec, epochs, labels and status. A job has one run: repeated, the request sends what is new. The answer comes
    once all is written, after at most a minute."""
    export = partial(mlflow_export.export, database, service.settings, job_id)
    found = await to_thread.run_sync(export, limiter=service.limits.mlflow_threads)
    return schemas.MlflowRun(
        experiment=found.experiment, run_id=found.run_id, is_new=found.is_new, epochs_sent=found.epochs
    )
