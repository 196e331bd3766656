"""What a job's curves mean."""

from fastapi import APIRouter, Request, Response

from api.dependencies import DatabaseDep, JobId, ServiceDep
from api.http.etags import NOT_MODIFIED_RESPONSE, IfNoneMatch
from api.http.preconditions import IfMatch
from api.reading.derived import derived
from api.reading.diagnosis import diagnosis
from api.schemas.diagnosis import Diagnosis
from api.service.admitted_route import AdmittedRoute

router = APIRouter(prefix="/jobs/{job_id}", tags=["metrics"], route_class=AdmittedRoute)


@router.get(
    "/diagnosis",
    operation_id="get_diagnosis",
    summary="What a job's curves mean, and what to try",
    response_model=Diagnosis,
    responses=NOT_MODIFIED_RESPONSE,
)
def get_diagnosis(
    job_id: JobId,
    database: DatabaseDep,
    service: ServiceDep,
    request: Request,
    _declared: IfNoneMatch = None,
    _expected: IfMatch = None,
) -> Response:
    """Of what is recorded up to now: findings, the most important first, each with its evidence and, where a change of
    the spec helps, with that change, as `rerun` takes it. While the job runs, also a forecast of its last epoch. A run
    with nothing to be said of has no findings."""
    return derived(request, diagnosis(service, database, job_id), "application/json")
