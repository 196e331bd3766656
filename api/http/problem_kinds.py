"""The table of errors and their answers: status, code and title of each.

Domain errors know no HTTP. A test checks that every one of them is in the table.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from http import HTTPStatus
from typing import Any

from access.errors import KeyInvalid, KeyNotFound, LinkExpired, LinkInvalid, ProjectExists, ProjectNotFound, TooManyKeys
from api.http.errors import (
    BodyTooLarge,
    CurvesNotDrawn,
    EvaluationNotMade,
    InvalidRequest,
    KeyMissing,
    MalformedBody,
    MlflowNotSet,
    MlflowRefused,
    MlflowUnavailable,
    NotAcceptable,
    NotEvaluable,
    NotReady,
    OperatorOnly,
    PictureNotDrawn,
    PreconditionFailed,
    PredictionsUnavailable,
    RangeNotSatisfiable,
    ScopeMissing,
    StorageUnavailable,
    TensorboardNotInstalled,
    TooManyRequests,
    TooManyWaiting,
    UnknownTusVersion,
    UnsupportedContentEncoding,
    UnsupportedMediaType,
)
from catalog.datasets.errors import (
    AuditFinished,
    AuditNotFound,
    DatasetInUse,
    DatasetNotFound,
    ImageNotFound,
    ImportRefused,
    LengthMismatch,
    NameTaken,
    OffsetMismatch,
    TooManyUploads,
    UploadComplete,
    UploadNotFound,
    UploadRefused,
    UploadTooLarge,
    VersionNotFound,
    VersionNotReady,
)
from catalog.datasets.listing import DatasetsUnavailable
from catalog.trained.errors import (
    AliasNotFound,
    ModelFileNotFound,
    ModelInUse,
    ModelNameNotFound,
    ModelNotExported,
    ModelNotFound,
    ModelTaskNotFound,
    ModelTooLarge,
    TooManyModelTasks,
)
from jobs.errors import (
    CheckpointNotFound,
    CursorInvalid,
    IdempotencyKeyReused,
    IsRepeat,
    JobFinished,
    JobNotFinished,
    JobNotFound,
    JobNotPaused,
    NotRepeatable,
    PredictionsNotFound,
    QuotaExceeded,
    RepeatsFewer,
    RequestPending,
    StartingWeightsMissing,
    StartingWeightsUnfit,
    WeightsNotFound,
)
from models import (
    DatabaseBusy,
    DatabaseChanged,
    DatabaseConnectionsExhausted,
    DatabaseDamaged,
    DatabaseFull,
    DatabaseMissing,
    DatabaseOutdated,
    DatabaseReadOnly,
    DatabaseRefused,
    DatabaseUnavailable,
)
from serving.errors import Busy, Closed, ModelUnavailable, ModelUnusable
from sweeps.errors import ExperimentNotFound, NoExperiment, SweepFinished, SweepNotFinished, SweepNotFound
from training.brought import WeightsRefused
from training.known.recipes import RecipeNotFound
from webhooks.errors import AddressRefused, DeliveryNotFound, TooManyWebhooks, WebhookDisabled, WebhookNotFound

RETRY_AFTER_SECONDS = 5


def _no_members(_error: object) -> Mapping[str, Any]:
    return {}


def _no_headers(_error: object) -> Mapping[str, str]:
    return {}


def _with_status(error: Any) -> Mapping[str, Any]:
    return {"job_status": error.status.value}


@dataclass(frozen=True, slots=True, eq=False)
class ProblemKind:
    """How one kind of error is answered. Clients depend on `code`: its meaning never changes."""

    status: int
    code: str
    title: str
    detail: str | None = None  # replaces the error's own text where a client must not see that
    headers: Mapping[str, str] = field(default_factory=dict)
    members: Callable[[Any], Mapping[str, Any]] = _no_members  # extension members (RFC 9457, 3.2)
    own_headers: Callable[[Any], Mapping[str, str]] = _no_headers  # headers that depend on the error

    @property
    def type(self) -> str:
        """A URI reference. `GET /problems` lists all of them."""
        return f"/problems#{self.code}"


_RETRY = {"Retry-After": str(RETRY_AFTER_SECONDS)}
_CHALLENGE = {"WWW-Authenticate": "Bearer"}

_SOON = "Ask again in a few seconds."
_OPERATOR = "This does not pass by itself: whoever runs the service has to mend it."


def _database(error: type[DatabaseUnavailable], code: str, status: int = 503) -> ProblemKind:
    """The kind for an outage of the database, with Retry-After where it passes by itself."""
    detail, headers = (_SOON, _RETRY) if error.is_transient else (_OPERATOR, {})
    return ProblemKind(status, code, error.title().rstrip("."), detail=detail, headers=headers)


DATABASE_KINDS: dict[type[Exception], ProblemKind] = {
    DatabaseUnavailable: _database(DatabaseUnavailable, "database_unavailable"),
    DatabaseBusy: _database(DatabaseBusy, "database_busy"),
    DatabaseChanged: _database(DatabaseChanged, "database_changed"),
    DatabaseConnectionsExhausted: _database(DatabaseConnectionsExhausted, "database_connections_exhausted"),
    DatabaseDamaged: _database(DatabaseDamaged, "database_damaged"),
    DatabaseFull: _database(DatabaseFull, "database_full", status=507),
    DatabaseMissing: _database(DatabaseMissing, "database_missing"),
    DatabaseOutdated: _database(DatabaseOutdated, "database_outdated"),
    DatabaseReadOnly: _database(DatabaseReadOnly, "database_read_only"),
    DatabaseRefused: _database(DatabaseRefused, "database_refused"),
}

PROBLEM_KINDS: dict[type[Exception], ProblemKind] = {
    JobNotFound: ProblemKind(404, "job_not_found", "There is no such job"),
    JobFinished: ProblemKind(409, "job_finished", "The job has ended", members=_with_status),
    CursorInvalid: ProblemKind(
        422,
        "cursor_invalid",
        "There is no such page",
        members=lambda error: {"errors": [{"parameter": "after", "detail": str(error)}]},
    ),
    JobNotFinished: ProblemKind(409, "job_not_finished", "The job has not ended", members=_with_status),
    QuotaExceeded: ProblemKind(
        403,
        "quota_exceeded",
        "The project's quota is used up",
        members=lambda error: {"quota": error.quota, "bound": error.bound, "used": error.used},
    ),
    IsRepeat: ProblemKind(409, "job_is_repeat", "The job repeats another one"),
    RepeatsFewer: ProblemKind(409, "repeats_fewer", "The job has more repeats already"),
    NotRepeatable: ProblemKind(409, "job_not_repeatable", "The job cannot be repeated by this release"),
    JobNotPaused: ProblemKind(409, "job_not_paused", "The job is not paused", members=_with_status),
    RequestPending: ProblemKind(
        409,
        "request_pending",
        "Something else has been asked of the job",
        members=lambda error: {**_with_status(error), "pending": error.pending.value},
    ),
    IdempotencyKeyReused: ProblemKind(422, "idempotency_key_reused", "The Idempotency-Key is another request's"),
    CheckpointNotFound: ProblemKind(404, "checkpoint_not_found", "There is no such checkpoint"),
    WeightsNotFound: ProblemKind(404, "weights_not_found", "The job has no weights", members=_with_status),
    PredictionsNotFound: ProblemKind(404, "predictions_not_found", "The job has no predictions", members=_with_status),
    StartingWeightsMissing: ProblemKind(
        422,
        "starting_weights_missing",
        "There are no weights to start from",
        members=lambda error: {"errors": [{"pointer": "#/spec/starting_weights", "detail": error.reason}]},
    ),
    StartingWeightsUnfit: ProblemKind(
        422,
        "starting_weights_unfit",
        "The weights are of another network",
        members=lambda error: {"errors": [{"pointer": "#/spec/starting_weights", "detail": error.reason}]},
    ),
    DatasetNotFound: ProblemKind(404, "dataset_not_found", "There is no such data set"),
    VersionNotFound: ProblemKind(404, "dataset_version_not_found", "The data set has no such version"),
    VersionNotReady: ProblemKind(
        409,
        "dataset_version_not_ready",
        "The version is not ready",
        members=lambda error: {"version_status": error.status},
    ),
    ImageNotFound: ProblemKind(404, "image_not_found", "The version has no such image"),
    NameTaken: ProblemKind(409, "dataset_name_taken", "The name is another data set's"),
    DatasetInUse: ProblemKind(
        409, "dataset_in_use", "Jobs or audits need the data set", members=lambda error: {"jobs": list(error.job_ids)}
    ),
    ModelNotFound: ProblemKind(404, "model_not_found", "There is no such trained model"),
    ModelFileNotFound: ProblemKind(404, "model_file_not_found", "The trained model has no such file"),
    ModelTaskNotFound: ProblemKind(404, "model_task_not_found", "The trained model has no such export or evaluation"),
    ModelNameNotFound: ProblemKind(404, "model_name_not_found", "No trained model has the name"),
    AliasNotFound: ProblemKind(404, "alias_not_found", "The name has no such alias"),
    TooManyModelTasks: ProblemKind(
        409, "too_many_model_tasks", "The project has as many exports and evaluations under way as it may have"
    ),
    ModelInUse: ProblemKind(
        409, "model_in_use", "The trained model is needed", members=lambda error: {"needed_by": list(error.needed_by)}
    ),
    ModelTooLarge: ProblemKind(413, "model_too_large", "The file is too large"),
    WeightsRefused: ProblemKind(
        422,
        "weights_refused",
        "The file is of no network here",
        members=lambda error: {"differences": [asdict(each) for each in error.differences]},
    ),
    ModelNotExported: ProblemKind(
        409,
        "model_not_exported",
        "The trained model is not exported to ONNX",
        members=lambda error: {"hint": f'POST /v1/models/{error.model_id}/exports with {{"formats": ["onnx"]}}'},
    ),
    ModelUnusable: ProblemKind(409, "model_unusable", "The trained model cannot predict"),
    ModelUnavailable: ProblemKind(503, "model_unavailable", "The trained model's file cannot be read", headers=_RETRY),
    Busy: ProblemKind(429, "predictions_busy", "The project has too many pictures waiting", headers=_RETRY),
    Closed: ProblemKind(503, "predictions_ended", "Predictions have ended here", headers=_RETRY),
    PredictionsUnavailable: ProblemKind(
        503, "predictions_unavailable", "The service of predictions does not answer", headers=_RETRY
    ),
    AuditNotFound: ProblemKind(404, "audit_not_found", "The version has no such audit"),
    AuditFinished: ProblemKind(
        409, "audit_finished", "The audit has ended", members=lambda error: {"audit_status": error.status}
    ),
    SweepNotFound: ProblemKind(404, "sweep_not_found", "There is no such sweep"),
    SweepFinished: ProblemKind(
        409, "sweep_finished", "The sweep has ended", members=lambda error: {"sweep_status": error.status}
    ),
    SweepNotFinished: ProblemKind(
        409, "sweep_not_finished", "The sweep has not ended", members=lambda error: {"sweep_status": error.status}
    ),
    ExperimentNotFound: ProblemKind(404, "experiment_not_found", "There is no such experiment"),
    NoExperiment: ProblemKind(409, "no_experiment", "The sweep is of no experiment"),
    UploadNotFound: ProblemKind(404, "upload_not_found", "There is no such upload"),
    UploadComplete: ProblemKind(409, "upload_complete", "The upload is complete"),
    OffsetMismatch: ProblemKind(
        409,
        "mismatching_upload_offset",
        "The bytes do not follow those that have arrived",
        members=lambda error: {"expected-offset": error.offset},
        own_headers=lambda error: {"Upload-Offset": str(error.offset)},
    ),
    LengthMismatch: ProblemKind(409, "mismatching_upload_length", "The file's length was another"),
    UploadTooLarge: ProblemKind(413, "upload_too_large", "The file is too large"),
    UploadRefused: ProblemKind(415, "upload_refused", "The file is no archive that is read here"),
    ImportRefused: ProblemKind(403, "import_refused", "Nothing is imported from there"),
    TooManyUploads: ProblemKind(409, "too_many_uploads", "The project has as many unfinished uploads as it may have"),
    RecipeNotFound: ProblemKind(404, "recipe_not_found", "There is no such recipe"),
    WebhookNotFound: ProblemKind(404, "webhook_not_found", "There is no such webhook"),
    DeliveryNotFound: ProblemKind(404, "delivery_not_found", "There is no such delivery"),
    AddressRefused: ProblemKind(
        422,
        "address_refused",
        "Nothing is sent to this address",
        members=lambda error: {"errors": [{"pointer": "#/url", "detail": error.reason}]},
    ),
    WebhookDisabled: ProblemKind(409, "webhook_disabled", "The webhook is disabled"),
    TooManyWebhooks: ProblemKind(409, "too_many_webhooks", "The project has as many webhooks as it may have"),
    MalformedBody: ProblemKind(400, "malformed_body", "The body cannot be read"),
    UnsupportedMediaType: ProblemKind(
        415, "unsupported_media_type", "The body is of another type", own_headers=lambda error: error.headers
    ),
    UnsupportedContentEncoding: ProblemKind(
        415,
        "unsupported_content_encoding",
        "The body must not be compressed",
        headers={"Accept-Encoding": "identity"},
    ),
    UnknownTusVersion: ProblemKind(
        412, "unknown_tus_version", "The version of tus is another", own_headers=lambda error: error.headers
    ),
    NotAcceptable: ProblemKind(
        406, "not_acceptable", "There is no such form of the answer", headers={"Vary": "Accept"}
    ),
    PreconditionFailed: ProblemKind(
        412, "precondition_failed", "It has changed, or is not there", own_headers=lambda error: error.headers
    ),
    BodyTooLarge: ProblemKind(413, "body_too_large", "The body is too large"),
    InvalidRequest: ProblemKind(
        422, "invalid_request", "The request is not valid", members=lambda error: {"errors": error.errors}
    ),
    NotReady: ProblemKind(
        503, "not_ready", "The service is not ready", headers=_RETRY, members=lambda error: error.members
    ),
    RangeNotSatisfiable: ProblemKind(
        416,
        "range_not_satisfiable",
        "The file has no such bytes",
        headers={"Accept-Ranges": "bytes"},
        own_headers=lambda error: error.headers,
    ),
    DatasetsUnavailable: ProblemKind(503, "datasets_unavailable", "The data sets cannot be looked at", headers=_RETRY),
    StorageUnavailable: ProblemKind(503, "storage_unavailable", "The storage does not answer", headers=_RETRY),
    CurvesNotDrawn: ProblemKind(503, "curves_not_drawn", "The curves could not be drawn", headers=_RETRY),
    EvaluationNotMade: ProblemKind(503, "evaluation_not_made", "The evaluation could not be made", headers=_RETRY),
    NotEvaluable: ProblemKind(409, "not_evaluable", "There is no such evaluation"),
    PictureNotDrawn: ProblemKind(503, "picture_not_drawn", "The picture could not be drawn", headers=_RETRY),
    TensorboardNotInstalled: ProblemKind(501, "tensorboard_not_installed", "TensorBoard's files cannot be written"),
    MlflowNotSet: ProblemKind(409, "mlflow_not_set", "There is no MLflow server to export to"),
    MlflowUnavailable: ProblemKind(503, "mlflow_unavailable", "The MLflow server does not answer", headers=_RETRY),
    MlflowRefused: ProblemKind(502, "mlflow_refused", "The MLflow server does not take the run"),
    KeyMissing: ProblemKind(401, "key_missing", "There is no API key", headers=_CHALLENGE),
    KeyInvalid: ProblemKind(401, "key_invalid", "The API key is not valid", headers=_CHALLENGE),
    LinkInvalid: ProblemKind(403, "link_invalid", "The link is not valid"),
    LinkExpired: ProblemKind(403, "link_expired", "The link's minute is over"),
    ScopeMissing: ProblemKind(
        403,
        "scope_missing",
        "The API key is not for this",
        members=lambda error: {"needed_scope": error.needed},
        own_headers=lambda error: {"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{error.needed}"'},
    ),
    OperatorOnly: ProblemKind(403, "operator_only", "Only the operator may do this"),
    TooManyRequests: ProblemKind(
        429, "too_many_requests", "Too many requests", own_headers=lambda error: error.headers
    ),
    TooManyWaiting: ProblemKind(429, "too_many_waiting", "Too many requests wait at once", headers=_RETRY),
    KeyNotFound: ProblemKind(404, "key_not_found", "There is no such key"),
    TooManyKeys: ProblemKind(409, "too_many_keys", "The project has as many keys as it may have"),
    ProjectNotFound: ProblemKind(404, "project_not_found", "There is no such project"),
    ProjectExists: ProblemKind(409, "project_exists", "There is such a project already"),
    **DATABASE_KINDS,
}

# Refusals before routing: by the server and the outer middleware.
_CLOSE = {"Connection": "close"}
MALFORMED_REQUEST = ProblemKind(400, "malformed_request", "The request is not HTTP")
NOT_LOCAL = ProblemKind(403, "not_local", "The request does not come from a program on this machine")
REQUEST_TOO_SLOW = ProblemKind(408, "request_too_slow", "The request came in too slowly", headers=_CLOSE)
HEADERS_TOO_LARGE = ProblemKind(431, "headers_too_large", "The address and the headers are too large", headers=_CLOSE)
TOO_MANY_CONNECTIONS = ProblemKind(
    503, "too_many_connections", "Too many connections are open", headers={**_RETRY, **_CLOSE}
)
BEFORE_ROUTING = (MALFORMED_REQUEST, NOT_LOCAL, REQUEST_TOO_SLOW, HEADERS_TOO_LARGE, TOO_MANY_CONNECTIONS)

# Answers of the router itself, by status.
BY_ROUTER: dict[int, ProblemKind] = {
    404: ProblemKind(404, "route_not_found", "There is nothing at this address"),
    405: ProblemKind(405, "method_not_allowed", "The address does not have this method"),
}

INTERNAL_ERROR = ProblemKind(
    500,
    "internal_error",
    "Something went wrong on our side",
    detail="The service's log tells more under this request_id.",
)


def all_kinds() -> Sequence[ProblemKind]:
    """Every kind of error, by status and code."""
    return sorted(
        {*PROBLEM_KINDS.values(), *BY_ROUTER.values(), *BEFORE_ROUTING, INTERNAL_ERROR},
        key=lambda kind: (kind.status, kind.code),
    )


def kind_of_status(status: int) -> ProblemKind:
    """The kind for an HTTPException of the framework, of which only the status is known."""
    phrase = HTTPStatus(status).phrase
    return BY_ROUTER.get(status) or ProblemKind(status, phrase.lower().replace(" ", "_"), phrase)


FAILS_WITH = "x-fails-with"


def fails_with(*errors: type[Exception]) -> dict[int | str, dict[str, Any]]:
    """For a route's `responses`: the errors that are particular to it. `api.contract.openapi` adds those that follow
    from its path parameters, its body and its preconditions, and removes the key FAILS_WITH from the document."""
    found: dict[int | str, dict[str, Any]] = {}
    for error in errors:
        kind = PROBLEM_KINDS[error]
        found.setdefault(kind.status, {FAILS_WITH: []})[FAILS_WITH].append(kind.code)
    return found
