"""Evaluations of trained models on data sets."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, Depends, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from api import schemas
from api.dependencies import CatalogueDep, DatabaseDep, QueueDep, ServiceDep, SessionDep, SlotDep, SnapshotDep
from api.http.accepted import ACCEPTED, accepted
from api.http.errors import InvalidRequest
from api.http.etags import IfNoneMatch
from api.http.path_ids import path_id
from api.http.preconditions import IfMatch
from api.http.problem_kinds import fails_with
from api.making import evaluating
from api.making.idempotent import NO_IDEMPOTENCY_KEY
from api.reading.model_evaluation import EvaluatedModel
from api.reading.waiting import WaitDep
from api.routes.evaluations import FAILURES, JSON, PNG, SVG, content_responses
from api.routes.models import ModelReference
from api.service.admitted_route import AdmittedRoute
from api.views import model_task_views
from api.views.csv_text import MEDIA_TYPE as CSV
from api.views.trained_model_views import model_url
from catalog.trained.errors import ModelNotFound, ModelTaskNotFound, TooManyModelTasks
from catalog.trained.references import resolve
from jobs import model_tasks, tasks
from jobs.dataset_versions import WAKE_UP
from jobs.errors import QuotaExceeded
from jobs.ids import EVALUATION_PATTERN, is_evaluation_id

router = APIRouter(prefix="/models/{model}/evaluations", tags=["evaluation"], route_class=AdmittedRoute)

EvaluationId = Annotated[
    str,
    path_id(
        "evaluation_id",
        "As the answer to the evaluation's POST has it.",
        "evl_01kasm2pbk5s9d0w3g6vq8zrhf",
        is_evaluation_id,
        lambda path: ModelTaskNotFound(path["model"], tasks.EVALUATE, path["evaluation_id"]),
    ),
]


def _evaluated(
    model: ModelReference,
    evaluation_id: EvaluationId,
    database: DatabaseDep,
    service: ServiceDep,
    request: Request,
    _declared: IfNoneMatch = None,
    _expected: IfMatch = None,
) -> EvaluatedModel:
    return EvaluatedModel.find(request, database, service, model, evaluation_id)


EvaluatedModelDep = Annotated[EvaluatedModel, Depends(_evaluated)]

_FAILURES = fails_with(ModelNotFound, ModelTaskNotFound, *FAILURES)


@router.post(
    "",
    status_code=HTTPStatus.ACCEPTED,
    operation_id="evaluate_model",
    summary="Evaluate a trained model on a data set",
    response_model=schemas.ModelEvaluation,
    response_description="A worker will evaluate it.",
    dependencies=[NO_IDEMPOTENCY_KEY],
    responses=ACCEPTED | fails_with(ModelNotFound, TooManyModelTasks, QuotaExceeded, InvalidRequest),
)
def evaluate_model(
    model: ModelReference,
    body: schemas.EvaluationCreate,
    session: SessionDep,
    queue: QueueDep,
    catalogue: CatalogueDep,
    background: BackgroundTasks,
) -> Response:
    """On a data set with the same classes, by name and in any order; other classes are refused with what differs. What
    is under way already is not done twice: the answer is the same evaluation."""
    refusal = evaluating.elsewhere(catalogue, body)  # before the transaction, which must not wait for a disk
    row = resolve(session, session.own_project, model)
    asked = evaluating.request(session, row, body, refusal)
    background.add_task(queue.send, WAKE_UP)
    answer = model_task_views.evaluation(asked, None)
    return accepted(answer, answer.links.self, background)


@router.get(
    "",
    operation_id="list_model_evaluations",
    summary="List the evaluations of a trained model, the newest first",
    responses=fails_with(ModelNotFound),
)
def list_evaluations(
    model: ModelReference,
    session: SnapshotDep,
    after: Annotated[str | None, Query(pattern=EVALUATION_PATTERN, description="The last one before the page.")] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> schemas.Page[schemas.ModelEvaluationSummary]:
    """Without what was measured. The evaluation on the test split of its own job is the job's."""
    row = resolve(session, session.own_project, model)
    found = model_tasks.of_model(session, row, tasks.EVALUATE, after, limit + 1)
    carried_out = model_tasks.carried_out_by(session, found[:limit])
    page = [model_task_views.evaluation_summary(each, carried_out.get(each.id)) for each in found[:limit]]
    has_more = len(found) > limit
    following = f"{model_url(row.id)}/evaluations?after={page[-1].id}&limit={limit}" if has_more else None
    return schemas.Page(data=page, has_more=has_more, next=following)


@router.get(
    "/{evaluation_id}",
    operation_id="get_model_evaluation",
    summary="An evaluation of a trained model: how far it is, and what was measured",
    response_model=schemas.ModelEvaluation,
    responses=_FAILURES,
)
async def get_model_evaluation(
    model: ModelReference,
    evaluation_id: EvaluationId,
    database: DatabaseDep,
    service: ServiceDep,
    request: Request,
    slot: SlotDep,
    wait: WaitDep,
) -> Response:
    """With `Prefer: wait=20`, the answer comes once it is over, or after 20 seconds."""

    def read() -> EvaluatedModel:
        return EvaluatedModel.find(request, database, service, model, evaluation_id)

    found = await wait.until_over(slot, read, lambda evaluated: evaluated.told.finished_at is not None)
    return wait.answer(await run_in_threadpool(found.whole))


@router.get(
    "/{evaluation_id}/confusion",
    operation_id="get_model_confusion",
    summary="Which classes a trained model takes for which",
    response_model=schemas.Confusion,
    responses=content_responses(JSON, "It does not change.") | _FAILURES,
)
def get_confusion(evaluated: EvaluatedModelDep) -> Response:
    """As of a job."""
    return evaluated.shown("confusion", JSON)


@router.get(
    "/{evaluation_id}/confusion.csv",
    operation_id="get_model_confusion_csv",
    summary="The confusion matrix of an evaluation, as CSV",
    response_class=Response,
    responses=content_responses(CSV, "Text in UTF-8.") | _FAILURES,
)
def get_confusion_csv(evaluated: EvaluatedModelDep) -> Response:
    """As of a job."""
    return evaluated.shown("confusion.csv", CSV)


@router.get(
    "/{evaluation_id}/confusion.svg",
    operation_id="get_model_confusion_svg",
    summary="The confusion matrix of an evaluation, as an SVG",
    response_class=Response,
    responses=content_responses(SVG, "The most confused pairs, and the matrix.") | _FAILURES,
)
def get_confusion_svg(evaluated: EvaluatedModelDep) -> Response:
    """As of a job."""
    return evaluated.shown("confusion.svg", SVG)


@router.get(
    "/{evaluation_id}/reliability.svg",
    operation_id="get_model_reliability_svg",
    summary="How often a trained model is right by its confidence, as an SVG",
    response_class=Response,
    responses=content_responses(SVG, "A reliability diagram.") | _FAILURES,
)
def get_reliability_svg(evaluated: EvaluatedModelDep) -> Response:
    """As of a job."""
    return evaluated.shown("reliability.svg", SVG)


@router.get(
    "/{evaluation_id}/mistakes.png",
    operation_id="get_model_mistakes_png",
    summary="The most confident mistakes of an evaluation on a contact sheet, as a PNG",
    response_class=Response,
    responses=content_responses(PNG, "At most 1600 by 2400 pixels.") | _FAILURES,
)
def get_mistakes_png(evaluated: EvaluatedModelDep) -> Response:
    """Each as the network takes it in, with its label, what it was taken for, and the probabilities of both."""
    return evaluated.sheet()
