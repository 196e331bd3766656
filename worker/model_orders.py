"""What the programs are told to do that work on a trained model."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import select

from catalog.datasets.errors import DatasetError
from catalog.trained.errors import ModelFileNotFound
from catalog.trained.file_names import PREDICTIONS, WEIGHTS
from jobs import dataset_versions, model_tasks, trained_models
from jobs.tasks import TaskClaim
from models import Database, Epoch, ProjectSession, TrainedModel
from settings import Settings
from storage import StoredFile
from worker.evaluating.messages import EvaluationOrder
from worker.exporting.messages import ExportOrder
from worker.images_order import ImagesOrder
from worker.machine import usable_cores

# What a model card is made of, of every epoch: 10,000 of them, as many as a spec may ask for, are 2 MB of an order.
_EPOCH = (
    *("train_loss", "train_accuracy", "test_loss", "test_accuracy", "validation_loss", "validation_accuracy"),
    "seconds",
)


def export_order(
    claim: TaskClaim, database: Database, settings: Settings, storage_id: str | None, folder: Path
) -> ExportOrder:
    """Of a task that exports. `folder` is for what the program needs meanwhile. Raises ModelError."""
    with database.snapshot(claim.project) as session:
        row, model = model_tasks.of_claim(session, claim)
        files = dict(trained_models.files_of(model))
        manifest = trained_models.manifest_of(model)
        data = manifest["data"]
        return ExportOrder(
            task_id=claim.task_id,
            storage_url=settings.storage_url,
            storage_id=storage_id,
            prefix=model_tasks.prefix_of(claim),
            folder=folder,
            threads=usable_cores(),
            formats=tuple(row.arguments["formats"]),
            weights=_weights(model, files),
            predictions=files.get(PREDICTIONS),
            files=files,
            manifest=dict(manifest),
            epochs=tuple(_epochs(session, model)),
            images=_trained_on(session, settings, claim.project, manifest),
            identity=data.get("identity"),
        )


def evaluation_order(
    claim: TaskClaim, database: Database, settings: Settings, storage_id: str | None
) -> EvaluationOrder:
    """Of a task that evaluates. Raises ModelError, and DatasetError where the data set is gone."""
    with database.snapshot(claim.project) as session:
        row, model = model_tasks.of_claim(session, claim)
        manifest = trained_models.manifest_of(model)
        asked = row.arguments
        return EvaluationOrder(
            task_id=claim.task_id,
            storage_url=settings.storage_url,
            storage_id=storage_id,
            prefix=model_tasks.prefix_of(claim),
            threads=usable_cores(),
            weights=_weights(model, trained_models.files_of(model)),
            manifest=dict(manifest),
            images=_images(session, settings, claim.project, manifest, asked["dataset"], asked["version"]),
            split=asked["split"],
        )


def _weights(model: TrainedModel, files: Mapping[str, StoredFile]) -> StoredFile:
    if WEIGHTS not in files:
        raise ModelFileNotFound(model.id, WEIGHTS, list(files))
    return files[WEIGHTS]


def _trained_on(
    session: ProjectSession, settings: Settings, project: str, manifest: Mapping[str, Any]
) -> ImagesOrder | None:
    """None where they are gone. At the size that the job asked for: what is decoded for it already is found again."""
    data, spec = manifest["data"], manifest.get("spec") or {}
    if not data.get("name"):
        return None
    try:
        images = _images(session, settings, project, manifest, data["name"], data["version"])
    except DatasetError:
        return None
    return images.model_copy(update={"image_size": spec.get("image_size")})


def _images(
    session: ProjectSession,
    settings: Settings,
    project: str,
    manifest: Mapping[str, Any],
    dataset: str,
    version: int | None,
) -> ImagesOrder:
    """The images of a data set, at the size that the network takes, as its spec says."""
    taken, spec = manifest["input"], manifest.get("spec") or {}
    files: tuple[StoredFile, ...] = ()
    if version is not None:
        files = dataset_versions.trained_files(dataset_versions.find_ready(session, project, dataset, version))
    return ImagesOrder(
        dataset=dataset,
        files=files,
        project=project,
        image_size=taken["size"],
        resize=taken["resize"] or "crop",
        unreadable=spec.get("unreadable_images") or "refuse",
        datasets_dir=settings.datasets_dir,
        downloads_dir=settings.downloads_dir,
        cache_dir=settings.data_dir / "cache",
        largest_image_megapixels=settings.largest_image_megapixels,
    )


def _epochs(session: ProjectSession, model: TrainedModel) -> list[dict[str, Any]]:
    """The rows of its job's curves."""
    columns = [getattr(Epoch, name) for name in _EPOCH]
    rows = session.execute(select(Epoch.epoch, *columns).where(Epoch.job_id == model.job_id).order_by(Epoch.epoch))
    return [dict(row._mapping) for row in rows]
