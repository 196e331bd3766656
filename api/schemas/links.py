"""Signed links."""

from datetime import datetime
from typing import Annotated

from pydantic import ConfigDict, Field

from api.http.validation import RequestBody
from api.schemas.base import ResponseSchema

MOST_PATHS = 100
MAX_PATH_CHARACTERS = 2000

LinkPath = Annotated[str, Field(pattern=r"^/[!-~]*$", max_length=MAX_PATH_CHARACTERS)]


class LinksCreate(RequestBody):
    """Addresses to sign."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"paths": ["/v1/jobs/job_01kasm2pbk5s9d0w3g6vq8zrhf/weights"]}]}
    )

    paths: list[LinkPath] = Field(
        min_length=1,
        max_length=MOST_PATHS,
        description="With their queries, as they would be asked for. Each must be of a GET that answers with a file or "
        "a picture; whether that is there is not looked up.",
    )


class Link(ResponseSchema):
    """A signed link."""

    path: str = Field(description="As it was sent.")
    url: str = Field(description="Where the file is, for whoever has this. Relative to the API's host.")
    expires_at: datetime | None = Field(description="Null: it needs no signature, because no keys are required.")


class Links(ResponseSchema):
    """Signed links, in the order of their paths."""

    data: list[Link]
