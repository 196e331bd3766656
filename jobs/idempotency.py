"""A request that comes again under its Idempotency-Key does nothing again, and is answered as the first time."""

from datetime import timedelta
from hashlib import sha256

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from jobs.errors import IdempotencyKeyReused
from models import IdempotencyKey, insert_for
from models.columns import DatabaseNow

KEPT = timedelta(days=7)


def reserve(session: Session, project: str, key: str, operation: str, body: bytes) -> IdempotencyKey | None:
    """Take a project's `key` for this transaction; None where it is new. Otherwise its first request, with the answer.

    Where the first request is still under way, this waits for its transaction to end. Raises IdempotencyKeyReused
    where that was another request.
    """
    request = sha256(operation.encode() + b"\0" + body).hexdigest()
    row = {"project": project, "key": key, "request": request, "job_id": "", "answer": "", "created_at": DatabaseNow()}
    taken = session.scalar(
        insert_for(session)(IdempotencyKey).values(row).on_conflict_do_nothing().returning(IdempotencyKey.key)
    )
    if taken is not None:
        return None
    first = session.scalars(
        select(IdempotencyKey).where(IdempotencyKey.project == project, IdempotencyKey.key == key)
    ).one()
    if first.request != request:
        raise IdempotencyKeyReused(key)
    return first


def answer(session: Session, project: str, key: str, job_id: str, body: str) -> None:
    """Note what the request made, and what it is answered, with it in one transaction."""
    row = session.get_one(IdempotencyKey, (project, key))
    row.job_id, row.answer = job_id, body


def delete_old(session: Session) -> None:
    """Keys that came longer ago than any client tries again."""
    session.execute(delete(IdempotencyKey).where(IdempotencyKey.created_at < DatabaseNow(-KEPT.total_seconds())))
