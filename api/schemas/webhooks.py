"""Webhooks, and what they were sent."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, JsonValue

from api.http.validation import RequestBody
from api.schemas.base import ResponseSchema
from api.schemas.fields import NO_DUPLICATES, UNIQUE_ITEMS, Name
from jobs.outbox import EVENT_TYPES, EventType
from webhooks.addresses import LONGEST_URL

# What every deployment accepts. An address in place of the name, or http, is not for every one.
_LABEL = "[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_USUAL_URL = (
    rf"^https://({_LABEL}\.){{0,6}}[A-Za-z]([A-Za-z0-9_-]{{0,61}}[A-Za-z0-9_])?\.?(:[1-9][0-9]{{0,3}})?"
    r'([/?][!-"$-~]*)?$'
)
Url = Annotated[
    str,
    Field(
        min_length=1,
        max_length=LONGEST_URL,
        json_schema_extra={"pattern": _USUAL_URL},
        description="Where to POST: https, any port, on the public Internet or in a network that the operator allows, "
        "where http will do. Redirects by 307 and 308 are followed, 3 at most, to where a webhook may be sent.",
    ),
]
Events = Annotated[
    list[EventType],
    Field(
        min_length=1,
        max_length=len(EVENT_TYPES),
        json_schema_extra=UNIQUE_ITEMS,
        description="What to be told of.",
    ),
    NO_DUPLICATES,
]
FOR_PEOPLE = "For people."
ENABLED_DESCRIPTION = "False: it is sent nothing. A receiver that answers 410 disables its webhook."
EXAMPLE = "https://example.com/epochal"


class WebhookCreate(RequestBody):
    """A webhook to make."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"url": EXAMPLE, "events": ["job.succeeded", "job.failed"], "description": "the lab's chat"},
                {"url": f"{EXAMPLE}/epochs", "events": ["job.epoch"], "enabled": False},
            ]
        },
    )

    url: Url
    events: Events
    description: Name | None = Field(default=None, description=FOR_PEOPLE)
    enabled: bool = Field(default=True, description=ENABLED_DESCRIPTION)


class WebhookChange(RequestBody):
    """What is to be different: a JSON merge patch (RFC 7396)."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"enabled": False}, {"events": ["job.epoch"], "description": None}, {}]},
    )

    # Without a default that would be published: what is not in the body stays. None of these can be null.
    url: Url = Field(default_factory=str)
    events: Events = Field(default_factory=list)
    description: Name | None = Field(default=None, description=FOR_PEOPLE)
    enabled: bool = Field(default_factory=bool, description=ENABLED_DESCRIPTION)


class Webhook(ResponseSchema):
    """An address that is told of a project's events. Its secret is not shown again."""

    id: str
    url: str
    description: str | None
    events: list[EventType]
    enabled: bool = Field(description=ENABLED_DESCRIPTION)
    created_at: datetime


class WebhookWithSecret(Webhook):
    """A webhook whose secret is new."""

    secret: str = Field(
        description="Shown this once. The libraries of https://www.standardwebhooks.com verify with it what they get."
    )


class WebhookDelivery(ResponseSchema):
    """A message to a webhook, and what became of it."""

    id: str = Field(description="The `webhook-id` of the message, the same each time that it is sent.")
    type: EventType | Literal["webhook.ping"]
    status: Literal["pending", "delivered", "failed"] = Field(
        description="`failed`: it is not sent again, unless somebody asks for it."
    )
    payload: dict[str, JsonValue] = Field(description="What is sent: what happened, and to which job.")
    attempts: int = Field(description="Attempts to send it so far, one that is under way included.")
    next_attempt_at: datetime | None = Field(
        description="When it is sent next; null unless it is pending. While it is being sent: when it is sent again, "
        "should nobody hear what became of that."
    )
    delivered_at: datetime | None
    response_status: int | None = Field(description="What the receiver answered to the last attempt, if it did.")
    error: str | None = Field(description="Why the last attempt did not arrive.")
    created_at: datetime
