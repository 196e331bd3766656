"""What the program that carries out a task is told to do."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from catalog.datasets import uploads
from catalog.datasets.errors import DatasetError
from jobs import audits, dataset_versions, queries, tasks
from jobs.errors import JobNotFound, PredictionsNotFound
from jobs.tasks import TaskClaim
from models import Database, ProjectSession, Upload
from settings import Settings
from storage import StoredFile
from worker.audit.messages import AuditOrder
from worker.evaluating.messages import EvaluationOrder
from worker.exporting.messages import ExportOrder
from worker.machine import usable_cores
from worker.model_orders import evaluation_order, export_order
from worker.samples.messages import SamplesOrder
from worker.validation.messages import Edit, ValidationOrder

TaskOrder = ValidationOrder | AuditOrder | SamplesOrder | ExportOrder | EvaluationOrder


def order_of(
    claim: TaskClaim, database: Database, settings: Settings, storage_id: str | None, folder: Path
) -> TaskOrder:
    """`folder` is for what the program needs meanwhile. Raises DatasetError or ModelError where what it works on is
    gone, and ValidationError where it is of a later release."""
    if claim.kind == tasks.AUDIT:
        return _audit(claim, database, settings, storage_id)
    if claim.kind == tasks.SAMPLES:
        return _samples(claim, database, settings, storage_id)
    if claim.kind == tasks.EXPORT:
        return export_order(claim, database, settings, storage_id, folder)
    if claim.kind == tasks.EVALUATE:
        return evaluation_order(claim, database, settings, storage_id)
    return _validation(claim, database, settings, storage_id, folder)


def _validation(
    claim: TaskClaim, database: Database, settings: Settings, storage_id: str | None, folder: Path
) -> ValidationOrder:
    arguments: Any = claim.arguments
    with database.snapshot(claim.project) as session:
        parent: tuple[StoredFile, ...] = ()
        upload: tuple[StoredFile, ...] = ()
        edits = [_edit(session, edit) for edit in arguments.get("edits", ())]
        if claim.kind == tasks.EDIT:
            version = dataset_versions.find_ready(session, claim.project, claim.dataset, arguments["parent"])
            parent = dataset_versions.files_of(version)
        elif claim.kind == tasks.VALIDATE:
            upload = tuple(uploads.parts(session, session.get_one(Upload, arguments["upload"]).id))
    return ValidationOrder(
        task_id=claim.task_id,
        storage_url=settings.storage_url,
        storage_id=storage_id,
        prefix=f"{dataset_versions.FOLDER}/{claim.project}/{claim.task_id}/{claim.attempt:04}",
        folder=folder,
        processes=usable_cores(),
        largest_image_megapixels=settings.largest_image_megapixels,
        upload=upload,
        source=arguments.get("source"),
        roots=settings.import_roots,
        most_bytes=settings.max_upload_bytes,
        sha256=arguments.get("sha256"),
        test_fraction=arguments.get("test_fraction", 0.2),
        seed=arguments.get("seed", 0),
        parent=parent,
        edits=tuple(edits),
    )


def _edit(session: ProjectSession, edit: Mapping[str, Any]) -> Edit:
    if cell := edit.get("confusion"):
        try:
            file = queries.predictions_file(session, cell["job"])
        except (JobNotFound, PredictionsNotFound):
            raise DatasetError(f"Job {cell['job']} and its predictions are gone.") from None
        edit = {**edit, "confusion": {**cell, "predictions": file}}
    return Edit.model_validate(edit)


def _audit(claim: TaskClaim, database: Database, settings: Settings, storage_id: str | None) -> AuditOrder:
    with database.snapshot() as session:
        version = dataset_versions.find_ready(session, claim.project, claim.dataset, claim.version)
        predictions = audits.predictions_of(session, claim.arguments["audit"])
    index, features, *_packs = dataset_versions.files_of(version)
    return AuditOrder(
        task_id=claim.task_id,
        storage_url=settings.storage_url,
        storage_id=storage_id,
        index=index,
        features=features,
        predictions=tuple(predictions),
    )


def _samples(claim: TaskClaim, database: Database, settings: Settings, storage_id: str | None) -> SamplesOrder:
    with database.snapshot() as session:
        version = dataset_versions.find_ready(session, claim.project, claim.dataset, claim.version)
    index, *packs = dataset_versions.trained_files(version)
    return SamplesOrder.model_validate(
        {
            **claim.arguments,
            "task_id": claim.task_id,
            "storage_url": settings.storage_url,
            "storage_id": storage_id,
            "name": f"{dataset_versions.FOLDER}/{claim.project}/{claim.task_id}/{claim.attempt:04}/samples.png",
            "index": index,
            "packs": packs,
            "title": f"{version.dataset} · version {version.number} · augmented",
            "largest_image_megapixels": settings.largest_image_megapixels,
        }
    )
