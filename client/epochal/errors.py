"""Exceptions that the SDK raises.

EpochalError                            everything below
├── LocalError                          something on this machine is not as it should be: a file, a folder, an argument
├── StreamNotAvailableError             the service answers, but something in between holds its events back
├── UnexpectedAnswerError               what answered is not Epochal's API, or not of a release that this one knows
├── DatasetFailedError                  the service has read an upload, and it is no data set
├── WebhookVerificationError            a message is not from the service, or too old
├── APIConnectionError                  no answer came
│   └── APITimeoutError                 no answer came in time
└── APIStatusError                      an answer came, and it is an error
    ├── BadRequestError                 400
    ├── AuthenticationError             401: no API key, or one that the service does not know
    ├── PermissionDeniedError           403: the scope of the key is not enough, or a quota is used up
    ├── NotFoundError                   404
    ├── ConflictError                   409: not possible in the present state
    ├── PreconditionFailedError         412
    ├── PayloadTooLargeError            413
    ├── UnprocessableEntityError        422: a value is wrong; `errors` says which, and what would be right
    ├── RateLimitError                  429
    └── InternalServerError             500 and above
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class InvalidPart:
    """One error in a request, and its place."""

    place: str  # a JSON pointer into the body, or the name of a parameter or header; empty for the whole request
    detail: str


class EpochalError(Exception):
    """The base of all. `code` is for programs and stays; `message` and `hint` are for people and may change. `hint`
    says what would be right; it is None where the message says so already."""

    def __init__(self, message: str, *, code: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.code})" if self.hint is None else f"{self.message} ({self.code})\n{self.hint}"

    def __reduce__(self) -> Any:
        return _restored, (type(self), self.args, dict(self.__dict__))


class LocalError(EpochalError):
    """Something on this machine is not as it should be: a file, a folder, an argument, a package that is missing."""


class StreamNotAvailableError(EpochalError):
    """The service is too old to stream events, or a proxy holds its answers back. Poll instead: `client.jobs.poll`."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"Events cannot be followed as they happen: {reason}.", code="no_stream")


class UnexpectedAnswerError(EpochalError):
    """What answered is not Epochal's API."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"This is not an answer of Epochal's API: {reason}.", code="unexpected_answer")


class DatasetFailedError(EpochalError):
    """The service has read an upload, and it is no data set. `code`, `message` and `hint` are the service's."""


class WebhookVerificationError(EpochalError):
    """A message has no valid signature, or is too old or from the future: whoever sent it may not be the service."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"This webhook cannot be trusted: {reason}.", code="webhook_not_verified")


class APIConnectionError(EpochalError):
    """Nothing answered at `address`. The request may have arrived, and may have changed something."""

    def __init__(self, address: str, reason: str, *, code: str = "unreachable") -> None:
        self.address = without_login(address)
        super().__init__(f"No answer from {self.address}: {reason}", code=code)


class APITimeoutError(APIConnectionError):
    """Nothing answered in time."""

    def __init__(self, address: str, reason: str) -> None:
        super().__init__(address, reason, code="timeout")


class APIStatusError(EpochalError):
    """The service refused the request, or failed.

    `errors` are the wrong parts of a request, `pointer` the place of the first one: a JSON pointer into the body, or a
    name of a parameter or header. `request_id` identifies the request in the log of the service. `retry_after` is how
    many seconds the service asks to wait; None if it does not. `body` is the answer as it came, where it was JSON.
    `after_loss`: an earlier try of the same request may have been carried out, though its answer was lost.
    """

    after_loss = False

    def __init__(
        self,
        message: str,
        *,
        status_code: int,
        code: str,
        hint: str | None = None,
        errors: Sequence[InvalidPart] = (),
        request_id: str | None = None,
        retry_after: float | None = None,
        body: object = None,
    ) -> None:
        super().__init__(message, code=code, hint=hint)
        self.status_code = status_code
        self.errors = tuple(errors)
        self.request_id = request_id
        self.retry_after = retry_after
        self.body = body

    @property
    def pointer(self) -> str | None:
        """The place of the first wrong part; None where the error is of the request as a whole."""
        return next((part.place for part in self.errors if part.place), None)

    def __str__(self) -> str:
        request = f", request {self.request_id}" if self.request_id else ""
        parts = [f"{part.place}: {part.detail}" if part.place else part.detail for part in self.errors]
        if parts == [self.message]:  # a single one is the message
            parts = []
        more = [*(f"  {part}" for part in parts), *([self.hint] if self.hint else [])]
        return "\n".join([f"{self.message} ({self.code}{request})", *more])


class BadRequestError(APIStatusError):
    """400: the request cannot be read."""


class AuthenticationError(APIStatusError):
    """401: the service requires an API key and there is none, or it does not know this one."""


class PermissionDeniedError(APIStatusError):
    """403: the key is valid, but does not allow this. `code` says why: `scope_missing`, `operator_only`,
    `quota_exceeded`."""


class NotFoundError(APIStatusError):
    """404: there is no such thing, or it is another project's."""


class ConflictError(APIStatusError):
    """409: not possible in the present state, such as cancelling a job that has ended."""


class PreconditionFailedError(APIStatusError):
    """412: it has been changed since it was read."""


class PayloadTooLargeError(APIStatusError):
    """413: the body is too large."""


class UnprocessableEntityError(APIStatusError):
    """422: a value is wrong. `errors` says which, and what would be right."""


class RateLimitError(APIStatusError):
    """429: too many requests, also after the retries, each of which waited for `retry_after`."""


class InternalServerError(APIStatusError):
    """500 and above: the service failed, or cannot be used now."""


_KINDS: Mapping[int, type[APIStatusError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    412: PreconditionFailedError,
    413: PayloadTooLargeError,
    422: UnprocessableEntityError,
    429: RateLimitError,
}


def status_error(
    status_code: int, problem: Mapping[str, Any], retry_after: float | None = None, request_id: str | None = None
) -> APIStatusError:
    """The exception for an answer with this status, whose body is `problem` (RFC 9457); {} where it had none."""
    kind = _KINDS.get(status_code, InternalServerError if status_code >= 500 else APIStatusError)
    errors = problem.get("errors")
    parts = [
        InvalidPart(part.get("pointer") or part.get("parameter") or part.get("header") or "", part.get("detail", ""))
        for part in (errors if isinstance(errors, list) else ())
        if isinstance(part, Mapping)
    ]
    return kind(
        problem.get("detail") or problem.get("title") or f"HTTP {status_code}",
        status_code=status_code,
        code=problem.get("code", f"http_{status_code}"),
        hint=problem.get("hint") or (_KEY_HINT if kind is AuthenticationError else None),
        errors=parts,
        request_id=problem.get("request_id") or request_id,
        retry_after=retry_after,
        body=dict(problem) or None,
    )


_KEY_HINT = "Give the client an api_key, set EPOCHAL_API_KEY, or run: epochal login"


def without_login(address: str) -> str:
    """To be shown: with nothing of a user and a password, whatever is in them."""
    return re.sub(r"^([A-Za-z][A-Za-z0-9+.-]*://)?.*@", r"\1", address, flags=re.DOTALL)


def _restored(kind: type[EpochalError], args: tuple[Any, ...], state: dict[str, Any]) -> EpochalError:
    """Exceptions cross processes as pickles, whose default calls the class with `args` alone."""
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error
