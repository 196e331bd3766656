"""Webhooks: who is told of a project's events, and what was sent."""

import json
import re
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from api import schemas
from api.dependencies import CallerDep, DatabaseDep, SessionDep, SettingsDep, SnapshotDep
from api.http.problem_kinds import fails_with
from api.making.idempotent import UNREPEATABLE
from api.service.admitted_route import AdmittedRoute
from api.views import translate
from models import WebhookDelivery
from webhooks import deliveries, endpoints
from webhooks.errors import AddressRefused, DeliveryNotFound, TooManyWebhooks, WebhookDisabled, WebhookNotFound

router = APIRouter(prefix="/webhooks", tags=["administration"], route_class=AdmittedRoute)

WEBHOOK_ID = r"^whk_[0-9a-hjkmnp-tv-z]{26}$"
DELIVERY_ID = r"^msg_[0-9a-hjkmnp-tv-z]{26}$"
Limit = Annotated[int, Query(ge=1, le=100)]


async def _webhook_id(
    webhook_id: Annotated[
        str, Path(description="As `POST /v1/webhooks` returned it.", examples=["whk_01kasm2pbk5s9d0w3g6vq8zrhf"])
    ],
) -> str:
    """What no id looks like names no webhook."""
    if not re.fullmatch(WEBHOOK_ID, webhook_id):
        raise WebhookNotFound(webhook_id)
    return webhook_id


WebhookId = Annotated[str, Depends(_webhook_id)]


async def _delivery_id(
    webhook_id: WebhookId,
    delivery_id: Annotated[
        str, Path(description="The message's `webhook-id`.", examples=["msg_01kasm2pbk5s9d0w3g6vq8zrhf"])
    ],
) -> str:
    """What no id looks like names no delivery."""
    if not re.fullmatch(DELIVERY_ID, delivery_id):
        raise DeliveryNotFound(webhook_id, delivery_id)
    return delivery_id


DeliveryId = Annotated[str, Depends(_delivery_id)]


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    operation_id="create_webhook",
    summary="Make a webhook",
    dependencies=[UNREPEATABLE],
    responses=fails_with(AddressRefused, TooManyWebhooks),
)
def create_webhook(
    body: schemas.WebhookCreate, session: SessionDep, caller: CallerDep, settings: SettingsDep
) -> schemas.WebhookWithSecret:
    """From now on it is sent every event of the caller's project that has one of its types, signed as
    https://www.standardwebhooks.com has it. A message that does not arrive is sent again for about a day. The answer
    has the secret, this once."""
    made = endpoints.make(
        session,
        caller.project,
        body.url,
        body.events,
        settings.webhook_networks,
        description=body.description,
        enabled=body.enabled,
    )
    return schemas.WebhookWithSecret.model_validate(made)


@router.get("", operation_id="list_webhooks", summary="List the webhooks, the newest first")
def list_webhooks(
    session: SnapshotDep,
    caller: CallerDep,
    after: Annotated[
        str | None, Query(description="Id of the last webhook of the page before.", pattern=WEBHOOK_ID)
    ] = None,
    limit: Limit = 20,
) -> schemas.Page[schemas.Webhook]:
    """Of the caller's project."""
    rows = endpoints.list_webhooks(session, caller.project, after, limit + 1)
    return translate.page([schemas.Webhook.model_validate(row) for row in rows], limit, "/v1/webhooks")


@router.get("/{webhook_id}", operation_id="get_webhook", summary="What a webhook is sent, and where")
def get_webhook(webhook_id: WebhookId, session: SnapshotDep, caller: CallerDep) -> schemas.Webhook:
    """Never its secret."""
    return schemas.Webhook.model_validate(endpoints.find(session, caller.project, webhook_id))


@router.patch(
    "/{webhook_id}",
    operation_id="change_webhook",
    summary="Change a webhook",
    responses=fails_with(AddressRefused),
)
def change_webhook(
    webhook_id: WebhookId,
    body: schemas.WebhookChange,
    session: SessionDep,
    caller: CallerDep,
    settings: SettingsDep,
) -> schemas.Webhook:
    """What is not in the body stays. What one that is disabled has yet to be sent is given up."""
    values = body.model_dump(exclude_unset=True)
    changed = endpoints.change(session, caller.project, webhook_id, values, settings.webhook_networks)
    return schemas.Webhook.model_validate(changed)


@router.delete(
    "/{webhook_id}",
    status_code=HTTPStatus.NO_CONTENT,
    operation_id="delete_webhook",
    summary="Delete a webhook",
    response_description="It is sent nothing more.",
)
def delete_webhook(webhook_id: WebhookId, database: DatabaseDep) -> None:
    """With what it was sent, and what it has yet to be sent."""
    endpoints.delete(database.database, database.caller.project, webhook_id)


@router.post(
    "/{webhook_id}/rotate-secret",
    operation_id="rotate_webhook_secret",
    summary="Give a webhook a new secret",
    dependencies=[UNREPEATABLE],
)
def rotate_webhook_secret(webhook_id: WebhookId, session: SessionDep, caller: CallerDep) -> schemas.WebhookWithSecret:
    """It signs from now on. What a receiver refuses until it knows it is sent again, and signed anew. The answer has
    the secret, this once."""
    return schemas.WebhookWithSecret.model_validate(endpoints.rotate_secret(session, caller.project, webhook_id))


@router.post(
    "/{webhook_id}/ping",
    status_code=HTTPStatus.ACCEPTED,
    operation_id="ping_webhook",
    summary="Send a webhook a message to try it",
    dependencies=[UNREPEATABLE],
    response_description="It is sent at once; the deliveries show what becomes of it.",
    responses=fails_with(WebhookDisabled),
)
def ping_webhook(webhook_id: WebhookId, session: SessionDep, caller: CallerDep) -> schemas.WebhookDelivery:
    """Of type `webhook.ping`, which every webhook is sent."""
    return _answer(deliveries.ping(session, caller.project, webhook_id))


@router.get(
    "/{webhook_id}/deliveries", operation_id="list_webhook_deliveries", summary="What a webhook was sent, newest first"
)
def list_webhook_deliveries(
    webhook_id: WebhookId,
    session: SnapshotDep,
    caller: CallerDep,
    after: Annotated[
        str | None, Query(description="Id of the last delivery of the page before.", pattern=DELIVERY_ID)
    ] = None,
    limit: Limit = 20,
) -> schemas.Page[schemas.WebhookDelivery]:
    """And what it has yet to be sent. For 30 days."""
    rows = deliveries.list_deliveries(session, caller.project, webhook_id, after, limit + 1)
    return translate.page([_answer(row) for row in rows], limit, f"/v1/webhooks/{webhook_id}/deliveries")


@router.post(
    "/{webhook_id}/deliveries/{delivery_id}/redeliver",
    status_code=HTTPStatus.ACCEPTED,
    operation_id="redeliver_webhook_delivery",
    summary="Send a message again",
    dependencies=[UNREPEATABLE],
    response_description="It is sent at once; the deliveries show what becomes of it.",
    responses=fails_with(WebhookDisabled),
)
def redeliver_webhook_delivery(
    webhook_id: WebhookId, delivery_id: DeliveryId, session: SessionDep, caller: CallerDep
) -> schemas.WebhookDelivery:
    """Whatever became of it, under the same `webhook-id`. One that is about to be sent is sent once."""
    return _answer(deliveries.redeliver(session, caller.project, webhook_id, delivery_id))


def _answer(row: WebhookDelivery) -> schemas.WebhookDelivery:
    status = "delivered" if row.delivered_at else "pending" if row.next_attempt_at else "failed"
    fields = {name: getattr(row, name) for name in schemas.WebhookDelivery.model_fields if name != "status"}
    return schemas.WebhookDelivery(**fields | {"status": status, "payload": json.loads(row.payload)})
