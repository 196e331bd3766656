"""The deliveries of a webhook: listing, redelivery, test messages, deletion of old ones."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session
from ulid import ULID

from jobs.outbox import message
from models import Webhook, WebhookDelivery
from models.columns import DatabaseNow
from webhooks.claims import is_under_way
from webhooks.endpoints import find
from webhooks.errors import DeliveryNotFound, WebhookDisabled

KEPT = timedelta(days=30)
BATCH_SIZE = 1000  # rows per transaction

PING = "webhook.ping"


def list_deliveries(
    session: Session, project: str, webhook_id: str, after: str | None = None, limit: int | None = None
) -> Sequence[WebhookDelivery]:
    """The deliveries that are older than `after`, the newest first. Raises WebhookNotFound."""
    find(session, project, webhook_id)
    statement = select(WebhookDelivery).where(WebhookDelivery.webhook_id == webhook_id)
    if after is not None:
        statement = statement.where(WebhookDelivery.id < after)
    return session.scalars(statement.order_by(WebhookDelivery.id.desc()).limit(limit)).all()


def find_delivery(session: Session, project: str, webhook_id: str, delivery_id: str) -> WebhookDelivery:
    """Raises WebhookNotFound and DeliveryNotFound."""
    find(session, project, webhook_id)
    delivery = session.get(WebhookDelivery, delivery_id)
    if delivery is None or delivery.webhook_id != webhook_id:
        raise DeliveryNotFound(webhook_id, delivery_id)
    return delivery


def redeliver(session: Session, project: str, webhook_id: str, delivery_id: str) -> WebhookDelivery:
    """Send a message again now, whether it arrived or not. A message that is about to be sent is not sent twice. Its
    number of remaining retries stays. Raises WebhookNotFound, WebhookDisabled and DeliveryNotFound."""
    _enabled(session, project, webhook_id)
    find_delivery(session, project, webhook_id, delivery_id)
    known = update(WebhookDelivery).where(WebhookDelivery.id == delivery_id, ~is_under_way())
    session.execute(
        known.values(next_attempt_at=DatabaseNow(), delivered_at=None, response_status=None, error=None),
        execution_options={"synchronize_session": False},
    )
    session.expire_all()
    return find_delivery(session, project, webhook_id, delivery_id)


def ping(session: Session, project: str, webhook_id: str) -> WebhookDelivery:
    """Send a test message. Raises WebhookNotFound and WebhookDisabled."""
    _enabled(session, project, webhook_id)
    now = session.scalars(select(DatabaseNow())).one()
    delivery = message(webhook_id, PING, now, {"id": webhook_id, "project": project})
    session.add(delivery)
    session.flush()
    session.refresh(delivery)
    return delivery


def delete_old(session: Session) -> bool:
    """Delete deliveries that are older than KEPT, at most AT_ONCE of them. Returns whether there may be more."""
    now = session.scalars(select(DatabaseNow())).one()
    # Ids ascend with time, and have an index.
    oldest_kept = f"msg_{str(ULID.from_datetime(now - KEPT)).lower()}"
    old = (
        select(WebhookDelivery.id)
        .where(WebhookDelivery.id < oldest_kept)
        .order_by(WebhookDelivery.id)
        .limit(BATCH_SIZE)
    )
    ids = session.scalars(old).all()
    session.execute(delete(WebhookDelivery).where(WebhookDelivery.id.in_(ids)))
    return len(ids) == BATCH_SIZE


def _enabled(session: Session, project: str, webhook_id: str) -> Webhook:
    webhook = find(session, project, webhook_id)
    if not webhook.enabled:
        raise WebhookDisabled(webhook_id)
    return webhook
