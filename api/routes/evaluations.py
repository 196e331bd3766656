"""Evaluations of jobs: what their networks do on the test split."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from api import schemas
from api.dependencies import DatabaseDep, JobId, ServiceDep
from api.http.errors import EvaluationNotMade, NotEvaluable, PictureNotDrawn, StorageUnavailable
from api.http.etags import NOT_MODIFIED_RESPONSE, IfNoneMatch
from api.http.preconditions import IfMatch
from api.http.problem_kinds import fails_with
from api.reading.job_evaluation import EvaluatedJob
from api.service.admitted_route import AdmittedRoute
from api.views.csv_text import MEDIA_TYPE as CSV
from jobs.errors import PredictionsNotFound

router = APIRouter(prefix="/jobs/{job_id}", tags=["evaluation"], route_class=AdmittedRoute)

JSON, PNG, SVG = "application/json", "image/png", "image/svg+xml"
FAILURES = (NotEvaluable, EvaluationNotMade, StorageUnavailable)


def content_responses(media_type: str, description: str) -> dict[int | str, dict[str, Any]]:
    """Of an operation whose answer has a tag of its content."""
    schema = {"type": "string", "format": "binary"} if media_type == PNG else {"type": "string"}
    content = {} if media_type == JSON else {"content": {media_type: {"schema": schema}}}
    return NOT_MODIFIED_RESPONSE | {200: {**content, "description": description}}


def _evaluated(
    job_id: JobId,
    database: DatabaseDep,
    service: ServiceDep,
    request: Request,
    _declared: IfNoneMatch = None,
    _expected: IfMatch = None,
) -> EvaluatedJob:
    return EvaluatedJob.find(request, database, service, job_id)


EvaluatedJobDep = Annotated[EvaluatedJob, Depends(_evaluated)]

_FAILURES = fails_with(PredictionsNotFound, *FAILURES)
_PICTURE_FAILURES = fails_with(PredictionsNotFound, *FAILURES, PictureNotDrawn)


@router.get(
    "/evaluation",
    operation_id="get_evaluation",
    summary="What a job's network does on the test split",
    response_model=schemas.Evaluation,
    responses=content_responses(JSON, "It does not change.") | _FAILURES,
)
def get_evaluation(evaluated: EvaluatedJobDep) -> Response:
    """Of a job that has succeeded: accuracy with its interval, results by class, calibration with the temperature that
    improves it, the most confused pairs, the most confident mistakes, and images whose label is probably wrong."""
    return evaluated.shown("evaluation", JSON)


@router.get(
    "/confusion",
    operation_id="get_confusion",
    summary="Which classes a job's network takes for which",
    response_model=schemas.Confusion,
    responses=content_responses(JSON, "It does not change.") | _FAILURES,
)
def get_confusion(evaluated: EvaluatedJobDep) -> Response:
    """The confusion matrix of the test split, and the most confused pairs. The images of a cell can be mended by an
    edit of the data set: see `POST /v1/datasets/{name}/versions/{number}/edits`."""
    return evaluated.shown("confusion", JSON)


@router.get(
    "/confusion.csv",
    operation_id="get_confusion_csv",
    summary="The confusion matrix of a job's network, as CSV",
    response_class=Response,
    responses=content_responses(CSV, "Text in UTF-8.") | _FAILURES,
)
def get_confusion_csv(evaluated: EvaluatedJobDep) -> Response:
    """A row for each label, a column for each predicted class; with more than 500 classes a row for each cell that has
    images. A name that a spreadsheet would take for a formula begins with an apostrophe."""
    return evaluated.shown("confusion.csv", CSV)


@router.get(
    "/confusion.svg",
    operation_id="get_confusion_svg",
    summary="The confusion matrix of a job's network, as an SVG",
    response_class=Response,
    responses=content_responses(SVG, "The most confused pairs, and the matrix.") | _FAILURES,
)
def get_confusion_svg(evaluated: EvaluatedJobDep) -> Response:
    """The most confused pairs first, and then the matrix: of more than 100 classes, those with the most mistakes."""
    return evaluated.shown("confusion.svg", SVG)


@router.get(
    "/reliability.svg",
    operation_id="get_reliability_svg",
    summary="How often a job's network is right by its confidence, as an SVG",
    response_class=Response,
    responses=content_responses(SVG, "A reliability diagram.") | _FAILURES,
)
def get_reliability_svg(evaluated: EvaluatedJobDep) -> Response:
    """The reliability diagram as the network is, and beside it with the temperature."""
    return evaluated.shown("reliability.svg", SVG)


@router.get(
    "/mistakes.png",
    operation_id="get_mistakes_png",
    summary="The most confident mistakes of a job's network on a contact sheet, as a PNG",
    response_class=Response,
    responses=content_responses(PNG, "At most 1600 by 2400 pixels.") | _PICTURE_FAILURES,
)
def get_mistakes_png(evaluated: EvaluatedJobDep) -> Response:
    """Each with its label, what it was taken for, and the probabilities of both. Of jobs on uploaded data sets: images
    of others are on the workers alone, and an evaluation of the trained model draws them."""
    return evaluated.mistakes()
