"""What a worker and an evaluation tell each other: JSON, one message a line."""

from typing import Any, Literal

from storage import StoredFile
from worker.exporting.messages import ModelFile
from worker.images_order import ImagesOrder
from worker.validation.messages import Message


class EvaluationOrder(Message):
    """What an evaluation is to measure."""

    task_id: str
    storage_url: str
    storage_id: str | None
    prefix: str  # of the names of the files that it writes: `{prefix}/report.json`
    threads: int
    weights: StoredFile
    manifest: dict[str, Any]  # of the trained model (jobs.trained_models.manifest_of)
    images: ImagesOrder  # to evaluate on, at the size that the network takes
    split: Literal["train", "test"]


class Evaluated(Message):
    """The files are stored. The last message."""

    kind: Literal["evaluated"] = "evaluated"
    result: dict[str, Any]  # the figures: without what is long, which is in the files
    files: tuple[ModelFile, ...]
