"""What a call can raise.

EpochalError                the service refused, failed, or answered what it should not
├── EpochalUnreachable      it did not answer at all
├── EpochalKeyRefused       401: it asks for an API key, or knows no such key
├── EpochalForbidden        403: the key's scope is not enough, or its project's quota is used up
├── EpochalTooManyRequests  429: the key's requests of this minute are used up
└── EpochalNoStream         it answers, but events cannot be followed as they happen
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class InvalidPart:
    """What is wrong in one place of a request."""

    place: str  # a JSON pointer into the body, or a parameter's or a header's name; empty for the whole
    detail: str


class EpochalError(Exception):
    """The service did not do what was asked. `code` is what a program may depend on."""

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
        self.status = status  # HTTP's; None where there was no answer
        self.errors = tuple(errors)
        self.request_id = request_id  # what the service's log has the error under
        self.retry_after_seconds = retry_after_seconds  # as the service asks; None where it does not

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
    """Nothing answered at `address`. Whether a request that changes something arrived is not known then."""

    def __init__(self, address: str, reason: str, retry_after_seconds: float | None = None) -> None:
        self.address = without_login(address)
        detail = f"No answer from {self.address}: {reason}"
        super().__init__(detail, code="unreachable", retry_after_seconds=retry_after_seconds)

    def __str__(self) -> str:
        return self.detail


class EpochalKeyRefused(EpochalError):
    """There is no API key, or none that lets anybody in."""

    def __str__(self) -> str:
        return f"{super().__str__()}\nGive the client an api_key, or set EPOCHAL_API_KEY."


class EpochalForbidden(EpochalError):
    """The API key is good, but not for this; `code` says why: `scope_missing`, `operator_only`, `quota_exceeded`."""


class EpochalTooManyRequests(EpochalError):
    """More requests than a key may make in a minute, and still more after each `retry_after_seconds`."""


class EpochalNoStream(EpochalError):
    """An older service, or something in between that holds answers back: ask again and again instead."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"Events cannot be followed as they happen: {reason}.", code="no_stream")


def without_login(address: str) -> str:
    """To be shown: with nothing of a user and a password, whatever is in them."""
    return re.sub(r"^([A-Za-z][A-Za-z0-9+.-]*://)?.*@", r"\1", address, flags=re.DOTALL)


_KINDS: Mapping[int, type[EpochalError]] = {401: EpochalKeyRefused, 403: EpochalForbidden, 429: EpochalTooManyRequests}


def kind_of(status: int) -> type[EpochalError]:
    """The error that an HTTP status is."""
    return _KINDS.get(status, EpochalError)
