"""A request that is repeated with its Idempotency-Key changes nothing, and gets the first request's answer."""

from datetime import timedelta
from hashlib import sha256

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from jobs.errors import IdempotencyKeyReused
from models import IdempotencyKey, insert_for
from models.columns import DatabaseNow

KEPT = timedelta(days=7)


def reserve(session: Session, project: str, key: str, operation: str, body: bytes) -> IdempotencyKey | None:
    """Reserve a project's `key` in this transaction. None if the key is new; otherwise its first request's row.

    If the first request is still under way, this waits until its transaction ends. Raises IdempotencyKeyReused if the
    first request was a different one.
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
    """Store the job that the request made, and the answer, in the same transaction."""
    row = session.get_one(IdempotencyKey, (project, key))
    row.job_id, row.answer = job_id, body


def delete_old(session: Session) -> None:
    """Delete keys that are older than any client's repetition."""
    session.execute(delete(IdempotencyKey).where(IdempotencyKey.created_at < DatabaseNow(-KEPT.total_seconds())))
