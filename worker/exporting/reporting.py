"""The evaluation that goes with an export: what a trained model's card says, and its temperature."""

from collections.abc import Callable

from storage import FileDamaged
from training.engine.export import SavedNetwork
from training.evaluation import Report, of_predictions, report
from training.images.predictions import Predictions, PredictionsInvalid
from worker.evaluating.measuring import measure
from worker.exporting.images import ImagesGone, RealImages
from worker.exporting.messages import ExportOrder
from worker.saving import RetryingReader
from worker.validation.messages import Progress


def of_stored(order: ExportOrder, reader: RetryingReader) -> Report | None:
    """Of the predictions that the job has stored; None where it has none, or they cannot be read. Raises OSError."""
    if order.predictions is None:
        return None
    try:
        return of_predictions(Predictions.from_bytes(reader.read(order.predictions)))
    except (FileNotFoundError, FileDamaged, PredictionsInvalid, ValueError):  # the last one: there are no test images
        return None


def of_images(saved: SavedNetwork, images: RealImages | ImagesGone, say: Callable[[Progress], None]) -> Report | None:
    """Of its test images; None where they are gone."""
    if isinstance(images, ImagesGone):
        return None

    def said(done: int, total: int) -> None:
        say(Progress(stage="evaluating", done=done, total=total))

    return report(measure(saved, images.dataset, "test", said).judged)
