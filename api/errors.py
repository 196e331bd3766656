"""One table: which error becomes which answer.

A domain error knows no HTTP; its status, code and title stand here, and a test holds every one of them in the table.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from jobs.errors import (
    AttemptFenced,
    CheckpointNotFound,
    IdempotencyKeyReused,
    JobFinished,
    JobNotFound,
    JobNotPaused,
    RequestPending,
    StartingWeightsMissing,
    WeightsNotFound,
)
from models import OUTAGES
from training.recipes import RecipeNotFound

RETRY_AFTER_SECONDS = 5


def _no_members(_error: object) -> Mapping[str, Any]:
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

    @property
    def type(self) -> str:
        """A URI reference; `GET /problems` describes what it names."""
        return f"/problems#{self.code}"


class ApiError(Exception):
    """What only HTTP knows: the request itself is at fault, or the service cannot answer any."""


class MalformedBody(ApiError):
    """The body is not JSON."""


class UnsupportedMediaType(ApiError):
    """The body is said to be something else than JSON."""


class BodyTooLarge(ApiError):
    """The body is longer than any that makes sense."""


class InvalidRequest(ApiError):
    """The body is JSON, and the query well-formed, but not what the operation takes."""

    def __init__(self, errors: Sequence[Mapping[str, str]], count: int) -> None:
        first = ": ".join(errors[0].values())
        super().__init__(f"{first} (and {count - 1} more)" if count > 1 else first)
        self.errors = errors


class NotReady(ApiError):
    """The service cannot do its work now."""

    def __init__(self, missing: Sequence[str], members: Mapping[str, Any]) -> None:
        super().__init__(f"Not answering: {', '.join(missing)}.")
        self.members = members


class StorageUnavailable(ApiError):
    """A file that the database knows of cannot be read from the storage now."""


_RETRY = {"Retry-After": str(RETRY_AFTER_SECONDS)}

DATABASE_UNAVAILABLE = Kind(
    503,
    "database_unavailable",
    "The database does not answer",
    detail="Ask again in a few seconds.",
    headers=_RETRY,
)

ERRORS: dict[type[Exception], Kind] = {
    JobNotFound: Kind(404, "job_not_found", "There is no such job"),
    JobFinished: Kind(409, "job_finished", "The job has ended", members=_with_status),
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
    AttemptFenced: Kind(409, "attempt_fenced", "The attempt no longer has its job"),
    MalformedBody: Kind(400, "malformed_body", "The body is not JSON"),
    UnsupportedMediaType: Kind(
        415, "unsupported_media_type", "The body must be JSON", headers={"Accept": "application/json"}
    ),
    BodyTooLarge: Kind(413, "body_too_large", "The body is too large"),
    InvalidRequest: Kind(
        422, "invalid_request", "The request is not valid", members=lambda error: {"errors": error.errors}
    ),
    NotReady: Kind(503, "not_ready", "The service is not ready", headers=_RETRY, members=lambda error: error.members),
    StorageUnavailable: Kind(503, "storage_unavailable", "The storage does not answer", headers=_RETRY),
    **dict.fromkeys(OUTAGES, DATABASE_UNAVAILABLE),
}

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
    return sorted({*ERRORS.values(), *ROUTING.values(), UNEXPECTED}, key=lambda kind: (kind.status, kind.code))


def kind_of_status(status: int) -> Kind:
    """For an error of the framework's, which is known by its status alone."""
    phrase = HTTPStatus(status).phrase
    return ROUTING.get(status) or Kind(status, phrase.lower().replace(" ", "_"), phrase)
