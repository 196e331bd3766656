"""The OpenAPI document: what FastAPI derives from the routes, with every error that each operation may answer."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from access.errors import KeyInvalid, KeyNotFound, LinkExpired, LinkInvalid, ProjectNotFound
from api.http.bodies import JSON, MERGE_PATCH
from api.http.errors import (
    BodyTooLarge,
    InvalidRequest,
    KeyMissing,
    MalformedBody,
    NotReady,
    PreconditionFailed,
    ScopeMissing,
    TooManyRequests,
    TooManyWaiting,
    UnsupportedContentEncoding,
    UnsupportedMediaType,
)
from api.http.preconditions import IF_MATCH
from api.http.problem_kinds import (
    DATABASE_KINDS,
    FAILS_WITH,
    HEADERS_TOO_LARGE,
    INTERNAL_ERROR,
    PROBLEM_KINDS,
    REQUEST_TOO_SLOW,
    ProblemKind,
)
from api.http.problems import MEDIA_TYPE
from api.schemas import JobDeleted, JobEvent, JobProgress, PredictionRequest, Problem, StreamReset
from api.service.signed_links import LINKED, LINKED_AS_CSV
from catalog.datasets.errors import DatasetNotFound, UploadNotFound
from jobs.errors import JobNotFound
from sweeps.errors import ExperimentNotFound, SweepNotFound
from training.known.recipes import RecipeNotFound
from webhooks.errors import DeliveryNotFound, WebhookNotFound

TAGS = [
    {"name": "jobs", "description": "Submit training jobs, watch them, ask something of them."},
    {"name": "sweeps", "description": "Several jobs that answer one question, and the questions that are ready-made."},
    {"name": "metrics", "description": "What a job has measured, and what happened to it."},
    {"name": "files", "description": "What a job has written."},
    {"name": "catalogue", "description": "What a job can ask for."},
    {"name": "evaluation", "description": "What a trained network does: by class, confusion, calibration, mistakes."},
    {"name": "trained models", "description": "What jobs leave: files, names, versions and aliases."},
    {"name": "predictions", "description": "What trained models say of pictures."},
    {"name": "data sets", "description": "Bring your own images: upload, look at, mend and delete."},
    {"name": "workers", "description": "Who runs jobs, and what waits for them."},
    {"name": "administration", "description": "API keys, projects and webhooks."},
    {"name": "operations", "description": "For who runs the service."},
]

BODY_ERRORS = (MalformedBody, BodyTooLarge, UnsupportedMediaType, UnsupportedContentEncoding)
FILE_ERRORS = (MalformedBody, UnsupportedContentEncoding)  # of a body that is a file
KEY_ERRORS = (KeyMissing, KeyInvalid, ScopeMissing, TooManyRequests, TooManyWaiting, *DATABASE_KINDS)
NOT_FOUND: dict[str, type[Exception]] = {  # by path parameter
    "{job_id}": JobNotFound,
    "{name}": DatasetNotFound,
    "{upload_id}": UploadNotFound,
    "{recipe}": RecipeNotFound,
    "{sweep_id}": SweepNotFound,
    "{experiment}": ExperimentNotFound,
    "{key_id}": KeyNotFound,
    "{project_id}": ProjectNotFound,
    "{webhook_id}": WebhookNotFound,
    "{delivery_id}": DeliveryNotFound,
}


def openapi_document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document of `app`."""
    document = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        tags=TAGS,
        routes=app.routes,
        servers=app.servers,
    )
    schemas = document["components"]["schemas"]
    # The one body that is JSON or files, so that its route reads it: FastAPI does not know of it.
    schemas |= _streamed_schemas()
    schemas["PredictionRequest"] = PredictionRequest.model_json_schema(ref_template="#/components/schemas/{model}")
    for framework_name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(framework_name, None)
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(problem.pop("$defs"), Problem=problem)
    for path, operations in document["paths"].items():
        if "patch" in operations:
            content = operations["patch"]["requestBody"]["content"]
            if JSON in content:
                content[MERGE_PATCH] = content[JSON]
        for operation in operations.values():
            operation["responses"] |= _responses(_kinds(path, operation))
            for parameter in operation.get("parameters", ()):
                _leave_out_null(parameter["schema"])
    return document


def _streamed_schemas() -> dict[str, Any]:
    """Of the data in streams, which FastAPI does not know of."""
    _, found = models_json_schema(
        [(model, "serialization") for model in (JobEvent, JobProgress, JobDeleted, StreamReset)],
        ref_template="#/components/schemas/{model}",
    )
    schemas: dict[str, Any] = found["$defs"]
    return schemas


def _leave_out_null(schema: dict[str, Any]) -> None:
    """Remove null from a parameter's schema: an optional query parameter or header is absent, never null."""
    choices = schema.pop("anyOf", [])
    kept = [choice for choice in choices if choice != {"type": "null"}]
    schema |= kept[0] if len(kept) == 1 else {"anyOf": kept} if kept else {}


def _kinds(path: str, operation: dict[str, Any]) -> Sequence[ProblemKind]:
    """The kinds of errors that an operation may answer."""
    kinds = [PROBLEM_KINDS[InvalidRequest], HEADERS_TOO_LARGE, INTERNAL_ERROR]
    kinds += [PROBLEM_KINDS[error] for parameter, error in NOT_FOUND.items() if parameter in path]
    by_code = {kind.code: kind for kind in PROBLEM_KINDS.values()}
    kinds += [by_code[code] for response in operation["responses"].values() for code in response.pop(FAILS_WITH, ())]
    if any(parameter["name"] == IF_MATCH for parameter in operation.get("parameters", ())):
        kinds.append(PROBLEM_KINDS[PreconditionFailed])
    if operation["operationId"] in LINKED | LINKED_AS_CSV:
        kinds += [PROBLEM_KINDS[LinkInvalid], PROBLEM_KINDS[LinkExpired]]
    if "requestBody" in operation:
        errors = BODY_ERRORS if JSON in operation["requestBody"]["content"] else FILE_ERRORS
        kinds += [REQUEST_TOO_SLOW, *(PROBLEM_KINDS[error] for error in errors)]
    if path == "/readyz":
        kinds.append(PROBLEM_KINDS[NotReady])
    if path.startswith("/v1/") or path == "/metrics":
        kinds += [PROBLEM_KINDS[error] for error in KEY_ERRORS]
    return list(dict.fromkeys(kinds))


def _responses(kinds: Sequence[ProblemKind]) -> dict[str, Any]:
    """One response for each status, which several kinds may share."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    by_status = groupby(sorted(kinds, key=lambda kind: kind.status), key=lambda kind: kind.status)
    return {
        str(status): {"description": " ".join(f"{kind.title} (`{kind.code}`)." for kind in sharing), "content": content}
        for status, sharing in by_status
    }
