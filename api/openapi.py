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
    UnsupportedMediaType,
)
from api.problems import MEDIA_TYPE
from api.schemas import Problem
from jobs.errors import JobFinished, JobNotFound, StartingWeightsMissing
from training.recipes import RecipeNotFound

TAGS = [
    {"name": "jobs", "description": "Submit, watch and cancel training jobs."},
    {"name": "metrics", "description": "What a job has measured."},
    {"name": "catalogue", "description": "What a job can ask for."},
    {"name": "workers", "description": "Who runs jobs."},
    {"name": "operations", "description": "For who runs the service."},
]

WITH_BODY = (MalformedBody, BodyTooLarge, UnsupportedMediaType)
NOT_FOUND: dict[str, type[Exception]] = {"{job_id}": JobNotFound, "{recipe}": RecipeNotFound}  # by path parameter


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
    if path.endswith("/cancel"):
        kinds.append(ERRORS[JobFinished])
    if operation["operationId"] == "submit_job":
        kinds.append(ERRORS[StartingWeightsMissing])
    if "requestBody" in operation:
        kinds += [ERRORS[error] for error in WITH_BODY]
    if path == "/readyz":
        kinds.append(ERRORS[NotReady])
    elif "/jobs" in path or "/workers" in path:
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
