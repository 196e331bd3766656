"""One table: which error becomes which answer.

A domain error knows no HTTP; its status, code and title stand here, and a test holds every one of them in the table.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from access.errors import KeyInvalid, KeyNotFound, ProjectExists, ProjectNotFound, TooManyKeys
from api.http.errors import (
    BodyTooLarge,
    CurvesNotDrawn,
    InvalidRequest,
    KeyMissing,
    MalformedBody,
    NotAcceptable,
    NotReady,
    OperatorOnly,
    PreconditionFailed,
    RangeNotSatisfiable,
    ScopeMissing,
    StorageUnavailable,
    TooManyRequests,
    TooManyWaiting,
    UnsupportedContentEncoding,
    UnsupportedMediaType,
)
from catalog.datasets import DatasetsUnavailable
from jobs.errors import (
    CheckpointNotFound,
    CursorInvalid,
    IdempotencyKeyReused,
    JobFinished,
    JobNotFinished,
    JobNotFound,
    JobNotPaused,
    QuotaExceeded,
    RequestPending,
    StartingWeightsMissing,
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
class Kind:
    """How one kind of error goes over the wire. `code` never changes its meaning."""

    status: int
    code: str
    title: str
    detail: str | None = None  # stands for the error's own text where that is not for the client's eyes
    headers: Mapping[str, str] = field(default_factory=dict)
    members: Callable[[Any], Mapping[str, Any]] = _no_members  # what a client may want beside the detail
    own_headers: Callable[[Any], Mapping[str, str]] = _no_headers  # beside those of the kind

    @property
    def type(self) -> str:
        """A URI reference; `GET /problems` describes what it names."""
        return f"/problems#{self.code}"


_RETRY = {"Retry-After": str(RETRY_AFTER_SECONDS)}
_CHALLENGE = {"WWW-Authenticate": "Bearer"}

_SOON = "Ask again in a few seconds."
_OPERATOR = "This does not pass by itself: whoever runs the service has to mend it."


def _database(error: type[DatabaseUnavailable], code: str, status: int = 503) -> Kind:
    """How an outage of the database is told. To ask again is recommended where that helps."""
    detail, headers = (_SOON, _RETRY) if error.passes else (_OPERATOR, {})
    return Kind(status, code, error.title().rstrip("."), detail=detail, headers=headers)


DATABASE_ERRORS: dict[type[Exception], Kind] = {
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

ERRORS: dict[type[Exception], Kind] = {
    JobNotFound: Kind(404, "job_not_found", "There is no such job"),
    JobFinished: Kind(409, "job_finished", "The job has ended", members=_with_status),
    CursorInvalid: Kind(
        422,
        "cursor_invalid",
        "There is no such page",
        members=lambda error: {"errors": [{"parameter": "after", "detail": str(error)}]},
    ),
    JobNotFinished: Kind(409, "job_not_finished", "The job has not ended", members=_with_status),
    QuotaExceeded: Kind(
        403,
        "quota_exceeded",
        "The project's quota is used up",
        members=lambda error: {"quota": error.quota, "bound": error.bound, "used": error.used},
    ),
    JobNotPaused: Kind(409, "job_not_paused", "The job is not paused", members=_with_status),
    RequestPending: Kind(
        409,
        "request_pending",
        "Something else has been asked of the job",
        members=lambda error: {**_with_status(error), "pending": error.pending.value},
    ),
    IdempotencyKeyReused: Kind(422, "idempotency_key_reused", "The Idempotency-Key is another request's"),
    CheckpointNotFound: Kind(404, "checkpoint_not_found", "There is no such checkpoint"),
    WeightsNotFound: Kind(404, "weights_not_found", "The job has no weights", members=_with_status),
    StartingWeightsMissing: Kind(
        422,
        "starting_weights_missing",
        "There are no weights to start from",
        members=lambda error: {"errors": [{"pointer": "#/spec/starting_weights", "detail": error.reason}]},
    ),
    RecipeNotFound: Kind(404, "recipe_not_found", "There is no such recipe"),
    WebhookNotFound: Kind(404, "webhook_not_found", "There is no such webhook"),
    DeliveryNotFound: Kind(404, "delivery_not_found", "There is no such delivery"),
    AddressRefused: Kind(
        422,
        "address_refused",
        "Nothing is sent to this address",
        members=lambda error: {"errors": [{"pointer": "#/url", "detail": error.reason}]},
    ),
    WebhookDisabled: Kind(409, "webhook_disabled", "The webhook is disabled"),
    TooManyWebhooks: Kind(409, "too_many_webhooks", "The project has as many webhooks as it may have"),
    MalformedBody: Kind(400, "malformed_body", "The body is not JSON"),
    UnsupportedMediaType: Kind(
        415, "unsupported_media_type", "The body must be JSON", own_headers=lambda error: error.headers
    ),
    UnsupportedContentEncoding: Kind(
        415,
        "unsupported_content_encoding",
        "The body must not be compressed",
        headers={"Accept-Encoding": "identity"},
    ),
    NotAcceptable: Kind(406, "not_acceptable", "There is no such form of the answer", headers={"Vary": "Accept"}),
    PreconditionFailed: Kind(
        412, "precondition_failed", "It has changed, or is not there", own_headers=lambda error: error.headers
    ),
    BodyTooLarge: Kind(413, "body_too_large", "The body is too large"),
    InvalidRequest: Kind(
        422, "invalid_request", "The request is not valid", members=lambda error: {"errors": error.errors}
    ),
    NotReady: Kind(503, "not_ready", "The service is not ready", headers=_RETRY, members=lambda error: error.members),
    RangeNotSatisfiable: Kind(
        416,
        "range_not_satisfiable",
        "The file has no such bytes",
        headers={"Accept-Ranges": "bytes"},
        own_headers=lambda error: error.headers,
    ),
    DatasetsUnavailable: Kind(503, "datasets_unavailable", "The data sets cannot be looked at", headers=_RETRY),
    StorageUnavailable: Kind(503, "storage_unavailable", "The storage does not answer", headers=_RETRY),
    CurvesNotDrawn: Kind(503, "curves_not_drawn", "The curves could not be drawn", headers=_RETRY),
    KeyMissing: Kind(401, "key_missing", "There is no API key", headers=_CHALLENGE),
    KeyInvalid: Kind(401, "key_invalid", "The API key is not valid", headers=_CHALLENGE),
    ScopeMissing: Kind(
        403,
        "scope_missing",
        "The API key is not for this",
        members=lambda error: {"needed_scope": error.needed},
        own_headers=lambda error: {"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{error.needed}"'},
    ),
    OperatorOnly: Kind(403, "operator_only", "Only the operator may do this"),
    TooManyRequests: Kind(429, "too_many_requests", "Too many requests", own_headers=lambda error: error.headers),
    TooManyWaiting: Kind(429, "too_many_waiting", "Too many requests wait at once", headers=_RETRY),
    KeyNotFound: Kind(404, "key_not_found", "There is no such key"),
    TooManyKeys: Kind(409, "too_many_keys", "The project has as many keys as it may have"),
    ProjectNotFound: Kind(404, "project_not_found", "There is no such project"),
    ProjectExists: Kind(409, "project_exists", "There is such a project already"),
    **DATABASE_ERRORS,
}

# What is refused before any route is asked.
_CLOSE = {"Connection": "close"}
MALFORMED_REQUEST = Kind(400, "malformed_request", "The request is not HTTP")
NOT_LOCAL = Kind(403, "not_local", "The request does not come from a program on this machine")
REQUEST_TOO_SLOW = Kind(408, "request_too_slow", "The request came in too slowly", headers=_CLOSE)
HEADERS_TOO_LARGE = Kind(431, "headers_too_large", "The address and the headers are too large", headers=_CLOSE)
TOO_MANY_CONNECTIONS = Kind(503, "too_many_connections", "Too many connections are open", headers={**_RETRY, **_CLOSE})
REFUSALS = (MALFORMED_REQUEST, NOT_LOCAL, REQUEST_TOO_SLOW, HEADERS_TOO_LARGE, TOO_MANY_CONNECTIONS)

# What the router answers by itself, by status.
ROUTING: dict[int, Kind] = {
    404: Kind(404, "route_not_found", "There is nothing at this address"),
    405: Kind(405, "method_not_allowed", "The address does not have this method"),
}

UNEXPECTED = Kind(
    500,
    "internal_error",
    "Something went wrong on our side",
    detail="The service's log tells more under this request_id.",
)


def kinds() -> Sequence[Kind]:
    """Every kind of error that there is, by status."""
    return sorted(
        {*ERRORS.values(), *ROUTING.values(), *REFUSALS, UNEXPECTED}, key=lambda kind: (kind.status, kind.code)
    )


def kind_of_status(status: int) -> Kind:
    """For an error of the framework's, which is known by its status alone."""
    phrase = HTTPStatus(status).phrase
    return ROUTING.get(status) or Kind(status, phrase.lower().replace(" ", "_"), phrase)


FAILS_WITH = "x-fails-with"


def fails_with(*errors: type[Exception]) -> dict[int | str, dict[str, Any]]:
    """For a route's `responses`: the errors that it alone answers with. Those that follow from its path, its body or
    its conditions need not be named: `api.contract.openapi` adds them, and takes the key FAILS_WITH out again."""
    found: dict[int | str, dict[str, Any]] = {}
    for error in errors:
        kind = ERRORS[error]
        found.setdefault(kind.status, {FAILS_WITH: []})[FAILS_WITH].append(kind.code)
    return found
