"""Webhooks: URLs that receive the events of a project, and their deliveries."""

import json
import re
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query

from api import schemas
from api.dependencies import CallerDep, DatabaseDep, SessionDep, SettingsDep, SnapshotDep
from api.http.path_ids import path_id
from api.http.problem_kinds import fails_with
from api.making.idempotent import NO_IDEMPOTENCY_KEY
from api.service.admitted_route import AdmittedRoute
from api.views import translate
from models import WebhookDelivery
from webhooks import deliveries, endpoints
from webhooks.errors import AddressRefused, DeliveryNotFound, TooManyWebhooks, WebhookDisabled, WebhookNotFound

router = APIRouter(prefix="/webhooks", tags=["administration"], route_class=AdmittedRoute)

WEBHOOK_ID = r"^whk_[0-9a-hjkmnp-tv-z]{26}$"
DELIVERY_ID = r"^msg_[0-9a-hjkmnp-tv-z]{26}$"
Limit = Annotated[int, Query(ge=1, le=100)]


WebhookId = Annotated[
    str,
    path_id(
        "webhook_id",
        "As `POST /v1/webhooks` returned it.",
        "whk_01kasm2pbk5s9d0w3g6vq8zrhf",
        re.compile(WEBHOOK_ID).fullmatch,
        lambda path: WebhookNotFound(path["webhook_id"]),
    ),
]
DeliveryId = Annotated[
    str,
    path_id(
        "delivery_id",
        "The message's `webhook-id`.",
        "msg_01kasm2pbk5s9d0w3g6vq8zrhf",
        re.compile(DELIVERY_ID).fullmatch,
        lambda path: DeliveryNotFound(path["webhook_id"], path["delivery_id"]),
    ),
]


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    operation_id="create_webhook",
    summary="Make a webhook",
    dependencies=[NO_IDEMPOTENCY_KEY],
    responses=fails_with(AddressRefused, TooManyWebhooks),
)
def create_webhook(
    body: schemas.WebhookCreate, session: SessionDep, caller: CallerDep, settings: SettingsDep
) -> schemas.WebhookWithSecret:
    """From now on it receives every event of the caller's project that has one of its types, signed as
    https://www.standardwebhooks.com specifies. A message that does not arrive is sent again for about a day. Only this
    answer contains the secret."""
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
    """The webhooks of the caller's project."""
    rows = endpoints.list_webhooks(session, caller.project, after, limit + 1)
    return translate.page([schemas.Webhook.model_validate(row) for row in rows], limit, "/v1/webhooks")


@router.get("/{webhook_id}", operation_id="get_webhook", summary="What a webhook is sent, and where")
def get_webhook(webhook_id: WebhookId, session: SnapshotDep, caller: CallerDep) -> schemas.Webhook:
    """The answer never contains its secret."""
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
    """Fields that are not in the body keep their values. Disabling a webhook gives up the messages that it has yet to
    receive."""
    values = body.model_dump(exclude_unset=True)
    changed = endpoints.change(session, caller.project, webhook_id, values, settings.webhook_networks)
    return schemas.Webhook.model_validate(changed)


@router.delete(
    "/{webhook_id}",
    status_code=HTTPStatus.NO_CONTENT,
    operation_id="delete_webhook",
    summary="Delete a webhook",
    response_description="Deleted. No more messages are sent to it.",
)
def delete_webhook(webhook_id: WebhookId, database: DatabaseDep) -> None:
    """Its deliveries are deleted, too, those that are still to be sent included."""
    endpoints.delete(database.database, database.caller.project, webhook_id)


@router.post(
    "/{webhook_id}/rotate-secret",
    operation_id="rotate_webhook_secret",
    summary="Give a webhook a new secret",
    dependencies=[NO_IDEMPOTENCY_KEY],
)
def rotate_webhook_secret(webhook_id: WebhookId, session: SessionDep, caller: CallerDep) -> schemas.WebhookWithSecret:
    """All messages are signed with the new secret from now on. Those that the receiver refuses until it knows the new
    secret are sent again, with a new signature. Only this answer contains the secret."""
    return schemas.WebhookWithSecret.model_validate(endpoints.rotate_secret(session, caller.project, webhook_id))


@router.post(
    "/{webhook_id}/ping",
    status_code=HTTPStatus.ACCEPTED,
    operation_id="ping_webhook",
    summary="Send a webhook a message to try it",
    dependencies=[NO_IDEMPOTENCY_KEY],
    response_description="It is sent at once. The deliveries show whether it arrived.",
    responses=fails_with(WebhookDisabled),
)
def ping_webhook(webhook_id: WebhookId, session: SessionDep, caller: CallerDep) -> schemas.WebhookDelivery:
    """Its type is `webhook.ping`, which every webhook receives."""
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
    """Messages that are still to be sent are listed, too. Deliveries are kept for 30 days."""
    rows = deliveries.list_deliveries(session, caller.project, webhook_id, after, limit + 1)
    return translate.page([_answer(row) for row in rows], limit, f"/v1/webhooks/{webhook_id}/deliveries")


@router.post(
    "/{webhook_id}/deliveries/{delivery_id}/redeliver",
    status_code=HTTPStatus.ACCEPTED,
    operation_id="redeliver_webhook_delivery",
    summary="Send a message again",
    dependencies=[NO_IDEMPOTENCY_KEY],
    response_description="It is sent at once. The deliveries show whether it arrived.",
    responses=fails_with(WebhookDisabled),
)
def redeliver_webhook_delivery(
    webhook_id: WebhookId, delivery_id: DeliveryId, session: SessionDep, caller: CallerDep
) -> schemas.WebhookDelivery:
    """Whether it arrived or not, under the same `webhook-id`. A message that is about to be sent is not sent twice."""
    return _answer(deliveries.redeliver(session, caller.project, webhook_id, delivery_id))


def _answer(row: WebhookDelivery) -> schemas.WebhookDelivery:
    status = "delivered" if row.delivered_at else "pending" if row.next_attempt_at else "failed"
    fields = {name: getattr(row, name) for name in schemas.WebhookDelivery.model_fields if name != "status"}
    return schemas.WebhookDelivery(**fields | {"status": status, "payload": json.loads(row.payload)})
