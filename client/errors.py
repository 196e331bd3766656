"""What a call can raise.

EpochalError            the service refused, failed, or answered what it should not
└── EpochalUnreachable  it did not answer at all
"""

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
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code
        self.status = status  # HTTP's; None where there was no answer
        self.errors = tuple(errors)
        self.request_id = request_id  # what the service's log has the error under

    @classmethod
    def from_problem(cls, problem: Mapping[str, Any], status: int) -> "EpochalError":
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
        )

    def __str__(self) -> str:
        request = f", request {self.request_id}" if self.request_id else ""
        parts = [f"  {part.place}: {part.detail}" if part.place else f"  {part.detail}" for part in self.errors]
        return "\n".join([f"{self.detail} ({self.code}{request})", *parts])


class EpochalUnreachable(EpochalError):
    """Nothing answered at `address`. Whether a request that changes something arrived is not known then."""

    def __init__(self, address: str, reason: str) -> None:
        super().__init__(f"No answer from {address}: {reason}", code="unreachable")
        self.address = address

    def __str__(self) -> str:
        return self.detail
