"""Work of a worker that is no training job: rows that are claimed, fenced and recovered as jobs are.

`Task.attempt` is the fencing token. A worker that has lost a task writes nothing: each write locks the row, and is
refused (TaskFenced) where another attempt has begun. A task whose worker is lost goes back to the queue, up to
MOST_LOSSES times. What the result of a task means for a data set stands in `jobs.dataset_versions`,
what that of an audit means in `jobs.audits`, and for a trained model in `jobs.model_tasks`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, func, literal_column, or_, select
from sqlalchemy.orm import Session, aliased

from jobs.ids import new_task_id
from jobs.transitions import BACKOFF_SECONDS, now
from models import Task, TaskStatus
from models.columns import DatabaseNow

VALIDATE, EDIT, IMPORT, AUDIT, SAMPLES = "validate", "edit", "import", "audit", "samples"
EXPORT, EVALUATE = "export", "evaluate"  # of a trained model; these name no data set

MOST_LOSSES = 3  # of attempts: a task that is lost once more fails


class TaskFenced(Exception):
    """An attempt wrote for a task that it no longer has. Nothing was stored."""


@dataclass(frozen=True, slots=True)
class TaskClaim:
    """An attempt's right to a task, and what the task is."""

    task_id: str
    attempt: int
    kind: str
    project: str
    dataset: str
    version: int
    arguments: Mapping[str, Any]


def add(session: Session, kind: str, project: str, dataset: str, version: int, arguments: Mapping[str, Any]) -> Task:
    """A task for a data set's version. A worker may claim it once the transaction is committed."""
    created_at = session.scalars(select(DatabaseNow())).one()
    task = Task(
        id=new_task_id(created_at),
        project=project,
        kind=kind,
        dataset=dataset,
        version=version,
        arguments=dict(arguments),
        status=TaskStatus.QUEUED,
        attempt=0,
        losses=0,
        created_at=created_at,
    )
    session.add(task)
    return task


def claim_next(
    session: Session, worker: str, lease_seconds: float, *, is_short: bool | None = None
) -> TaskClaim | None:
    """Claim the next task for `worker`: of those that somebody waits for at a request, or of the others; by default of
    all. Projects take turns: that with the fewest tasks under way goes first, then that whose last task was begun
    longest ago. Of a project, the oldest task goes first."""
    waits = _is_queued() & or_(Task.not_before.is_(None), Task.not_before < DatabaseNow())
    if is_short is not None:
        waits &= Task.kind == SAMPLES if is_short else Task.kind != SAMPLES
    for project in _in_turn(session, waits):
        oldest = select(Task).where(waits, Task.project == project).order_by(Task.id).limit(1)
        task = session.scalar(oldest.with_for_update(skip_locked=True))
        if task is not None:
            return _claimed(task, worker, lease_seconds)
    return None


def _in_turn(session: Session, waits: ColumnElement[bool]) -> Sequence[str]:
    """Projects with tasks for which `waits` holds. What these had begun a week ago is forgotten with its rows."""
    other = aliased(Task)
    of_project = other.project == Task.project
    running = select(func.count()).select_from(other).where(of_project, other.status == literal_column("'running'"))
    last = select(func.max(other.started_at)).where(of_project)
    turns = running.scalar_subquery(), last.scalar_subquery().nulls_first(), func.min(Task.id)
    return session.scalars(select(Task.project).where(waits).group_by(Task.project).order_by(*turns)).all()


def _claimed(task: Task, worker: str, lease_seconds: float) -> TaskClaim:
    task.status = TaskStatus.RUNNING
    task.attempt += 1
    task.owner = worker
    task.lease_until = now(lease_seconds)
    task.not_before = None
    if task.started_at is None:
        task.started_at = now()
    return claim_of(task)


def claim_of(task: Task) -> TaskClaim:
    """Of the attempt that has it."""
    return TaskClaim(task.id, task.attempt, task.kind, task.project, task.dataset, task.version, task.arguments)


def lock_held(session: Session, claim: TaskClaim) -> Task:
    """The task, locked, if this attempt still has it. Raises TaskFenced."""
    statement = select(Task).where(Task.id == claim.task_id, Task.attempt == claim.attempt, _is_running())
    task = session.scalar(statement.with_for_update().execution_options(populate_existing=True))
    if task is None:
        raise TaskFenced(f"Attempt {claim.attempt} of task {claim.task_id} no longer has it.")
    return task


def heartbeat(session: Session, claim: TaskClaim, lease_seconds: float, progress: Mapping[str, Any]) -> None:
    """Renew the lease, and say how far it is. Raises TaskFenced."""
    task = lock_held(session, claim)
    task.lease_until = now(lease_seconds)
    task.progress = dict(progress)


def release(session: Session, claim: TaskClaim) -> None:
    """The worker shuts down: back to the queue, at no cost. Raises TaskFenced."""
    _requeue(lock_held(session, claim))


def end(session: Session, claim: TaskClaim, status: TaskStatus) -> Task:
    """The task has succeeded or failed. Raises TaskFenced."""
    task = lock_held(session, claim)
    finish(task, status)
    return task


def finish(task: Task, status: TaskStatus) -> None:
    """End a task whose row is locked."""
    task.status = status
    task.owner = task.lease_until = None
    task.finished_at = now()


def lose(task: Task) -> bool:
    """An attempt at a task whose row is locked was lost. Whether the task is in the queue again; if not, the caller
    must end it."""
    if task.losses >= MOST_LOSSES:
        return False
    task.losses += 1
    _requeue(task)
    if task.losses > 1:
        task.not_before = now(BACKOFF_SECONDS ** (task.losses - 1))
    return True


def expired(session: Session, most: int) -> Sequence[str]:
    """Ids of tasks whose lease has run out."""
    return session.scalars(select(Task.id).where(_is_running(), Task.lease_until < DatabaseNow()).limit(most)).all()


def lock_expired(session: Session, task_id: str) -> Task | None:
    """The task, locked, if its lease has run out."""
    statement = select(Task).where(Task.id == task_id, _is_running(), Task.lease_until < DatabaseNow())
    return session.scalar(statement.with_for_update().execution_options(populate_existing=True))


def open_task(session: Session, project: str, dataset: str, version: int) -> Task | None:
    """The task of a version that is not over."""
    of_version = and_(Task.project == project, Task.dataset == dataset, Task.version == version)
    return session.scalar(select(Task).where(of_version, is_open()).limit(1))


def lock_open(session: Session, project: str, dataset: str) -> Sequence[Task]:
    """The tasks of a data set that are not over, locked."""
    of_dataset = and_(Task.project == project, Task.dataset == dataset)
    statement = select(Task).where(of_dataset, is_open()).order_by(Task.id).with_for_update()
    return session.scalars(statement, execution_options={"populate_existing": True}).all()


def waiting(session: Session, project: str) -> int:
    """How many tasks of a project no worker has."""
    return session.scalars(select(func.count()).where(Task.project == project, _is_queued())).one()


def has_queued(session: Session) -> bool:
    """Whether a task waits."""
    return session.scalar(select(Task.id).where(_is_queued()).limit(1)) is not None


# The statuses are literals, as in jobs.fence: with parameters, the planner does not see that the partial index applies.
def _is_queued() -> ColumnElement[bool]:
    return Task.status == literal_column(f"'{TaskStatus.QUEUED}'")


def _is_running() -> ColumnElement[bool]:
    return Task.status == literal_column(f"'{TaskStatus.RUNNING}'")


def is_open() -> ColumnElement[bool]:
    """The task waits, or a worker has it."""
    return Task.status.in_([literal_column(f"'{TaskStatus.QUEUED}'"), literal_column(f"'{TaskStatus.RUNNING}'")])


def _requeue(task: Task) -> None:
    task.status = TaskStatus.QUEUED
    task.owner = task.lease_until = None
