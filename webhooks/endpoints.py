"""A project's webhooks. What is another project's is not there: every question names the project that asks."""

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

# A message an event and webhook is written with the event: so many at most, that it stays cheap.
MAX_WEBHOOKS = 20

BATCH_SIZE = 1000  # rows a transaction


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
    """A webhook with a secret of its own. Raises AddressRefused and TooManyWebhooks."""
    parse(url, networks)
    # One at a time in a project, so that two do not both become its last.
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
    """From the newest to the oldest, those older than the webhook `after`."""
    statement = select(Webhook).where(Webhook.project == project)
    if after is not None:
        statement = statement.where(Webhook.id < after)
    return session.scalars(statement.order_by(Webhook.id.desc()).limit(limit)).all()


def change(session: Session, project: str, webhook_id: str, values: Mapping[str, Any], networks: Networks) -> Webhook:
    """Set `url`, `description`, `events` or `enabled`, those that are given. What a webhook that is disabled has yet to
    be sent is given up. Raises WebhookNotFound and AddressRefused."""
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
    """Another secret, which signs from now on, also what is sent again. Raises WebhookNotFound."""
    webhook = find(session, project, webhook_id)
    webhook.secret = new_secret().get_secret_value()
    session.flush()
    return webhook


def delete(database: Database, project: str, webhook_id: str) -> None:
    """Send nothing more, and forget what was sent. Raises WebhookNotFound.

    In short transactions: while the last one lasts, what happens to the project's jobs waits for it.
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
