"""Webhooks and their deliveries."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, JsonValue

from api.http.validation import RequestBody
from api.schemas.base import ResponseSchema, published_as
from api.schemas.fields import NO_DUPLICATES, UNIQUE_ITEMS, Name
from jobs.outbox import EVENT_TYPES, EventType
from webhooks.addresses import LONGEST_URL

# The published pattern: what every deployment accepts. IP addresses and http are accepted only by some.
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
        description="Where to POST: an https URL with any port, on the public Internet or in a network that the "
        "operator allows; there http is accepted, too. At most 3 redirects (307 or 308) are followed, each to an "
        "allowed URL.",
    ),
]
Events = Annotated[
    list[EventType],
    Field(
        min_length=1,
        max_length=len(EVENT_TYPES),
        json_schema_extra=UNIQUE_ITEMS,
        description="The types of events that are sent.",
    ),
    NO_DUPLICATES,
]
FOR_PEOPLE = "A text for people."
ENABLED_DESCRIPTION = "False: nothing is sent. A receiver that answers 410 disables its webhook."
EXAMPLE = "https://example.com/epochal"


class WebhookCreate(RequestBody):
    """A webhook to create."""

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
    """The changes to a webhook: a JSON merge patch (RFC 7396)."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"enabled": False}, {"events": ["job.epoch"], "description": None}, {}]},
    )

    # A default_factory makes a field optional without publishing a default: a field that is left out stays as it is.
    # Only `description` can be null.
    url: Url = Field(default_factory=str)
    events: Events = Field(default_factory=list)
    description: Name | None = Field(default=None, description=FOR_PEOPLE)
    enabled: bool = Field(default_factory=bool, description=ENABLED_DESCRIPTION)


class Webhook(ResponseSchema):
    """A URL to which a project's events are sent. Its secret is not shown again."""

    id: str
    url: str
    description: str | None
    events: list[Annotated[str, published_as(EventType)]] = Field(
        description="The types of the events that it is sent."
    )
    enabled: bool = Field(description=ENABLED_DESCRIPTION)
    created_at: datetime


class WebhookWithSecret(Webhook):
    """A webhook with its new secret."""

    secret: str = Field(
        description="Shown only this once. The libraries of https://www.standardwebhooks.com verify messages with it.",
        json_schema_extra={"format": "password"},
    )


class WebhookDelivery(ResponseSchema):
    """A message to a webhook, and its outcome."""

    id: str = Field(description="The `webhook-id` of the message. It is the same in every attempt.")
    type: Annotated[str, published_as(EventType | Literal["webhook.ping"])] = Field(
        description="The type of the event; `webhook.ping` of a test message."
    )
    status: Literal["pending", "delivered", "failed"] = Field(
        description="`failed`: it is not sent again unless a redelivery is requested."
    )
    payload: dict[str, JsonValue] = Field(description="The body that is sent: what happened, and to which job.")
    attempts: int = Field(description="Attempts to send it so far, including one that is under way.")
    next_attempt_at: datetime | None = Field(
        description="When it is sent next. Null unless it is pending. During an attempt: when it is sent again if that "
        "attempt's outcome is never recorded."
    )
    delivered_at: datetime | None = Field(description="Null until it has arrived.")
    response_status: int | None = Field(
        description="The receiver's answer to the last attempt. Null if there was none."
    )
    error: str | None = Field(description="Why the last attempt failed.")
    created_at: datetime
