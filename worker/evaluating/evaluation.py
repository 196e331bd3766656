"""Makes the files of an evaluation, and stores them."""

from collections.abc import Callable
from io import BytesIO

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from catalog.trained.file_names import MISTAKES, PREDICTIONS, REPORT
from storage import Storage
from training.engine.data import Dataset
from training.engine.export import read_saved
from training.evaluation import Report, mistakes_subtitle, report, shown_mistakes, to_json
from training.images.contact_sheet import draw_sheet, fitted
from training.images.mistakes_sheet import mistakes_sheet, most_shown
from training.images.packs import SPLITS
from training.images.predictions import Predictions
from worker.dataset_files import load_images
from worker.evaluating.figures import figures
from worker.evaluating.measuring import Measured, measure
from worker.evaluating.messages import Evaluated, EvaluationOrder
from worker.exporting.messages import ModelFile
from worker.messages import Report as RunReport
from worker.saving import RetryingReader, store_with_retries
from worker.validation.messages import Progress

SOURCE = "its weights file"


def evaluate(
    order: EvaluationOrder, storage: Storage, say: Callable[[Progress], None], send: Callable[[RunReport], None]
) -> Evaluated:
    """`say` is told how far it is, `send` what a storage that is away is waited for.

    Raises OtherData; DatasetInvalid; CheckpointInvalid, FileNotFoundError and FileDamaged where it is the weights that
    are gone or damaged; ValueError where the split has no images; and OSError.
    """
    reader = RetryingReader(storage, send)
    say(Progress(stage="loading", done=0))
    saved = read_saved(reader.read(order.weights), SOURCE)
    dataset = load_images(order.images, storage, reader)

    def said(done: int, total: int) -> None:
        say(Progress(stage="evaluating", done=done, total=total))

    measured = measure(saved, dataset, order.split, said)
    found = report(measured.judged)
    contents = {REPORT: to_json(found), MISTAKES: _sheet(order, dataset, found)}
    if measured.is_whole:
        contents[PREDICTIONS] = _predictions(measured).to_bytes()

    def stored(name: str, content: bytes) -> ModelFile:
        file = store_with_retries(lambda: storage.put(f"{order.prefix}/{name}", content), send)
        return ModelFile(name=name, file=file, facts={})

    say(Progress(stage="storing", done=0))
    files = tuple(stored(name, content) for name, content in contents.items())
    return Evaluated(result=dict(figures(found)), files=files)


def _predictions(measured: Measured) -> Predictions:
    judged = measured.judged
    return Predictions(
        classes=tuple(judged.classes),
        dataset_identity=judged.dataset_identity,
        splits=np.full(len(judged.outcomes), SPLITS.index(judged.split), np.uint8),
        labels=judged.outcomes.labels.astype(np.int32),
        digests=judged.digests,
        probabilities=judged.probabilities,
    )


def _sheet(order: EvaluationOrder, dataset: Dataset, found: Report) -> bytes:
    """The most confident mistakes, as a PNG: the images as the network takes them in."""
    size, split = dataset.image_size, dataset.splits[order.split]
    mistakes = shown_mistakes(found, found.mistakes[: most_shown(size)])
    title = f"{order.manifest.get('architecture', {}).get('name', 'network')} on {order.images.dataset}"
    sheet = mistakes_sheet(title, mistakes_subtitle(found), size, mistakes, range(len(mistakes)))
    rows = split.rows(torch.tensor([each.index for each in mistakes], dtype=torch.int64))
    images = [fitted(_image(pixels), sheet.cell) for pixels in split.images.index_select(0, rows).numpy()]
    file = BytesIO()
    draw_sheet(sheet, images).save(file, "PNG")
    return file.getvalue()


def _image(pixels: NDArray[np.uint8]) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels))
