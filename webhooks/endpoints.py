"""The webhooks of a project. Every function takes the project of the caller: webhooks of other projects are not
found."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import delete as sql_delete
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from ulid import ULID

from jobs.outbox import EventType
from models import Database, Project, Webhook, WebhookDelivery
from webhooks.addresses import Networks, parse
from webhooks.claims import give_up
from webhooks.errors import TooManyWebhooks, WebhookNotFound
from webhooks.signing import new_secret

# An event is stored together with a message for each webhook. The limit keeps that cheap.
MAX_WEBHOOKS = 20

BATCH_SIZE = 1000  # rows per transaction


def make(
    session: Session,
    project: str,
    url: str,
    events: Sequence[EventType],
    networks: Networks,
    *,
    description: str | None = None,
    enabled: bool = True,
) -> Webhook:
    """Make a webhook with a new secret. Raises AddressRefused and TooManyWebhooks."""
    parse(url, networks)
    # This lock makes the count below exact: two requests cannot both make the last webhook.
    session.execute(select(Project.id).where(Project.id == project).with_for_update(key_share=True))
    if session.scalars(select(func.count()).where(Webhook.project == project)).one() >= MAX_WEBHOOKS:
        raise TooManyWebhooks(MAX_WEBHOOKS)
    webhook = Webhook(
        id=f"whk_{str(ULID()).lower()}",
        project=project,
        url=url,
        description=description,
        events=list(events),
        secret=new_secret().get_secret_value(),
        enabled=enabled,
    )
    session.add(webhook)
    session.flush()
    session.refresh(webhook)
    return webhook


def find(session: Session, project: str, webhook_id: str) -> Webhook:
    """Raises WebhookNotFound."""
    webhook = session.get(Webhook, webhook_id)
    if webhook is None or webhook.project != project:
        raise WebhookNotFound(webhook_id)
    return webhook


def list_webhooks(
    session: Session, project: str, after: str | None = None, limit: int | None = None
) -> Sequence[Webhook]:
    """The webhooks that are older than `after`, the newest first."""
    statement = select(Webhook).where(Webhook.project == project)
    if after is not None:
        statement = statement.where(Webhook.id < after)
    return session.scalars(statement.order_by(Webhook.id.desc()).limit(limit)).all()


def change(session: Session, project: str, webhook_id: str, values: Mapping[str, Any], networks: Networks) -> Webhook:
    """Set `url`, `description`, `events` or `enabled`, as given. Disabling a webhook gives up its pending messages.
    Raises WebhookNotFound and AddressRefused."""
    webhook = find(session, project, webhook_id)
    if "url" in values:
        parse(values["url"], networks)
    for name, value in values.items():
        setattr(webhook, name, value)
    session.flush()
    if not webhook.enabled:
        give_up(session, webhook_id, "The webhook is disabled.")
    return webhook


def rotate_secret(session: Session, project: str, webhook_id: str) -> Webhook:
    """Replace the secret. From now on it signs all messages, retries included. Raises WebhookNotFound."""
    webhook = find(session, project, webhook_id)
    webhook.secret = new_secret().get_secret_value()
    session.flush()
    return webhook


def delete(database: Database, project: str, webhook_id: str) -> None:
    """Delete a webhook and its deliveries. Raises WebhookNotFound.

    It uses many short transactions. The last one locks the webhook, and events of the project's jobs wait for that
    lock: so it must have little left to delete.
    """
    with database.session() as session:
        change(session, project, webhook_id, {"enabled": False}, ())
    deliveries = select(WebhookDelivery.id).where(WebhookDelivery.webhook_id == webhook_id)
    more = True
    while more:
        with database.session() as session:
            ids = session.scalars(deliveries.limit(BATCH_SIZE)).all()
            session.execute(sql_delete(WebhookDelivery).where(WebhookDelivery.id.in_(ids)))
            more = bool(ids)
    with database.session() as session:
        session.execute(select(Webhook.id).where(Webhook.id == webhook_id).with_for_update())
        session.execute(sql_delete(WebhookDelivery).where(WebhookDelivery.webhook_id == webhook_id))
        session.execute(sql_delete(Webhook).where(Webhook.id == webhook_id))
