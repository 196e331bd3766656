"""Exceptions that the client raises.

EpochalError                the service refused the request, failed, or sent an unexpected answer
├── EpochalUnreachable      the service did not answer
├── EpochalKeyRefused       401: the service requires an API key, or does not know this one
├── EpochalForbidden        403: the scope of the key is not enough, or the quota of its project is used up
├── EpochalTooManyRequests  429: the rate limit of the key is used up
└── EpochalNoStream         the service answers, but events cannot be streamed
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class InvalidPart:
    """One error in a request, and its place."""

    place: str  # a JSON pointer into the body, or the name of a parameter or header; empty for the whole request
    detail: str


class EpochalError(Exception):
    """The service did not do what was requested. Programs may depend on `code`; the text may change."""

    def __init__(
        self,
        detail: str,
        *,
        code: str,
        status: int | None = None,
        errors: Sequence[InvalidPart] = (),
        request_id: str | None = None,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code
        self.status = status  # of HTTP; None if there was no answer
        self.errors = tuple(errors)
        self.request_id = request_id  # identifies the request in the log of the service
        self.retry_after_seconds = retry_after_seconds  # how long the service asks to wait; None if it does not

    @classmethod
    def from_problem(
        cls, problem: Mapping[str, Any], status: int, retry_after_seconds: float | None = None
    ) -> "EpochalError":
        """From the body of an `application/problem+json` answer."""
        parts = [
            InvalidPart(
                part.get("pointer") or part.get("parameter") or part.get("header") or "", part.get("detail", "")
            )
            for part in problem.get("errors") or ()
        ]
        return cls(
            problem.get("detail") or problem.get("title") or f"HTTP {status}",
            code=problem.get("code", f"http_{status}"),
            status=status,
            errors=parts,
            request_id=problem.get("request_id"),
            retry_after_seconds=retry_after_seconds,
        )

    def __str__(self) -> str:
        request = f", request {self.request_id}" if self.request_id else ""
        parts = [f"  {part.place}: {part.detail}" if part.place else f"  {part.detail}" for part in self.errors]
        return "\n".join([f"{self.detail} ({self.code}{request})", *parts])


class EpochalUnreachable(EpochalError):
    """Nothing answered at `address`. The request may have arrived, and may have changed something."""

    def __init__(self, address: str, reason: str, retry_after_seconds: float | None = None) -> None:
        self.address = without_login(address)
        detail = f"No answer from {self.address}: {reason}"
        super().__init__(detail, code="unreachable", retry_after_seconds=retry_after_seconds)

    def __str__(self) -> str:
        return self.detail


class EpochalKeyRefused(EpochalError):
    """The service requires an API key, and there is none, or it is not valid."""

    def __str__(self) -> str:
        return f"{super().__str__()}\nGive the client an api_key, or set EPOCHAL_API_KEY."


class EpochalForbidden(EpochalError):
    """The API key is valid, but does not allow this. `code` says why: `scope_missing`, `operator_only`,
    `quota_exceeded`."""


class EpochalTooManyRequests(EpochalError):
    """The key is over its requests a minute, and still is after several retries, each after `retry_after_seconds`."""


class EpochalNoStream(EpochalError):
    """The service is too old to stream events, or a proxy buffers its answers. Poll the job instead."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"Events cannot be followed as they happen: {reason}.", code="no_stream")


def without_login(address: str) -> str:
    """To be shown: with nothing of a user and a password, whatever is in them."""
    return re.sub(r"^([A-Za-z][A-Za-z0-9+.-]*://)?.*@", r"\1", address, flags=re.DOTALL)


_KINDS: Mapping[int, type[EpochalError]] = {401: EpochalKeyRefused, 403: EpochalForbidden, 429: EpochalTooManyRequests}


def kind_of(status: int) -> type[EpochalError]:
    """The exception class for an HTTP status."""
    return _KINDS.get(status, EpochalError)
