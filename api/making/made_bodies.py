"""Submissions that the service makes up: they are validated like those that come over the wire."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from api.http.errors import InvalidRequest
from api.http.validation import body_errors
from api.schemas.submission import JobCreate


def validated(body: Mapping[str, Any]) -> JobCreate:
    """`body` as `POST /v1/jobs` would take it. Raises InvalidRequest."""
    try:
        return JobCreate.model_validate(body)
    except ValidationError as error:
        errors = error.errors()
        for item in errors:
            item["loc"] = ("body", *item["loc"])
        raise InvalidRequest(body_errors(JobCreate, body, errors), len(errors)) from error
