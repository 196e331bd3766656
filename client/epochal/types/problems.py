"""Types of the API: problems.

Written by `make sdk` from the OpenAPI document of the API: change the schemas there, not this file.
"""

from __future__ import annotations

from epochal.records import Record, record


@record(frozen=True, slots=True, kw_only=True)
class InvalidPart(Record):
    """An error in one place of a request: in its body, its query or its headers."""

    pointer: str | None = None
    """A JSON pointer (RFC 6901) into the body, as a URI fragment."""
    parameter: str | None = None
    """The name of the query parameter."""
    header: str | None = None
    """The name of the header."""
    detail: str
    """What is expected."""


@record(frozen=True, slots=True, kw_only=True)
class Problem(Record):
    """An error: problem details of RFC 9457."""

    type: str
    """A URI reference that names this kind of error; `GET /problems` lists them."""
    title: str
    """The kind of error in words."""
    status: int
    """The HTTP status."""
    detail: str
    """What is wrong here."""
    instance: str
    """The path of the request."""
    code: str
    """A stable code, for programs to depend on."""
    request_id: str
    """The same as in `X-Request-ID` and in the service's log."""
    errors: tuple[InvalidPart, ...] | None = None
    """If the request is not valid: its errors."""


@record(frozen=True, slots=True, kw_only=True)
class ProblemKind(Record):
    """A kind of error."""

    type: str
    """The `type` of problems of this kind."""
    code: str
    status: int
    title: str
