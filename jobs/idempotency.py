"""A request that comes again under its Idempotency-Key does nothing again, and is answered as the first time."""

from datetime import timedelta
from hashlib import sha256

from sqlalchemy import delete, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from jobs.errors import IdempotencyKeyReused
from models import IdempotencyKey
from models.columns import DatabaseNow

KEPT = timedelta(days=7)
AT_ONCE = 1000


def reserve(session: Session, project: str, key: str, operation: str, body: bytes) -> IdempotencyKey | None:
    """Take a project's `key` for this transaction; None where it is new. Otherwise its first request, with the answer.

    Where the first request is still under way, this waits for its transaction to end. Raises IdempotencyKeyReused
    where that was another request.
    """
    request = sha256(operation.encode() + b"\0" + body).hexdigest()
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    row = {"project": project, "key": key, "request": request, "job_id": "", "answer": "", "created_at": DatabaseNow()}
    taken = session.scalar(insert(IdempotencyKey).values(row).on_conflict_do_nothing().returning(IdempotencyKey.key))
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


def forget_old(session: Session) -> bool:
    """Keys that came longer ago than any client tries again, at most AT_ONCE of them: a busy week's all at once would
    keep everybody else from writing. Whether there may be more."""
    old = select(IdempotencyKey.project, IdempotencyKey.key).where(
        IdempotencyKey.created_at < DatabaseNow(-KEPT.total_seconds())
    )
    found = session.execute(old.order_by(IdempotencyKey.created_at).limit(AT_ONCE)).all()
    mine = tuple_(IdempotencyKey.project, IdempotencyKey.key).in_([tuple(row) for row in found])
    session.execute(delete(IdempotencyKey).where(mine), execution_options={"synchronize_session": False})
    return len(found) == AT_ONCE
