"""Which message is whose to send. Any number of processes send at once: a claim is a lease, so that two do not send a
message at one time, and none is lost with the process that had it.

A claim raises `attempts`, and what became of an attempt is stored only while no other has begun.
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

# Far longer than an attempt takes, together with looking up its receiver's name.
LEASE_SECONDS = 120.0

GONE = 410  # what a receiver answers that wants to hear no more


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message to be sent now, by this process."""

    id: str
    webhook_id: str
    project: str
    attempt: int  # from 1
    url: str
    secret: SecretStr
    payload: str


def is_due() -> ColumnElement[bool]:
    """By the database's clock, read once a statement: an index cannot be searched for a moment that moves."""
    return WebhookDelivery.next_attempt_at <= select(DatabaseNow()).scalar_subquery()


def any_due(session: Session) -> bool:
    """Whether there is anything to send: a look at the first entry of an index. Without the order, PostgreSQL would
    expect to come upon something due soon enough, and read the whole log."""
    first = select(WebhookDelivery.id).where(is_due()).order_by(WebhookDelivery.next_attempt_at).limit(1)
    return session.scalar(first) is not None


def claim(session: Session, slots: Slots) -> Sequence[Claimed]:
    """Take what is due, as much as there are `slots` for: round after round a webhook of each project, first of those
    that have least under way, and of a project the webhook that has waited longest."""
    oldest = select(func.min(WebhookDelivery.next_attempt_at)).where(WebhookDelivery.webhook_id == Webhook.id, is_due())
    waiting = select(Webhook).where(oldest.scalar_subquery().is_not(None)).order_by(oldest.scalar_subquery())
    lines: dict[str, deque[Webhook]] = {}
    for webhook in session.scalars(waiting).all():
        if not webhook.enabled:  # it was disabled as the message was written
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
    """Store what became of an attempt: it has arrived, is sent again later, or is given up."""
    wait = wait_after(claimed.attempt, outcome.retry_after) if outcome.error and outcome.status != GONE else None
    values = {
        "response_status": outcome.status,
        "error": outcome.error,
        "delivered_at": None if outcome.error else DatabaseNow(),
        "next_attempt_at": None if wait is None else DatabaseNow(wait),
    }
    if outcome.status == GONE:  # locked before any of its messages, in the one order that there is
        session.execute(select(Webhook.id).where(Webhook.id == claimed.webhook_id).with_for_update())
    mine = (WebhookDelivery.id == claimed.id) & (WebhookDelivery.attempts == claimed.attempt)
    session.execute(update(WebhookDelivery).where(mine).values(values))
    if outcome.status == GONE:
        session.execute(update(Webhook).where(Webhook.id == claimed.webhook_id).values(enabled=False))
        give_up(session, claimed.webhook_id, f"The webhook is disabled: its receiver answered {GONE}.")


def give_up(session: Session, webhook_id: str, reason: str) -> None:
    """Send no more of what has not arrived; each can be sent again by hand."""
    waiting = (WebhookDelivery.webhook_id == webhook_id) & WebhookDelivery.next_attempt_at.is_not(None)
    session.execute(update(WebhookDelivery).where(waiting).values(next_attempt_at=None, error=reason))


def is_under_way() -> ColumnElement[bool]:
    """Some process has it, or it is about to be sent: what became of its last attempt is not known yet."""
    unknown = WebhookDelivery.error.is_(None) & WebhookDelivery.delivered_at.is_(None)
    return WebhookDelivery.next_attempt_at.is_not(None) & unknown


def _claim(session: Session, webhook: Webhook, most: int) -> Sequence[Claimed]:
    due = select(WebhookDelivery.id).where(WebhookDelivery.webhook_id == webhook.id, is_due())
    # What another process is claiming at this moment is passed over, instead of waited for.
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
