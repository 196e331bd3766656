"""What a worker and an export tell each other: JSON, one message a line."""

from pathlib import Path
from typing import Any, Literal

from environment.export_formats import ExportFormat
from storage import StoredFile
from worker.images_order import ImagesOrder
from worker.validation.messages import Message


class ExportOrder(Message):
    """What an export is to make of a trained model."""

    task_id: str
    storage_url: str
    storage_id: str | None
    prefix: str  # of the names of the files that it writes: `{prefix}/model.onnx`
    folder: Path  # an empty one, for what it needs meanwhile
    threads: int
    formats: tuple[ExportFormat, ...]
    weights: StoredFile
    predictions: StoredFile | None = None  # of its weights, on the test split
    files: dict[str, StoredFile]  # that the model has, by the names that users see: an export builds on earlier ones
    manifest: dict[str, Any]  # of the trained model (jobs.trained_models.manifest_of)
    epochs: tuple[dict[str, Any], ...] = ()  # of its job, for the model card
    images: ImagesOrder | None  # that it was trained on; None: they are gone, or nobody knows them
    identity: str | None = None  # of these images when it was trained


class ModelFile(Message):
    """A file that is stored, by the name that users see."""

    name: str
    file: StoredFile
    facts: dict[str, Any]  # what is known of it beside its content


class Exported(Message):
    """The files are stored. The last message."""

    kind: Literal["exported"] = "exported"
    files: tuple[ModelFile, ...]
