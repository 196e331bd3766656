"""Experiments: questions that several jobs answer together, and the answers."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Body, Request, Response

from api.dependencies import CatalogueDep, CurveCacheDep, DatabaseDep, ProjectDatabase
from api.http.errors import CurvesNotDrawn
from api.http.etags import NOT_MODIFIED_RESPONSE, IfNoneMatch
from api.http.path_ids import path_id
from api.http.preconditions import IfMatch
from api.http.problem_kinds import fails_with
from api.making import sweeping
from api.making.idempotent import IdempotentSubmissionDep, Made
from api.reading import experiment_answers
from api.reading.derived import derived
from api.routes.sweeps import MADE, MAKING_ERRORS, SweepId, made
from api.schemas import experiments as schemas
from api.schemas import sweeps as sweep_schemas
from api.service.admitted_route import AdmittedRoute
from api.service.curve_cache import CurveCache
from api.views import experiment_views, sweep_views
from api.views.curve_data import ImageFormat
from api.views.report.answers import answer_document
from api.views.report.html import to_html
from api.views.report.markdown import to_markdown
from sweeps import making
from sweeps.errors import ExperimentNotFound, NoExperiment
from sweeps.experiments import answering, catalogue

router = APIRouter(tags=["sweeps"], route_class=AdmittedRoute)

ExperimentName = Annotated[
    str,
    path_id(
        "experiment",
        "As GET /v1/experiments lists them.",
        "optimizers",
        catalogue.EXPERIMENTS.__contains__,
        lambda path: ExperimentNotFound(path["experiment"]),
    ),
]
SVG, PNG = "image/svg+xml", "image/png"
TEXT, BINARY = {"type": "string"}, {"type": "string", "format": "binary"}
MARKDOWN, HTML = "text/markdown; charset=utf-8", "text/html; charset=utf-8"


@router.get(
    "/experiments",
    operation_id="list_experiments",
    summary="Questions that several jobs answer together",
    response_model=schemas.ExperimentList,
)
def list_experiments() -> Response:
    """Each with what to expect, and with the jobs that answer it."""
    return Response(experiment_views.every_experiment(), media_type="application/json")


@router.get(
    "/experiments/{experiment}",
    operation_id="get_experiment",
    summary="One of these questions",
    response_model=schemas.Experiment,
)
def get_experiment(experiment: ExperimentName) -> Response:
    """With what to expect, and with the jobs that answer it."""
    return Response(experiment_views.one_experiment(experiment), media_type="application/json")


@router.post(
    "/experiments/{experiment}",
    status_code=HTTPStatus.CREATED,
    operation_id="run_experiment",
    summary="Submit the jobs that answer a question",
    response_model=sweep_schemas.Sweep,
    response_description="Accepted: all of its jobs are stored, and will run.",
    responses=MADE | MAKING_ERRORS,
)
def run_experiment(
    experiment: ExperimentName,
    submission: IdempotentSubmissionDep,
    datasets: CatalogueDep,
    body: Annotated[schemas.ExperimentRun, Body()] = schemas.ExperimentRun(),
) -> Response:
    """It makes a sweep. All of its jobs are accepted, or none is. `GET /v1/sweeps/{sweep_id}/answer` has the answer,
    from the first job that has ended on."""
    found = catalogue.find(experiment)
    preset = found.presets[body.size]
    planned = sweeping.planned_experiment(found, body, datasets)

    def make() -> Made:
        session = submission.session
        trials = sweeping.fitting_experiment(session, planned)
        spec = {"dataset": body.dataset or preset.dataset, **preset.spec}
        sweep = making.create(session, trials, spec=spec, space=preset.space, name=found.title, experiment=found.name)
        return made(session, sweep.id)

    return submission.once(f"run_experiment {experiment}", sweep_views.sweep_url, make)


@router.get(
    "/sweeps/{sweep_id}/answer",
    operation_id="get_answer",
    summary="The answer to the question of an experiment",
    response_model=schemas.Answer,
    responses=fails_with(NoExperiment),
)
def get_answer(sweep_id: SweepId, database: DatabaseDep) -> Response:
    """In words, computed from what the jobs have measured so far: which of the textbook's expectations came out, which
    came out the other way round, and which these runs cannot decide."""
    sweep, found, trials = experiment_answers.read(database, sweep_id)
    told = experiment_views.answer(sweep, found, trials, answering.answer(found, trials))
    return Response(told.model_dump_json(), media_type="application/json")


def _document(
    media_type: str, description: str, *drawing: type[CurvesNotDrawn], schema: Mapping[str, str] = TEXT
) -> dict[int | str, dict[str, Any]]:
    content = {media_type.partition(";")[0]: {"schema": schema}}
    return (
        fails_with(NoExperiment, *drawing)
        | NOT_MODIFIED_RESPONSE
        | {HTTPStatus.OK.value: {"content": content, "description": description}}
    )


@router.get(
    "/sweeps/{sweep_id}/answer.svg",
    operation_id="get_answer_svg",
    summary="The curves of an experiment, as an SVG",
    response_class=Response,
    responses=_document(SVG, "The curves up to now.", CurvesNotDrawn),
)
def get_answer_svg(
    sweep_id: SweepId,
    database: DatabaseDep,
    curve_cache: CurveCacheDep,
    request: Request,
    _declared: IfNoneMatch = None,
    _expected: IfMatch = None,
) -> Response:
    """A curve for each trial."""
    return derived(request, _drawn(database, curve_cache, sweep_id, "svg"), SVG)


@router.get(
    "/sweeps/{sweep_id}/answer.png",
    operation_id="get_answer_png",
    summary="The curves of an experiment, as a PNG",
    response_class=Response,
    responses=_document(PNG, "The curves up to now.", CurvesNotDrawn, schema=BINARY),
)
def get_answer_png(
    sweep_id: SweepId,
    database: DatabaseDep,
    curve_cache: CurveCacheDep,
    request: Request,
    _declared: IfNoneMatch = None,
    _expected: IfMatch = None,
) -> Response:
    """A curve for each trial."""
    return derived(request, _drawn(database, curve_cache, sweep_id, "png"), PNG)


def _drawn(database: ProjectDatabase, curve_cache: CurveCache, sweep_id: str, form: ImageFormat) -> bytes:
    sweep, found, trials = experiment_answers.read(database, sweep_id)
    return experiment_answers.drawn(curve_cache, sweep, found, trials, form)


@router.get(
    "/sweeps/{sweep_id}/answer.md",
    operation_id="get_answer_markdown",
    summary="The answer as Markdown",
    response_class=Response,
    responses=_document(MARKDOWN, "The answer so far."),
)
def get_answer_markdown(
    sweep_id: SweepId,
    database: DatabaseDep,
    curve_cache: CurveCacheDep,
    request: Request,
    _declared: IfNoneMatch = None,
    _expected: IfMatch = None,
) -> Response:
    """The picture is a link to `answer.svg`."""
    found = experiment_answers.answered(database, curve_cache, sweep_id, pictured=False)
    text = to_markdown(answer_document(found))
    return derived(request, text.encode(), MARKDOWN)


@router.get(
    "/sweeps/{sweep_id}/answer.html",
    operation_id="get_answer_html",
    summary="The answer as one HTML file",
    response_class=Response,
    responses=_document(HTML, "The answer so far, as an attachment.", CurvesNotDrawn),
)
def get_answer_html(
    sweep_id: SweepId,
    database: DatabaseDep,
    curve_cache: CurveCacheDep,
    request: Request,
    _declared: IfNoneMatch = None,
    _expected: IfMatch = None,
) -> Response:
    """With the picture in it; it loads nothing from elsewhere."""
    found = experiment_answers.answered(database, curve_cache, sweep_id)
    # As an attachment: a page in a browser, at the API's origin, could do whatever its user may.
    attachment = f'attachment; filename="{found.experiment.name}-{sweep_id}.html"'
    return derived(request, to_html(answer_document(found)).encode(), HTML, {"Content-Disposition": attachment})
