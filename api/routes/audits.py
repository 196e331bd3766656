"""Audits: the search for wrong labels in a version of an uploaded data set."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, Body, Query, Response

from api import schemas
from api.dependencies import DatabaseDep, QueueDep, SessionDep, SlotDep, SnapshotDep
from api.http.accepted import ACCEPTED, accepted
from api.http.errors import InvalidRequest
from api.http.path_ids import path_id
from api.http.problem_kinds import fails_with
from api.making import auditing
from api.making.idempotent import NO_IDEMPOTENCY_KEY
from api.reading.waiting import WaitDep
from api.routes.datasets import DatasetName, Number
from api.service.admitted_route import AdmittedRoute
from api.views import audit_views
from catalog.datasets.errors import AuditFinished, AuditNotFound, VersionNotFound, VersionNotReady
from jobs import audits, dataset_versions
from jobs.errors import QuotaExceeded, StartingWeightsMissing, StartingWeightsUnfit
from jobs.ids import is_audit_id
from models import AuditStatus, ProjectSession

router = APIRouter(prefix="/datasets/{name}/versions/{number}", tags=["data sets"], route_class=AdmittedRoute)

AuditId = Annotated[
    str,
    path_id(
        "audit_id",
        "As the answer to the audit's POST has it.",
        "aud_01kasm2pbk5s9d0w3g6vq8zrhf",
        is_audit_id,
        lambda path: AuditNotFound(path["audit_id"]),
    ),
]


@router.post(
    "/audit",
    status_code=HTTPStatus.ACCEPTED,
    operation_id="audit_dataset",
    summary="Search a version for wrong labels",
    response_model=schemas.Audit,
    response_description="Its jobs are stored, and will run.",
    dependencies=[NO_IDEMPOTENCY_KEY],
    responses=ACCEPTED
    | fails_with(
        VersionNotFound, VersionNotReady, StartingWeightsMissing, StartingWeightsUnfit, QuotaExceeded, InvalidRequest
    ),
)
def audit_version(
    name: DatasetName,
    number: Number,
    session: SessionDep,
    queue: QueueDep,
    background: BackgroundTasks,
    body: Annotated[schemas.AuditCreate, Body()] = schemas.AuditCreate(),
) -> Response:
    """Several jobs each hold out a part of the training images, so that every image is judged by a network that was not
    trained on it; the test images by all of them. Then confident learning tells which labels are probably wrong. All of
    these jobs are accepted, or none is, by the same quotas as any others."""
    version = dataset_versions.find_ready(session, session.own_project, name, number)
    audit = audits.create(session, version, auditing.submissions(session, version, body))
    for job_id in audit.jobs:
        background.add_task(queue.send, job_id)
    answer = audit_views.audit(audit, audits.jobs_of(session, [audit]))
    return accepted(answer, answer.links.self, background)


@router.get(
    "/audits",
    operation_id="list_dataset_audits",
    summary="List the audits of a version, the newest first",
    responses=fails_with(VersionNotFound),
)
def list_audits(
    name: DatasetName,
    number: Number,
    session: SnapshotDep,
    after: Annotated[
        str | None, Query(pattern="^aud_[0-9a-z]{26}$", description="The last one before the page.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> schemas.Page[schemas.Audit]:
    """With what they have found, but for the suspects."""
    version = dataset_versions.find(session, session.own_project, name, number)
    rows = audits.of_version(session, version, after, limit + 1)
    jobs = audits.jobs_of(session, rows[:limit])
    page = [audit_views.audit(row, jobs) for row in rows[:limit]]
    following = f"{page[-1].links.version}/audits?after={page[-1].id}&limit={limit}" if len(rows) > limit else None
    return schemas.Page(data=page, has_more=following is not None, next=following)


@router.get(
    "/audits/{audit_id}",
    operation_id="get_dataset_audit",
    summary="An audit: how far it is, and what it has found",
    response_model=schemas.Audit,
    responses=fails_with(VersionNotFound, AuditNotFound),
)
async def get_audit(
    name: DatasetName, number: Number, audit_id: AuditId, database: DatabaseDep, slot: SlotDep, wait: WaitDep
) -> Response:
    """With `Prefer: wait=20`, the answer comes once it is over, or after 20 seconds."""

    def read() -> schemas.Audit:
        with database.snapshot() as session:
            return _audit(session, name, number, audit_id)

    found = await wait.until_over(slot, read, lambda audit: audit.status is not AuditStatus.RUNNING)
    return wait.answer(found.model_dump_json())


@router.get(
    "/audits/{audit_id}/suspects",
    operation_id="list_audit_suspects",
    summary="Images whose label is probably wrong, the most suspicious first",
    responses=fails_with(VersionNotFound, AuditNotFound),
)
def list_suspects(
    name: DatasetName,
    number: Number,
    audit_id: AuditId,
    session: SnapshotDep,
    after: Annotated[int, Query(ge=0, le=5000, description="How many to pass over.")] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> schemas.Page[schemas.AuditSuspect]:
    """Empty until the audit has succeeded. Send the ids of those that you agree with to `edits`, with the label that is
    right, and train on the version that this makes."""
    version = dataset_versions.find(session, session.own_project, name, number)
    audit = audits.find(session, version, audit_id, with_suspects=True)
    found = audit.suspects or []
    page = [audit_views.suspect(audit, each) for each in found[after : after + limit]]
    has_more = len(found) > after + limit
    following = f"{audit_views.audit_url(audit)}/suspects?after={after + limit}&limit={limit}" if has_more else None
    return schemas.Page(data=page, has_more=has_more, next=following)


@router.post(
    "/audits/{audit_id}/cancel",
    status_code=HTTPStatus.ACCEPTED,
    operation_id="cancel_dataset_audit",
    summary="Cancel an audit, and its jobs",
    response_description="It is over; its jobs are cancelled within seconds.",
    responses=fails_with(VersionNotFound, AuditNotFound, AuditFinished),
)
def cancel_audit(name: DatasetName, number: Number, audit_id: AuditId, session: SessionDep) -> schemas.Audit:
    """Repeating the request changes nothing."""
    version = dataset_versions.find(session, session.own_project, name, number)
    audit = audits.cancel(session, version, audit_id)
    return audit_views.audit(audit, audits.jobs_of(session, [audit]))


def _audit(session: ProjectSession, name: str, number: int, audit_id: str) -> schemas.Audit:
    version = dataset_versions.find(session, session.own_project, name, number)
    audit = audits.find(session, version, audit_id)
    return audit_views.audit(audit, audits.jobs_of(session, [audit]))
