"""What is handed in of a job: its manifest, and its report."""

from fastapi import APIRouter, Response

from api.dependencies import JobId
from api.http.etags import NOT_MODIFIED_RESPONSE
from api.reading.polling import Content, PollDep
from api.schemas.manifests import JobManifest
from api.service.admitted_route import AdmittedRoute
from api.views import manifest_views
from jobs.manifests import manifest_of_job
from models import ProjectSession

router = APIRouter(prefix="/jobs/{job_id}", tags=["metrics"], route_class=AdmittedRoute)


@router.get(
    "/manifest",
    operation_id="get_job_manifest",
    summary="What it takes to get a job's result again",
    response_model=JobManifest,
    responses=NOT_MODIFIED_RESPONSE,
)
async def get_job_manifest(job_id: JobId, poll: PollDep) -> Response:
    """Spec, data set with its identity, seed, code and software versions, device and fingerprint, and the SHA-256 of
    weights, checkpoints and metrics. Of a job that has not ended, what is known so far."""

    def content(session: ProjectSession) -> Content:
        return Content(manifest_views.manifest(manifest_of_job(session, job_id)).model_dump_json())

    return await poll.answer(job_id, content, in_snapshot=True)
