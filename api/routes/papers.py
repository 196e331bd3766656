"""What is handed in of a job: its manifest, and its report."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from api.dependencies import DatabaseDep, JobId, ServiceDep
from api.http.errors import CurvesNotDrawn, EvaluationNotMade, NotAcceptable, StorageUnavailable
from api.http.etags import NOT_MODIFIED_RESPONSE, IfNoneMatch
from api.http.negotiation import VARY, preferred
from api.http.preconditions import IfMatch
from api.http.problem_kinds import fails_with
from api.reading.derived import derived
from api.reading.job_reports import MEDIA_TYPES, ReportFormat, report_file
from api.reading.polling import Content, PollDep
from api.schemas.manifests import JobManifest
from api.service.admitted_route import AdmittedRoute
from api.views import manifest_views
from jobs.ids import SWEEP_PATTERN
from jobs.manifests import manifest_of_job
from models import ProjectSession
from sweeps.errors import NoExperiment, SweepNotFound

SweepReference = Annotated[str, Field(pattern=SWEEP_PATTERN)]

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


@router.get(
    "/report",
    operation_id="get_job_report",
    summary="A job's result to read, as HTML or Markdown",
    response_class=Response,
    responses=NOT_MODIFIED_RESPONSE
    | {
        200: {
            "content": {media_type: {"schema": {"type": "string"}} for media_type in MEDIA_TYPES.values()},
            "description": "A file.",
            "headers": {
                "Content-Disposition": {"schema": {"type": "string"}},
                "Vary": {"description": "`Accept`.", "schema": {"type": "string"}},
            },
        }
    }
    | fails_with(SweepNotFound, NoExperiment, NotAcceptable, CurvesNotDrawn, EvaluationNotMade, StorageUnavailable),
)
def get_job_report(
    job_id: JobId,
    database: DatabaseDep,
    service: ServiceDep,
    request: Request,
    form: Annotated[
        ReportFormat | None, Query(alias="format", description="HTML by default, or what `Accept` prefers.")
    ] = None,
    sweep: Annotated[
        list[SweepReference],
        Query(max_length=10, description="If repeated: the answers of these experiments follow, in this order."),
    ] = [],  # noqa: B006  # FastAPI copies it
    _declared: IfNoneMatch = None,
    _expected: IfMatch = None,
) -> Response:
    """What was trained on what, how good it is and how sure that is, its curves, what they say, each setting explained,
    where the network is wrong, and what it takes to get the result again. Of a job in any state. The HTML is one file,
    which asks for nothing else and prints on A4. The same job gives the same bytes."""
    chosen = form or _preferred(request)
    name = f'attachment; filename="{job_id}-report.{chosen}"'
    content = report_file(database, service, job_id, chosen, sweep)
    return derived(request, content, MEDIA_TYPES[chosen], {**VARY, "Content-Disposition": name})


def _preferred(request: Request) -> ReportFormat:
    liked = preferred(request.headers.getlist("accept"), list(MEDIA_TYPES.values()))
    return "html" if liked == MEDIA_TYPES["html"] else "md"
