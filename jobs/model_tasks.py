"""What is asked of trained models and takes a worker: exports, whose files the trained model gains, and evaluations on
data sets, which have files of their own.

Rows are locked in the order task, what was asked, trained model. A trained model that is deleted meanwhile gains
nothing: what its tasks have written is garbage (`jobs.dataset_garbage.left_by`).
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any

import structlog
from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.orm import Session, undefer

from catalog.trained.errors import ModelNotFound, ModelTaskNotFound, TooManyModelTasks
from catalog.trained.file_names import PREDICTIONS, WEIGHTS
from environment.export_formats import NEEDS_IMAGES
from jobs import tasks
from jobs.failures import Failure
from jobs.ids import new_evaluation_id, new_export_id
from jobs.quotas import require_storage
from jobs.tasks import TaskClaim
from jobs.transitions import now
from jobs.usage import note_bytes
from models import DatasetVersion, ModelTask, Task, TaskStatus, TrainedModel
from models.columns import DatabaseNow
from storage import StoredFile

FOLDER = "models"  # in the storage
OF_JOBS = (WEIGHTS, PREDICTIONS)  # files of a trained model that are columns of its job
MOST_OPEN = 200  # of a project: whoever chooses the next one looks at all that wait

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file that a task has made, by the `name` that users see. `facts`: what is known of it beside its content."""

    name: str
    file: StoredFile
    facts: Mapping[str, Any] = field(default_factory=dict)


def prefix_of(claim: TaskClaim) -> str:
    """Of the names of the files that an attempt at a task writes."""
    return f"{FOLDER}/{claim.project}/{claim.task_id}/{claim.attempt:04}"


def request_export(session: Session, model: TrainedModel, formats: Sequence[str]) -> ModelTask:
    """Have `model` exported to `formats`: by an export that is under way already, where it is asked for the same.
    Raises TooManyModelTasks, QuotaExceeded where the project's storage is full, and ModelNotFound where it was deleted
    meanwhile."""
    _require_room(session, model.project)
    return _request(session, model, tasks.EXPORT, {"formats": sorted(formats)})


def export_at_end(session: Session, model: TrainedModel, formats: Sequence[str]) -> None:
    """The same for a trained model that is made in this transaction, whatever else waits. What needs images of its data
    set is an export of its own: these may be gone, and then the other formats are made all the same."""
    session.flush()
    for some in (set(formats) - NEEDS_IMAGES, NEEDS_IMAGES.intersection(formats)):
        if some:
            _request(session, model, tasks.EXPORT, {"formats": sorted(some)})


def request_evaluation(
    session: Session, model: TrainedModel, dataset: str, version: DatasetVersion | None, split: str
) -> ModelTask:
    """Have `model` evaluated on a split of a data set: of `version` of an uploaded one, which cannot be deleted then
    until it is done; or of a shipped one or an image folder, by its name. Raises as `request_export`."""
    _require_room(session, model.project)
    asked = {"dataset": dataset, "version": version.number if version else None, "split": split}
    return _request(session, model, tasks.EVALUATE, asked, version)


def find(session: Session, model: TrainedModel, kind: str, task_id: str, *, whole: bool = False) -> ModelTask:
    """One that was asked of `model`, `whole` with its result. Raises ModelTaskNotFound."""
    statement = _of(model, kind).where(ModelTask.id == task_id)
    found = session.scalar(statement.options(undefer(ModelTask.result)) if whole else statement)
    if found is None:
        raise ModelTaskNotFound(model.id, kind, task_id)
    return found


def of_model(session: Session, model: TrainedModel, kind: str, after: str | None, limit: int) -> Sequence[ModelTask]:
    """Those of a kind that were asked of `model`, before `after`, the newest first."""
    rows = _of(model, kind).options(undefer(ModelTask.result))
    if after is not None:
        rows = rows.where(ModelTask.id < after)
    return session.scalars(rows.order_by(ModelTask.id.desc()).limit(limit)).all()


def carried_out_by(session: Session, rows: Sequence[ModelTask]) -> Mapping[str, Task]:
    """The tasks that are not over, by the id of what was asked: whether a worker has it, and how far it is."""
    still_open = {row.task: row.id for row in rows if row.finished_at is None}
    found = session.scalars(select(Task).where(Task.id.in_(still_open)))
    return {still_open[task.id]: task for task in found}


def running_on(session: Session, version: DatasetVersion) -> Sequence[str]:
    """Ids of evaluations that need `version`."""
    mine = (ModelTask.project == version.project) & (ModelTask.dataset == version.dataset) & _is_open()
    return session.scalars(select(ModelTask.id).where(mine, ModelTask.version == version.number).limit(20)).all()


def of_claim(session: Session, claim: TaskClaim) -> tuple[ModelTask, TrainedModel]:
    """What a task is about. Raises ModelNotFound where the trained model was deleted."""
    row = session.get(ModelTask, claim.arguments["asked"])
    model = session.get(TrainedModel, row.model_id) if row else None
    if row is None or model is None or model.deleted_at is not None:
        raise ModelNotFound(row.model_id if row else str(claim.arguments["asked"]))
    return row, model


def settle_exported(session: Session, claim: TaskClaim, files: Sequence[NewFile]) -> None:
    """Its files are stored: the trained model has them, in place of those that had their names. Raises TaskFenced."""
    tasks.end(session, claim, TaskStatus.SUCCEEDED)
    row = _lock(session, claim)
    model = _lock_model(session, row.model_id) if row else None
    if row is None or model is None:
        return
    new = {each.name: asdict(each) for each in files}
    replaced = sum(each["file"]["size_bytes"] for each in model.files if each["name"] in new)
    kept = [each for each in model.files if each["name"] not in new]
    model.files = sorted([*kept, *new.values()], key=lambda each: str(each["name"]))
    note_bytes(session, model.project, "models", sum(each.file.size_bytes for each in files) - replaced)
    row.result = {"files": sorted(new)}
    _end(row, TaskStatus.SUCCEEDED)


def settle_evaluated(session: Session, claim: TaskClaim, result: Mapping[str, Any], files: Sequence[NewFile]) -> None:
    """The evaluation is done. Raises TaskFenced."""
    tasks.end(session, claim, TaskStatus.SUCCEEDED)
    row = _lock(session, claim)
    if row is None or _lock_model(session, row.model_id) is None:
        return  # nothing would take off again what its files count
    row.result, row.files = dict(result), [asdict(each) for each in files]
    note_bytes(session, row.project, "models", sum(each.file.size_bytes for each in files))
    _end(row, TaskStatus.SUCCEEDED)


def fail(session: Session, claim: TaskClaim, failure: Failure) -> None:
    """Its task, which is over, has failed (`jobs.task_ends`)."""
    row = _lock(session, claim)
    if row is not None:
        row.error = {"code": failure.code, "message": failure.message, "hint": failure.hint}
        _end(row, TaskStatus.FAILED)


def file_names(session: Session, claim: TaskClaim) -> set[str]:
    """Names of files that a task has written and that are needed; none where the trained model is deleted."""
    with suppress(ModelNotFound):
        row, model = of_claim(session, claim)
        return {file.name for file in (*stored_files(row).values(), *stored_files(model).values())}
    return set()


def stored_files(row: ModelTask | TrainedModel) -> Mapping[str, StoredFile]:
    """Its files, by the names that users see, but for those that its job has, too: its weights and predictions."""
    files = {each["name"]: StoredFile(**each["file"]) for each in row.files}
    return {name: file for name, file in files.items() if name not in OF_JOBS or is_below(file)}


def is_below(file: StoredFile) -> bool:
    """Whether a file lies in FOLDER."""
    return file.name.startswith(f"{FOLDER}/")


def forget_of_model(session: Session, model: TrainedModel) -> None:
    """`model` is deleted in this transaction: what its files and those of its evaluations take counts no more."""
    evaluations = session.scalars(select(ModelTask).where(ModelTask.model_id == model.id)).all()
    size = sum(file.size_bytes for row in evaluations for file in stored_files(row).values())
    size += sum(file.size_bytes for file in stored_files(model).values())
    note_bytes(session, model.project, "models", -size)


def _require_room(session: Session, project: str) -> None:
    waiting = select(ModelTask.id).where(ModelTask.project == project, _is_open()).limit(MOST_OPEN)
    if len(session.scalars(waiting).all()) == MOST_OPEN:
        raise TooManyModelTasks(MOST_OPEN)
    require_storage(session, project, 1)


def _request(
    session: Session,
    model: TrainedModel,
    kind: str,
    asked: Mapping[str, Any],
    version: DatasetVersion | None = None,
) -> ModelTask:
    if _lock_model(session, model.id) is None:  # one after the other
        raise ModelNotFound(model.id)
    for row in session.scalars(_of(model, kind).where(_is_open())):
        if row.arguments == asked:
            return row
    created_at = session.scalars(select(DatabaseNow())).one()
    new_id = new_export_id if kind == tasks.EXPORT else new_evaluation_id
    row_id = new_id(created_at)
    task = tasks.add(session, kind, model.project, "", 0, {"asked": row_id})
    row = ModelTask(
        id=row_id,
        project=model.project,
        model_id=model.id,
        kind=kind,
        task=task.id,
        arguments=dict(asked),
        dataset=version.dataset if version else None,
        version=version.number if version else None,
        status=TaskStatus.QUEUED,
        files=[],
        created_at=created_at,
    )
    session.add(row)
    session.flush()
    return row


def _lock(session: Session, claim: TaskClaim) -> ModelTask | None:
    """None where the trained model is gone, and this with it."""
    statement = select(ModelTask).where(ModelTask.id == claim.arguments["asked"]).with_for_update()
    return session.scalar(statement.execution_options(populate_existing=True))


def _lock_model(session: Session, model_id: str) -> TrainedModel | None:
    """None where it is deleted."""
    there = select(TrainedModel).where(TrainedModel.id == model_id, TrainedModel.deleted_at.is_(None))
    return session.scalar(there.with_for_update().execution_options(populate_existing=True))


def _end(row: ModelTask, status: TaskStatus) -> None:
    row.status, row.finished_at = status, now()
    log.info(f"{row.kind} {status}", id=row.id, model=row.model_id, error=row.error)


def _of(model: TrainedModel, kind: str) -> Select[ModelTask]:
    return select(ModelTask).where(ModelTask.model_id == model.id, ModelTask.kind == kind)


def _is_open() -> ColumnElement[bool]:
    return ModelTask.finished_at.is_(None)
