"""Trained models: what jobs leave, from the commit that ends a job to their deletion, and what somebody has brought.

A job's weights and predictions are files of the job, and of the trained model that the job leaves. They are deleted
together: with the job, with the trained model, or as the project's rules say. A trained model that an alias stands for
is not deleted. A model that somebody has brought has no job; its files are its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.orm import Session

from catalog.trained.errors import ModelFileNotFound, ModelInUse
from catalog.trained.file_names import BEST_WEIGHTS, EVALUATION, MANIFEST, PREDICTIONS, WEIGHTS
from catalog.trained.references import names_of, resolve
from jobs import garbage, model_tasks
from jobs.fence import for_update
from jobs.ids import new_model_id
from jobs.network_input import NetworkInput
from jobs.paging import Page, fetch_page
from jobs.provenance import provenance
from jobs.transitions import add_event, now
from jobs.usage import note_bytes, note_storage
from models import TERMINAL, Attempt, Database, Epoch, Job, JobStatus, ModelName, ModelTask, ModelVersion, TrainedModel
from models.columns import DatabaseNow
from storage import Storage, StoredFile

FORMAT = "epochal-model/1"  # of a manifest
BATCH_SIZE = 100  # trained models a purge
MOST_NAMED = 20  # jobs in an error
_OPEN = sorted(set(JobStatus) - TERMINAL)


@dataclass(frozen=True, slots=True)
class Left:
    """What a job leaves beside its weights, which are of the steps before `step` of `epoch`, or of the best epoch where
    the spec stops early. `best_weights`: of the best epoch, where the weights are of another."""

    taken: NetworkInput
    epoch: int
    step: int
    best_weights: StoredFile | None = None


def leave(session: Session, job: Job, left: Left, formats: Sequence[str] = ()) -> TrainedModel:
    """The trained model of a job that ends in this transaction, whose row is locked and has its files. It is to be
    exported to `formats`, unless the job is a part of something: of a hundred trials, nobody takes each one home."""
    created_at = session.scalars(select(DatabaseNow())).one()
    is_best = bool(job.spec.get("regularisation", {}).get("early_stopping")) and job.best_epoch is not None
    measured = job.best_epoch if is_best else left.epoch - 1 if left.step == 0 else None
    metrics = _metrics(session, job, measured)
    best = asdict(left.best_weights) if left.best_weights else None
    files = [(BEST_WEIGHTS, best), (PREDICTIONS, job.predictions), (WEIGHTS, job.weights)]
    model = TrainedModel(
        id=new_model_id(created_at),
        project=job.project,
        job_id=job.id,
        which="best" if is_best else "last",
        architecture=job.architecture or "",
        dataset=job.dataset or "",
        class_count=len(left.taken.classes),
        metrics=metrics,
        files=[{"name": name, "file": file} for name, file in files if file],
        created_at=created_at,
    )
    model.manifest = _manifest(session, job, model, left)
    session.add(model)
    note_bytes(session, model.project, "models", left.best_weights.size_bytes if left.best_weights else 0)
    if job.parent is None:
        model_tasks.export_at_end(session, model, formats)
    return model


def list_models(
    session: Session, *, job: str | None, name: str | None, after: str | None, limit: int
) -> Page[TrainedModel]:
    """Those of a project, the newest first."""
    statement = select(TrainedModel).order_by(TrainedModel.id.desc())
    if job is not None:
        statement = statement.where(TrainedModel.job_id == job)
    if name is not None:
        statement = statement.where(TrainedModel.id.in_(select(ModelVersion.model_id).where(ModelVersion.name == name)))
    if after is not None:
        statement = statement.where(TrainedModel.id < after)
    return fetch_page(session, statement, limit)


def files_of(model: TrainedModel) -> Mapping[str, StoredFile]:
    """Its stored files, by the names that users see."""
    return {each["name"]: StoredFile(**each["file"]) for each in model.files}


def file_of(model: TrainedModel, name: str) -> StoredFile:
    """Raises ModelFileNotFound."""
    files = files_of(model)
    if name not in files:
        raise ModelFileNotFound(model.id, name, [MANIFEST, *files])
    return files[name]


def manifest_of(model: TrainedModel) -> Mapping[str, Any]:
    """What is known of a trained model, with the SHA-256 of every file. Equal rows give equal manifests."""
    facts = {each["name"]: each.get("facts") or {} for each in model.files}
    files = sorted(files_of(model).items())
    listed = [{"name": name, "bytes": file.size_bytes, "sha256": file.sha256, **facts[name]} for name, file in files]
    return {**model.manifest, "calibration": facts.get(EVALUATION, {}).get("calibration"), "files": listed}


def delete_model(session: Session, project: str, reference: str) -> None:
    """Delete a trained model with its files and versions. Its job, if it has one, stays, without weights and
    predictions. Raises ModelNotFound and ModelInUse."""
    found = resolve(session, project, reference)
    if found.job_id is None:
        for model in _locked(session, TrainedModel.id == found.id, project):
            _forget(session, model)
        return
    job = session.scalar(for_update(found.job_id))  # its row first, as whoever ends or deletes a job locks it
    forget_of_job(session, found.job_id, project)
    if job is not None:
        job.weights = job.predictions = None
        note_storage(session, job)
        add_event(session, job, "files_removed", "Its weights were removed with its trained model, on request.")


def forget_of_job(session: Session, job_id: str, project: str) -> None:
    """Hide the trained models of a job whose row is locked. Their versions are gone, and no number is given twice.
    Raises ModelInUse where an alias stands for one of them, or a job that is not over starts from its weights."""
    for model in _locked(session, TrainedModel.job_id == job_id, project):
        _forget(session, model)


def _locked(session: Session, which: ColumnElement[bool], project: str) -> Sequence[TrainedModel]:
    mine = select(TrainedModel).where(which, TrainedModel.project == project, TrainedModel.deleted_at.is_(None))
    locked = mine.order_by(TrainedModel.id).with_for_update()
    return session.scalars(locked, execution_options={"populate_existing": True}).all()  # exports may have added files


def _forget(session: Session, model: TrainedModel) -> None:
    _lock_names(session, model)
    if needed := [*_aliases(session, model), *_starting_from(session, model)]:
        raise ModelInUse(model.id, needed)
    session.execute(delete(ModelVersion).where(ModelVersion.model_id == model.id))
    model_tasks.forget_of_model(session, model)
    model.deleted_at = now()


def purge_deleted(database: Database, storage: Storage) -> None:
    """Delete the files of deleted trained models and of what was asked of them, and then their rows. Raises
    OSError."""
    with database.autocommit_read() as session:
        gone = select(TrainedModel).where(TrainedModel.deleted_at.is_not(None))
        models = session.scalars(gone.order_by(TrainedModel.deleted_at).limit(BATCH_SIZE)).all()
        asked = session.scalars(select(ModelTask).where(ModelTask.model_id.in_([model.id for model in models]))).all()
    for model in models:
        mine = [row for row in asked if row.model_id == model.id]
        storage.delete([file.name for row in mine for file in model_tasks.stored_files(row).values()])
        storage.delete([file.name for file in model_tasks.stored_files(model).values()])
        if model.job_id is not None:
            garbage.collect(database, storage, model.job_id)
        with database.session() as session:
            session.execute(delete(ModelTask).where(ModelTask.id.in_([row.id for row in mine])))
            session.execute(delete(TrainedModel).where(TrainedModel.id == model.id))


def named_jobs(session: Session, project: str) -> set[str]:
    """Ids of jobs whose trained model has a name: rules of retention leave it."""
    named = select(TrainedModel.job_id).join(ModelVersion, ModelVersion.model_id == TrainedModel.id)
    of_project = (TrainedModel.project == project) & (ModelVersion.project == project)
    return {job_id for job_id in session.scalars(named.where(of_project)) if job_id is not None}


def _lock_names(session: Session, model: TrainedModel) -> None:
    """Whoever moves an alias locks its name, too."""
    names = select(ModelVersion.name).where(ModelVersion.model_id == model.id)
    mine = select(ModelName).where(ModelName.project == model.project, ModelName.name.in_(names))
    session.scalars(mine.order_by(ModelName.name).with_for_update()).all()


def _aliases(session: Session, model: TrainedModel) -> Sequence[str]:
    named = names_of(session, model.project, [model.id])[model.id]
    return [f"{each.name}@{alias}" for each in named for alias in each.aliases]


def _starting_from(session: Session, model: TrainedModel) -> Sequence[str]:
    """Ids of some of the jobs that need its weights. The specs are looked into by the database: a project may have a
    hundred thousand jobs that are not over."""
    still_open = (Job.project == model.project) & Job.status.in_(_OPEN) & Job.deleted_at.is_(None)
    needs = Job.spec["starting_weights"].as_string().in_([model.id, *([model.job_id] if model.job_id else [])])
    return session.scalars(select(Job.id).where(still_open, needs).order_by(Job.id).limit(MOST_NAMED)).all()


def _metrics(session: Session, job: Job, epoch: int | None) -> dict[str, Any] | None:
    """What the weights were measured to do; None where they were not measured as they are."""
    row = session.get(Epoch, (job.id, epoch)) if epoch is not None else None
    if row is None or row.test_accuracy is None:
        return None
    columns = ("epoch", "test_loss", "test_accuracy", "test_top5_accuracy", "validation_loss", "validation_accuracy")
    return {name: getattr(row, name) for name in columns}


def _manifest(session: Session, job: Job, model: TrainedModel, left: Left) -> dict[str, Any]:
    attempt, taken = session.get(Attempt, (job.id, job.attempt)), left.taken
    return {
        "format": FORMAT,
        "model": {"id": model.id, "job": job.id, "which": model.which, "created_at": model.created_at.isoformat()},
        "architecture": job.spec.get("architecture"),
        "classes": list(taken.classes),
        "input": {
            "size": taken.image_size,
            "channels": taken.channels,
            "resize": job.spec.get("resize"),
            "mean": list(taken.mean),
            "deviation": list(taken.deviation),
        },
        "metrics": model.metrics,
        "best": _metrics(session, job, job.best_epoch) if left.best_weights else None,
        "trained_until": {"epoch": left.epoch, "step": left.step},
        **provenance(job, attempt.facts if attempt else None),
    }
