"""Makes the files of an export, each from those before it, and stores them.

What a format is made of is stored as well: a page has the int8 file inside, and that one is made of the ONNX file.
"""

import json
from collections.abc import Callable, Mapping, Set
from functools import cached_property
from typing import Any

import torch

from catalog.trained.file_names import CARD, EVALUATION, INT8, ONNX, PAGE, PROGRAM, PT2
from environment.export_formats import NEEDS_IMAGES, ExportFormat
from jobs.failures import FailureCode
from storage import FileDamaged, Storage
from training.engine.export import (
    OPSET,
    TOLERANCE,
    SavedNetwork,
    accuracies,
    check,
    check_program,
    onnx_file,
    quantised,
    read_saved,
    torch_program,
)
from training.engine.export.sessions import Images
from training.evaluation import calibration_facts, to_json
from training.takeaway.html_page import html_page
from training.takeaway.model_card import model_card
from training.takeaway.python_file import python_file
from worker.exporting.images import ImagesGone, RealImages, random_pixels, real_images
from worker.exporting.messages import ExportOrder, ModelFile
from worker.exporting.reporting import of_images, of_stored
from worker.messages import Report
from worker.saving import RetryingReader, store_with_retries
from worker.validation.messages import Progress

# Images are fewer where the network takes long: as many as it does so many multiply-adds for.
MOST_FLOPS = 2 * 10**12
LEAST_IMAGES = 8
CHECK_IMAGES = 512
CALIBRATION_IMAGES = 1000  # of the training split
ACCURACY_IMAGES = 10_000  # of the test split
ACCURACY_SECONDS = 300.0


class ExportRefused(Exception):
    """It cannot be made, for a reason that its owner can do something about."""

    def __init__(self, code: FailureCode, message: str, hint: str) -> None:
        super().__init__(message)
        self.code, self.message, self.hint = code, message, hint


class Export:
    """One order at work."""

    def __init__(
        self, order: ExportOrder, storage: Storage, say: Callable[[Progress], None], send: Callable[[Report], None]
    ) -> None:
        """`say` is told how far it is, `send` what a storage that is away is waited for."""
        self._order, self._storage, self._say, self._send = order, storage, say, send
        self._reader = RetryingReader(storage, send)
        self._stored: dict[str, ModelFile] = {}

    def files(self) -> tuple[ModelFile, ...]:
        """Make and store them all. Raises ExportRefused, DiffersFromTorch, CheckpointInvalid, FileNotFoundError and
        FileDamaged where it is the weights that are gone or damaged, and OSError."""
        self._say(Progress(stage="loading", done=0))
        self._require_images()
        self._say(Progress(stage="evaluating", done=0))
        evaluation = self._evaluation
        steps: dict[ExportFormat, Callable[[], object]] = {
            "onnx": lambda: self._onnx,
            "int8": lambda: self._int8,
            "python": self._make_program,
            "html": self._make_page,
            "torch": self._make_pt2,
        }
        wanted = [name for name in steps if name in self._order.formats]
        for done, name in enumerate(wanted):
            self._say(Progress(stage="exporting", done=done, total=len(wanted)))
            steps[name]()
        card = model_card(self._manifest, evaluation, self._order.epochs)
        self._store(CARD, card.encode(), {})
        return tuple(self._stored.values())

    @cached_property
    def _saved(self) -> SavedNetwork:
        return read_saved(self._reader.read(self._order.weights), "its weights file")

    @cached_property
    def _images(self) -> RealImages | ImagesGone:
        try:
            return real_images(self._order, self._storage, self._reader, self._saved)
        except ImagesGone as gone:
            return gone

    @cached_property
    def _evaluation(self) -> Mapping[str, Any] | None:
        """What evaluation.json holds; None where there is nothing to evaluate on."""
        if made := self._earlier(EVALUATION):
            return _read(made)
        found = of_stored(self._order, self._reader) or of_images(self._saved, self._images, self._say)
        if found is None:
            return None
        facts = {"accuracy": found.accuracy, "images": found.images, "calibration": calibration_facts(found)}
        return _read(self._store(EVALUATION, to_json(found), facts))

    @cached_property
    def _onnx(self) -> bytes:
        if "onnx" not in self._order.formats and (made := self._earlier(ONNX)):
            return made
        content = onnx_file(self._saved)
        images, checked = self._to_check_on
        difference = check(content, self._saved, images, threads=self._order.threads)
        return self._store(ONNX, content, {"opset": OPSET, "max_difference": difference, **checked})

    @cached_property
    def _to_check_on(self) -> tuple[Images, Mapping[str, Any]]:
        """Images, and what is told of them."""
        if isinstance(self._images, RealImages):
            images, checked_on = self._images.drawn("test", self._most(CHECK_IMAGES)), "test images"
        else:
            images, checked_on = random_pixels(self._saved)[: self._most(CHECK_IMAGES)], "random pixels"
        return images, {"tolerance": TOLERANCE, "checked_on": checked_on, "images": len(images)}

    @cached_property
    def _int8(self) -> bytes:
        if "int8" not in self._order.formats and (made := self._earlier(INT8)):
            return made
        images = self._images
        if isinstance(images, ImagesGone):  # though there was such a file, which is damaged
            raise _without_images(NEEDS_IMAGES & set(self._order.formats), images)
        calibrating = images.drawn("train", self._most(CALIBRATION_IMAGES))
        content = quantised(self._onnx, calibrating)
        measured = accuracies(
            [content, self._onnx],
            images.test_batches(ACCURACY_IMAGES),
            threads=self._order.threads,
            seconds=ACCURACY_SECONDS,
        )
        accuracy, accuracy_fp32 = measured.of
        facts = {"accuracy": accuracy, "accuracy_fp32": accuracy_fp32, "images": measured.images}
        return self._store(INT8, content, {**facts, "calibrated_on": len(calibrating)})

    def _make_program(self) -> None:
        self._store(PROGRAM, python_file(self._onnx, self._manifest), {})

    def _make_page(self) -> None:
        content, manifest = self._int8, self._manifest
        facts: Mapping[str, Any] = next((each for each in manifest["files"] if each["name"] == INT8), {})
        self._store(PAGE, b"".join(html_page(content, manifest, facts=facts)), {})

    def _make_pt2(self) -> None:
        images, checked = self._to_check_on
        content = torch_program(self._saved)
        difference = check_program(content, self._saved, images)
        self._store(PT2, content, {"torch_version": torch.__version__, "max_difference": difference, **checked})

    @property
    def _manifest(self) -> Mapping[str, Any]:
        """The trained model's, with what is made by now, as `jobs.trained_models.manifest_of` will have it."""
        files = {each["name"]: each for each in self._order.manifest.get("files", ())}
        for name, made in self._stored.items():
            files[name] = {"name": name, "bytes": made.file.size_bytes, "sha256": made.file.sha256, **made.facts}
        calibration = files.get(EVALUATION, {}).get("calibration")
        listed = sorted(files.values(), key=lambda each: str(each["name"]))
        return {**self._order.manifest, "calibration": calibration, "files": listed}

    def _require_images(self) -> None:
        """Before anything is made of what cannot be finished. Raises ExportRefused."""
        wanted = NEEDS_IMAGES & set(self._order.formats)
        if INT8 in self._order.files:
            wanted -= {"html"}
        if wanted and isinstance(self._images, ImagesGone):
            raise _without_images(wanted, self._images)

    def _most(self, images: int) -> int:
        return min(images, max(LEAST_IMAGES, MOST_FLOPS // self._saved.flops))

    def _earlier(self, name: str) -> bytes | None:
        """A file that the model has; None where it has none, or it is gone or damaged, so that it is made anew."""
        try:
            return self._reader.read(self._order.files[name]) if name in self._order.files else None
        except (FileNotFoundError, FileDamaged):
            return None

    def _store(self, name: str, content: bytes, facts: Mapping[str, Any]) -> bytes:
        """`content`, which is stored now."""
        file = store_with_retries(lambda: self._storage.put(f"{self._order.prefix}/{name}", content), self._send)
        self._stored[name] = ModelFile(name=name, file=file, facts=dict(facts))
        return content


def _without_images(wanted: Set[ExportFormat], gone: ImagesGone) -> ExportRefused:
    return ExportRefused(
        "dataset_invalid",
        f"{' and '.join(sorted(wanted))} cannot be made, since {gone}: 8 bits are fitted to training images, and what "
        "they cost is measured on test images.",
        "Ask for the other formats: onnx, python, torch.",
    )


def _read(evaluation: bytes) -> Mapping[str, Any]:
    held: Mapping[str, Any] = json.loads(evaluation)
    return held
