"""A request that is repeated with its Idempotency-Key changes nothing, and gets the first request's answer."""

from datetime import timedelta
from hashlib import sha256

from sqlalchemy import delete, select, tuple_
from sqlalchemy.orm import Session

from jobs.errors import IdempotencyKeyReused
from models import IdempotencyKey, insert_for
from models.columns import DatabaseNow

KEPT = timedelta(days=7)
AT_ONCE = 1000


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


def delete_old(session: Session) -> bool:
    """Delete keys that are older than any client's repetition, at most AT_ONCE of them: a transaction that deletes a
    busy week's keys would keep everybody else from writing. Returns whether there may be more."""
    old = select(IdempotencyKey.project, IdempotencyKey.key).where(
        IdempotencyKey.created_at < DatabaseNow(-KEPT.total_seconds())
    )
    found = session.execute(old.order_by(IdempotencyKey.created_at).limit(AT_ONCE)).all()
    mine = tuple_(IdempotencyKey.project, IdempotencyKey.key).in_([tuple(row) for row in found])
    session.execute(delete(IdempotencyKey).where(mine), execution_options={"synchronize_session": False})
    return len(found) == AT_ONCE
