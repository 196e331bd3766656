"""202: what was asked for is stored, and done later."""

from http import HTTPStatus
from typing import Any

from fastapi import BackgroundTasks, Response
from pydantic import BaseModel

ACCEPTED: dict[int | str, dict[str, Any]] = {
    HTTPStatus.ACCEPTED.value: {
        "headers": {"Location": {"description": "Where it is, and how far.", "schema": {"type": "string"}}}
    }
}


def accepted(answer: BaseModel, location: str, background: BackgroundTasks) -> Response:
    """`answer`, which `location` has from now on. `background` is done once it is sent."""
    return Response(
        answer.model_dump_json(),
        HTTPStatus.ACCEPTED,
        {"Location": location},
        media_type="application/json",
        background=background,
    )
