"""From a version and edits to the next version: labels and splits change, and images are left out. None is decoded."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from storage import FileDamaged
from training.dataset_check.assembly import empty_places, report_of
from training.errors import DatasetInvalid
from training.image_checks import Features, mended_by
from training.images.identity import Digests
from training.images.packs import SPLITS, ImageIndex
from training.images.predictions import Predictions, PredictionsInvalid
from training.names import listed, shown
from worker.validation.messages import Confusion, Edit, Found, Progress, ValidationOrder
from worker.validation.patient_storage import PatientStorage
from worker.validation.progress import Course
from worker.validation.versions import features_from, store_version

Rows = NDArray[np.int64]


def edit_version(order: ValidationOrder, storage: PatientStorage, say: Course) -> Found:
    """The version of `order.parent` with its edits. Its packs stay as they are. Raises DatasetInvalid where the edits
    do not fit it, or leave a class without images."""
    index_file, features_file, *packs = order.parent
    try:
        index = ImageIndex.from_bytes(storage.read_verified(index_file))
        features = features_from(storage.read_verified(features_file))
    except (FileNotFoundError, FileDamaged, ValueError) as error:
        raise DatasetInvalid("The version's index is damaged or gone.", "Upload the data set again.") from error
    say(Progress(stage="comparing", done=0, total=len(index)))
    edited, kept = _edited(_Version(index, features, storage, say), order.edits)
    rows = edited.canonical_order()
    edited, features = edited.take(rows), features[kept][rows]
    return store_version(order, storage, edited, features, packs, report_of(edited, features, tell=say.comparing))


@dataclass(frozen=True)
class _Version:
    """The version that is edited, in which edits find their images."""

    index: ImageIndex
    features: Features
    storage: PatientStorage
    say: Course

    def rows(self, edit: Edit, place: int) -> Rows:
        """The images of the edit at `place`, from 0. Raises DatasetInvalid where there are none."""
        if edit.finding is not None:
            return self._found(edit.finding, place)
        if edit.confusion is not None:
            return self._confused(edit.confusion, place)
        rows_by_id = self.index.rows_by_id
        if missing := [image for image in edit.images if image not in rows_by_id]:
            raise DatasetInvalid(
                f"{_pointer(place)} names images that the version does not have: {listed(list(map(repr, missing)))}.",
                "Take ids from this version's report, or from its images.",
            )
        return np.array([rows_by_id[image] for image in edit.images], np.int64)

    def _found(self, code: str, place: int) -> Rows:
        index = self.index
        rows = mended_by(
            code,
            self.features,
            index.digests,
            labels=index.labels,
            splits=index.splits,
            classes=index.classes,
            ids=index.ids,
            tell=self.say.comparing,
        )
        if not len(rows):
            raise DatasetInvalid(
                f"{_pointer(place)} names a finding without images: {shown(code)}.", "Take a code from the report."
            )
        return rows

    def _confused(self, cell: Confusion, place: int) -> Rows:
        try:
            found = Predictions.from_bytes(self.storage.read_verified(cell.predictions))
        except (FileNotFoundError, FileDamaged, PredictionsInvalid) as error:
            message = f"The predictions of job {cell.job} are damaged or gone."
            raise DatasetInvalid(message, "Take another job, or name the images.") from error
        classes = np.array([*found.classes, ""])
        predicted = classes[found.probabilities.argmax(axis=1)] if len(found) else classes[:0]
        chosen = (classes[found.labels] == cell.label) & (predicted == cell.predicted)
        wanted = set(_places(found.splits[chosen], found.digests[chosen]))
        places = _places(self.index.splits, self.index.digests)
        labelled_so = np.array(self.index.classes)[self.index.labels] == cell.label  # and not mended since
        rows = [row for row, where in enumerate(places) if labelled_so[row] and where in wanted]
        if not rows:
            raise DatasetInvalid(
                f"{_pointer(place)} means no image of the version: job {cell.job} takes none of class "
                f"{shown(cell.label)} for {shown(cell.predicted)}.",
                "Take another cell, or a job that was trained on this version.",
            )
        return np.array(rows, np.int64)


def _pointer(place: int) -> str:
    """An edit, as an answer of the API names it."""
    return f"#/edits/{place}"


def _places(splits: NDArray[np.uint8], digests: Digests) -> Iterator[tuple[int, bytes]]:
    """Split and digest of each image."""
    return zip(splits.tolist(), (digest.tobytes() for digest in digests), strict=True)


def _edited(version: _Version, edits: Sequence[Edit]) -> tuple[ImageIndex, NDArray[np.bool_]]:
    """The images that are left, and which of all these are."""
    index = version.index
    splits, labels, kept = index.splits.copy(), index.labels.copy(), np.ones(len(index), np.bool_)
    for place, edit in enumerate(edits):
        rows = version.rows(edit, place)
        if edit.label is not None:
            if edit.label not in index.classes:
                raise DatasetInvalid(
                    f"{_pointer(place)} names a class that there is not: {shown(edit.label)}.",
                    f"The classes are {listed([shown(name) for name in index.classes], 20)}.",
                )
            labels[rows] = index.classes.index(edit.label)
        if edit.split is not None:
            splits[rows] = SPLITS.index(edit.split)
        if edit.exclude:
            kept[rows] = False
    edited = replace(index, splits=splits, labels=labels).take(np.flatnonzero(kept))
    if empty := empty_places(edited.classes, edited.labels, edited.splits):
        raise DatasetInvalid(
            f"The edits leave classes without an image: {listed(empty)}.",
            "Every class needs images in both splits.",
        )
    return edited, kept
