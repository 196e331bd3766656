"""The contract: what FastAPI finds in the routes, with every error that there is."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api.errors import (
    DATABASE_UNAVAILABLE,
    ERRORS,
    UNEXPECTED,
    BodyTooLarge,
    InvalidRequest,
    Kind,
    MalformedBody,
    NotReady,
    StorageUnavailable,
    UnsupportedMediaType,
)
from api.problems import MEDIA_TYPE
from api.schemas import Problem
from jobs.errors import (
    CheckpointNotFound,
    IdempotencyKeyReused,
    JobFinished,
    JobNotFound,
    JobNotPaused,
    RequestPending,
    StartingWeightsMissing,
    WeightsNotFound,
)
from training.recipes import RecipeNotFound

TAGS = [
    {"name": "jobs", "description": "Submit training jobs, watch them, ask something of them."},
    {"name": "metrics", "description": "What a job has measured, and what happened to it."},
    {"name": "files", "description": "What a job has written."},
    {"name": "catalogue", "description": "What a job can ask for."},
    {"name": "workers", "description": "Who runs jobs, and what waits for them."},
    {"name": "operations", "description": "For who runs the service."},
]

WITH_BODY = (MalformedBody, BodyTooLarge, UnsupportedMediaType)
NOT_FOUND: dict[str, type[Exception]] = {"{job_id}": JobNotFound, "{recipe}": RecipeNotFound}  # by path parameter

# Beside those that many operations have in common.
OWN: dict[str, tuple[type[Exception], ...]] = {
    "submit_job": (StartingWeightsMissing, IdempotencyKeyReused),
    "rerun_job": (StartingWeightsMissing, IdempotencyKeyReused),
    "cancel_job": (JobFinished,),
    "stop_job": (JobFinished, RequestPending),
    "pause_job": (JobFinished, RequestPending),
    "resume_job": (JobFinished, JobNotPaused),
    "download_checkpoint": (CheckpointNotFound, StorageUnavailable),
    "download_weights": (WeightsNotFound, StorageUnavailable),
    "list_queue": (JobNotFound,),
}
ASKS_THE_DATABASE = ("/jobs", "/workers", "/queue")


def describe(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document of `app`."""
    document = get_openapi(
        title=app.title, version=app.version, description=app.description, tags=TAGS, routes=app.routes
    )
    schemas = document["components"]["schemas"]
    for framework_name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(framework_name, None)
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(problem.pop("$defs"), Problem=problem)
    for path, operations in document["paths"].items():
        for operation in operations.values():
            operation["responses"] |= _responses(_kinds(path, operation))
    return document


def _kinds(path: str, operation: dict[str, Any]) -> Sequence[Kind]:
    """How an operation can fail."""
    kinds = [ERRORS[InvalidRequest], UNEXPECTED]
    kinds += [ERRORS[error] for parameter, error in NOT_FOUND.items() if parameter in path]
    kinds += [ERRORS[error] for error in OWN.get(operation["operationId"], ())]
    if "requestBody" in operation:
        kinds += [ERRORS[error] for error in WITH_BODY]
    if path == "/readyz":
        kinds.append(ERRORS[NotReady])
    elif any(part in path for part in ASKS_THE_DATABASE):
        kinds.append(DATABASE_UNAVAILABLE)
    return kinds


def _responses(kinds: Sequence[Kind]) -> dict[str, Any]:
    """By status, which several kinds may share."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    by_status = groupby(sorted(kinds, key=lambda kind: kind.status), key=lambda kind: kind.status)
    return {
        str(status): {"description": " ".join(f"{kind.title} (`{kind.code}`)." for kind in sharing), "content": content}
        for status, sharing in by_status
    }
