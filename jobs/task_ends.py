"""What the end of a task means, by its kind: for a version of a data set, for an audit, or for a picture."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from jobs import audits, dataset_versions, drawings, tasks
from jobs.failures import Failure
from jobs.tasks import TaskClaim
from models import Task


def fail(session: Session, claim: TaskClaim, failure: Failure) -> None:
    """There is nothing to try again. Raises TaskFenced."""
    if claim.kind == tasks.AUDIT:
        audits.settle_failed(session, claim, failure)
    elif claim.kind == tasks.SAMPLES:
        drawings.settle_failed(session, claim, failure)
    else:
        dataset_versions.settle_failed(session, claim, failure)


def lose(session: Session, claim: TaskClaim, failure: Failure) -> bool:
    """An attempt was lost. Whether the task is in the queue again. Raises TaskFenced."""
    if claim.kind == tasks.AUDIT:
        return audits.lose_task(session, claim, failure)
    if claim.kind == tasks.SAMPLES:
        return drawings.lose_task(session, claim, failure)
    return dataset_versions.lose_task(session, claim, failure)


def expire(session: Session, task_id: str) -> bool:
    """Take a task from a worker whose lease has run out. Whether it is in the queue again."""
    kind = session.scalar(select(Task.kind).where(Task.id == task_id))
    if kind == tasks.AUDIT:
        return audits.expire_task(session, task_id)
    if kind == tasks.SAMPLES:
        return drawings.expire_task(session, task_id)
    return dataset_versions.expire_task(session, task_id)
