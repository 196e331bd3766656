"""Exports of trained models to formats that others run."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, Query, Response

from api import schemas
from api.dependencies import DatabaseDep, QueueDep, SessionDep, SlotDep
from api.http.accepted import ACCEPTED, accepted
from api.http.path_ids import path_id
from api.http.problem_kinds import fails_with
from api.making.idempotent import NO_IDEMPOTENCY_KEY
from api.reading.waiting import WaitDep
from api.routes.models import ModelReference
from api.service.admitted_route import AdmittedRoute
from api.views import model_task_views
from api.views.trained_model_views import model_url
from catalog.trained.errors import ModelNotFound, ModelTaskNotFound, TooManyModelTasks
from catalog.trained.references import resolve
from jobs import model_tasks, tasks
from jobs.dataset_versions import WAKE_UP
from jobs.errors import QuotaExceeded
from jobs.ids import EXPORT_PATTERN, is_export_id
from models import ProjectSession

router = APIRouter(prefix="/models/{model}/exports", tags=["trained models"], route_class=AdmittedRoute)

ExportId = Annotated[
    str,
    path_id(
        "export_id",
        "As the answer to the export's POST has it.",
        "exp_01kasm2pbk5s9d0w3g6vq8zrhf",
        is_export_id,
        lambda path: ModelTaskNotFound(path["model"], tasks.EXPORT, path["export_id"]),
    ),
]


@router.post(
    "",
    status_code=HTTPStatus.ACCEPTED,
    operation_id="export_model",
    summary="Export a trained model",
    response_model=schemas.ModelExport,
    response_description="A worker will make the files.",
    dependencies=[NO_IDEMPOTENCY_KEY],
    responses=ACCEPTED | fails_with(ModelNotFound, TooManyModelTasks, QuotaExceeded),
)
def export_model(
    model: ModelReference, body: schemas.ExportCreate, session: SessionDep, queue: QueueDep, background: BackgroundTasks
) -> Response:
    """What is under way already is not made twice: the answer is the same export. A file that is made anew replaces the
    one of the same name."""
    row = resolve(session, session.own_project, model)
    asked = model_tasks.request_export(session, row, body.formats)
    background.add_task(queue.send, WAKE_UP)
    answer = model_task_views.export(asked, None, row)
    return accepted(answer, answer.links.self, background)


@router.get(
    "",
    operation_id="list_model_exports",
    summary="List the exports of a trained model, the newest first",
    response_model=schemas.Page[schemas.ModelExport],
    responses=fails_with(ModelNotFound),
)
async def list_exports(
    model: ModelReference,
    database: DatabaseDep,
    slot: SlotDep,
    wait: WaitDep,
    after: Annotated[str | None, Query(pattern=EXPORT_PATTERN, description="The last one before the page.")] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> Response:
    """Also those that workers make by themselves when a job ends. With `Prefer: wait=20`, the answer comes once all of
    the page are over, or after 20 seconds."""

    def read() -> schemas.Page[schemas.ModelExport]:
        with database.snapshot() as session:
            return _page(session, model, after, limit)

    found = await wait.until_over(slot, read, lambda page: all(each.finished_at for each in page.data))
    return wait.answer(found.model_dump_json())


@router.get(
    "/{export_id}",
    operation_id="get_model_export",
    summary="An export: how far it is, and its files",
    response_model=schemas.ModelExport,
    responses=fails_with(ModelNotFound, ModelTaskNotFound),
)
async def get_export(
    model: ModelReference, export_id: ExportId, database: DatabaseDep, slot: SlotDep, wait: WaitDep
) -> Response:
    """With `Prefer: wait=20`, the answer comes once it is over, or after 20 seconds."""

    def read() -> schemas.ModelExport:
        with database.snapshot() as session:
            return _export(session, model, export_id)

    found = await wait.until_over(slot, read, lambda export: export.finished_at is not None)
    return wait.answer(found.model_dump_json())


def _page(session: ProjectSession, reference: str, after: str | None, limit: int) -> schemas.Page[schemas.ModelExport]:
    model = resolve(session, session.own_project, reference)
    found = model_tasks.of_model(session, model, tasks.EXPORT, after, limit + 1)
    carried_out = model_tasks.carried_out_by(session, found[:limit])
    page = [model_task_views.export(each, carried_out.get(each.id), model) for each in found[:limit]]
    has_more = len(found) > limit
    following = f"{model_url(model.id)}/exports?after={page[-1].id}&limit={limit}" if has_more else None
    return schemas.Page(data=page, has_more=has_more, next=following)


def _export(session: ProjectSession, reference: str, export_id: str) -> schemas.ModelExport:
    model = resolve(session, session.own_project, reference)
    row = model_tasks.find(session, model, tasks.EXPORT, export_id, whole=True)
    return model_task_views.export(row, model_tasks.carried_out_by(session, [row]).get(row.id), model)
