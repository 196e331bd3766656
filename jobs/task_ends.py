"""What the end of a task means, by its kind: for a version of a data set, an audit, a picture, or a trained
model."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import structlog
from sqlalchemy.orm import Session

from jobs import audits, dataset_versions, drawings, model_tasks, tasks
from jobs.failures import Failure
from jobs.tasks import TaskClaim
from models import Task, TaskStatus

log = structlog.get_logger()


class _Kind(NamedTuple):
    """`fail` records why a task, which is over, has failed. `again`: what its user does then. `less`: the same where
    it took too much of a machine."""

    fail: Callable[[Session, TaskClaim, Failure], None]
    again: str
    less: str


_LOOK = "Look at the worker's log and its machine's memory; then"
_KINDS: Mapping[str, _Kind] = {
    **dict.fromkeys(
        (tasks.VALIDATE, tasks.EDIT, tasks.IMPORT),
        _Kind(dataset_versions.fail, f"{_LOOK} upload it again.", "Send fewer images at once."),
    ),
    tasks.AUDIT: _Kind(audits.fail, f"{_LOOK} audit it again.", "Audit a version with fewer images."),
    tasks.SAMPLES: _Kind(drawings.fail, "Ask again.", "Ask for fewer images."),
    tasks.EXPORT: _Kind(model_tasks.fail, f"{_LOOK} export it again.", "Ask for fewer formats at once."),
    tasks.EVALUATE: _Kind(model_tasks.fail, f"{_LOOK} evaluate it again.", "Take a smaller data set."),
}


def again(kind: str) -> str:
    """What the user of a task of this kind does after a fault of a machine."""
    return _KINDS[kind].again


def less(kind: str) -> str:
    """What the user of a task of this kind does where a machine was too small or too slow."""
    return _KINDS[kind].less


def fail(session: Session, claim: TaskClaim, failure: Failure) -> None:
    """There is nothing to try again. Raises TaskFenced."""
    tasks.end(session, claim, TaskStatus.FAILED)
    _KINDS[claim.kind].fail(session, claim, failure)


def lose(session: Session, claim: TaskClaim, failure: Failure) -> bool:
    """An attempt was lost. Whether the task is in the queue again; else it has failed. Raises TaskFenced."""
    return _lose(session, tasks.lock_held(session, claim), failure)


def expire(session: Session, task_id: str) -> bool:
    """Take a task from a worker whose lease has run out. Whether it is in the queue again."""
    task = tasks.lock_expired(session, task_id)
    if task is None:
        return False
    message = f"Worker {task.owner} was not heard of until its lease ran out."
    return _lose(session, task, Failure("worker_lost", message, _KINDS[task.kind].again, retryable=True))


def _lose(session: Session, task: Task, failure: Failure) -> bool:
    if tasks.lose(task):
        log.warning("task lost", task_id=task.id, attempt=task.attempt, reason=failure.message)
        return True
    tasks.finish(task, TaskStatus.FAILED)
    _KINDS[task.kind].fail(session, tasks.claim_of(task), failure)
    return False
