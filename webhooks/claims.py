"""Which process sends which message. Any number of processes send at once.

A claim is a lease. While it lasts, no other process sends the message; if the process dies, another one claims the
message when the lease has run out. A claim raises `attempts`, and an outcome is stored only if `attempts` is still the
same: the outcome of an attempt that took too long does not overwrite a later one.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import SecretStr
from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session

from models import Webhook, WebhookDelivery
from models.columns import DatabaseNow
from webhooks.posting import Outcome
from webhooks.retries import wait_after
from webhooks.slots import Slots

# Far longer than an attempt takes, with the lookup of its receiver's name.
LEASE_SECONDS = 120.0

GONE = 410  # a receiver that answers this wants no more messages


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message that this process is to send now."""

    id: str
    webhook_id: str
    project: str
    attempt: int  # from 1
    url: str
    secret: SecretStr
    payload: str


def is_due() -> ColumnElement[bool]:
    """The message is due, by the database's clock. The subquery reads the clock once in a statement: for a value that
    changes from row to row, no index can be used."""
    return WebhookDelivery.next_attempt_at <= select(DatabaseNow()).scalar_subquery()


def any_due(session: Session) -> bool:
    """Whether there is anything to send: reads the first entry of an index. Without the order, PostgreSQL may scan the
    whole table, because it expects to find a due message soon."""
    first = select(WebhookDelivery.id).where(is_due()).order_by(WebhookDelivery.next_attempt_at).limit(1)
    return session.scalar(first) is not None


def claim(session: Session, slots: Slots) -> Sequence[Claimed]:
    """Claim due messages, as many as there are `slots` for.

    In each round, every project gets one webhook: first the projects with the fewest messages being sent. Within a
    project, the webhook whose message has waited longest comes first.
    """
    oldest = select(func.min(WebhookDelivery.next_attempt_at)).where(WebhookDelivery.webhook_id == Webhook.id, is_due())
    waiting = select(Webhook).where(oldest.scalar_subquery().is_not(None)).order_by(oldest.scalar_subquery())
    lines: dict[str, deque[Webhook]] = {}
    for webhook in session.scalars(waiting).all():
        if not webhook.enabled:  # it was disabled while the message was written
            give_up(session, webhook.id, "The webhook is disabled.")
        else:
            lines.setdefault(webhook.project, deque()).append(webhook)
    claimed: list[Claimed] = []
    while lines:
        for project in sorted(lines, key=slots.busy):
            webhook = lines[project].popleft()
            if not lines[project]:
                del lines[project]
            if (most := slots.available(webhook.id, project)) > 0:
                taken = _claim(session, webhook, most)
                slots.acquire(webhook.id, project, len(taken))
                claimed += taken
    return claimed


def settle(session: Session, claimed: Claimed, outcome: Outcome) -> None:
    """Store the outcome of an attempt: the message has arrived, is sent again later, or is given up."""
    wait = wait_after(claimed.attempt, outcome.retry_after) if outcome.error and outcome.status != GONE else None
    values = {
        "response_status": outcome.status,
        "error": outcome.error,
        "delivered_at": None if outcome.error else DatabaseNow(),
        "next_attempt_at": None if wait is None else DatabaseNow(wait),
    }
    if outcome.status == GONE:  # lock the webhook before its messages, as everywhere, against deadlocks
        session.execute(select(Webhook.id).where(Webhook.id == claimed.webhook_id).with_for_update())
    mine = (WebhookDelivery.id == claimed.id) & (WebhookDelivery.attempts == claimed.attempt)
    session.execute(update(WebhookDelivery).where(mine).values(values))
    if outcome.status == GONE:
        session.execute(update(Webhook).where(Webhook.id == claimed.webhook_id).values(enabled=False))
        give_up(session, claimed.webhook_id, f"The webhook is disabled: its receiver answered {GONE}.")


def give_up(session: Session, webhook_id: str, reason: str) -> None:
    """Give up every message that has not arrived. Each can be sent again by hand."""
    waiting = (WebhookDelivery.webhook_id == webhook_id) & WebhookDelivery.next_attempt_at.is_not(None)
    session.execute(update(WebhookDelivery).where(waiting).values(next_attempt_at=None, error=reason))


def is_under_way() -> ColumnElement[bool]:
    """The message is being sent or about to be sent: the outcome of its last attempt is not known yet."""
    unknown = WebhookDelivery.error.is_(None) & WebhookDelivery.delivered_at.is_(None)
    return WebhookDelivery.next_attempt_at.is_not(None) & unknown


def _claim(session: Session, webhook: Webhook, most: int) -> Sequence[Claimed]:
    due = select(WebhookDelivery.id).where(WebhookDelivery.webhook_id == webhook.id, is_due())
    # Skip messages that another process is claiming at this moment, instead of waiting for them.
    first = due.order_by(WebhookDelivery.next_attempt_at).limit(most).with_for_update(skip_locked=True)
    ids = session.scalars(first).all()
    if not ids:
        return []
    taken = (
        update(WebhookDelivery)
        .where(WebhookDelivery.id.in_(ids), is_due())
        .values(
            attempts=WebhookDelivery.attempts + 1,
            next_attempt_at=DatabaseNow(LEASE_SECONDS),
            response_status=None,
            error=None,
        )
        .returning(WebhookDelivery.id, WebhookDelivery.attempts, WebhookDelivery.payload)
    )
    rows = session.execute(taken, execution_options={"synchronize_session": False}).all()
    secret = SecretStr(webhook.secret)
    return [
        Claimed(row.id, webhook.id, webhook.project, row.attempts, webhook.url, secret, row.payload) for row in rows
    ]
