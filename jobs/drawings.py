"""Tasks that draw what a network will see of a version's images. What comes of one is a file in the storage, which its
row names. The file expires: once the task is over, the next collection of garbage deletes it."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from jobs import tasks
from jobs.failures import Failure
from jobs.tasks import TaskClaim
from models import DatasetVersion, Task, TaskStatus
from storage import StoredFile

MOST_OPEN = 4  # of a project
LOOKED_AT = 20  # earlier drawings that may be the same

_OPEN = (TaskStatus.QUEUED, TaskStatus.RUNNING)


def request(
    session: Session, version: DatasetVersion, arguments: Mapping[str, Any], *, anew: bool = False
) -> Task | None:
    """The task that draws this: an earlier one where that is under way or, unless it is to be drawn `anew`, has
    succeeded. None where the project has MOST_OPEN already."""
    of_project = select(Task).where(Task.project == version.project, Task.kind == tasks.SAMPLES)
    of_version = of_project.where(Task.dataset == version.dataset, Task.version == version.number)
    usable = _OPEN if anew else (*_OPEN, TaskStatus.SUCCEEDED)
    for task in session.scalars(of_version.order_by(Task.id.desc()).limit(LOOKED_AT)):
        if task.arguments == arguments and task.status in usable:
            return task
    if len(session.scalars(of_project.where(tasks.is_open()).limit(MOST_OPEN)).all()) == MOST_OPEN:
        return None
    return tasks.add(session, tasks.SAMPLES, version.project, version.dataset, version.number, arguments)


def file_of(task: Task) -> StoredFile | None:
    """What it has drawn, once it has succeeded."""
    return StoredFile(**task.progress["file"]) if task.status == TaskStatus.SUCCEEDED and task.progress else None


def error_of(task: Task) -> str | None:
    """Why it has failed."""
    return str((task.progress or {}).get("error", "")) if task.status == TaskStatus.FAILED else None


def settle_drawn(session: Session, claim: TaskClaim, file: StoredFile) -> None:
    """It is drawn. Raises TaskFenced."""
    tasks.end(session, claim, TaskStatus.SUCCEEDED).progress = {"file": asdict(file)}


def fail(session: Session, claim: TaskClaim, failure: Failure) -> None:
    """Its task, which is over, has failed (`jobs.task_ends`): it cannot be drawn."""
    session.get_one(Task, claim.task_id).progress = {"error": f"{failure.message} {failure.hint}"}
