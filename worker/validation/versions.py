"""From the images of a data set to a version of it: packs and index in the storage, and the report."""

import io
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from storage import FileDamaged, Storage, StoredFile
from training.dataset_check.assembly import Assembled, empty_places, report_of
from training.errors import DatasetInvalid
from training.image_checks.features import Features
from training.images.packs import PACK_BYTES, SPLITS, ImageIndex, packed
from training.images.sizes import common_size
from training.names import listed, shown
from worker.validation.messages import Edit, Found, Progress, ValidationOrder

Say = Callable[[Progress], None]


def make_version(order: ValidationOrder, storage: Storage, found: Assembled, images: Path, say: Say) -> Found:
    """Store a data set whose images lie in the file `images`. Raises OSError where the storage does not answer or is
    full."""
    places = list(packed(found.index.lengths.tolist()))
    packs = [pack for pack, _ in places]
    files = _store_packs(order, storage, found.index, packs, images, say)
    stored = replace(
        found.index,
        packs=np.array(packs, np.int32),
        offsets=np.array([offset for _, offset in places], np.int64),
    )
    return _found(order, storage, stored, found.features, files, found.report())


def edit_version(order: ValidationOrder, storage: Storage, say: Say) -> Found:
    """The version of `order.parent` with its edits. Its packs stay as they are. Raises DatasetInvalid where the edits
    do not fit it, or leave a class without images."""
    index_file, features_file, *packs = order.parent
    try:
        index = ImageIndex.from_bytes(storage.read_verified(index_file))
        features = features_from(storage.read_verified(features_file))
    except (FileNotFoundError, FileDamaged, ValueError) as error:
        raise DatasetInvalid("The version's index is damaged or gone.", "Upload the data set again.") from error
    say(Progress(stage="comparing", done=0, total=len(index)))
    edited, kept = _edited(index, order.edits)
    rows = edited.canonical_order()
    edited, features = edited.take(rows), features[kept][rows]
    return _found(order, storage, edited, features, packs, report_of(edited, features))


def _edited(index: ImageIndex, edits: Sequence[Edit]) -> tuple[ImageIndex, NDArray[np.bool_]]:
    """The images that are left, and which of all these are."""
    splits, labels, kept = index.splits.copy(), index.labels.copy(), np.ones(len(index), np.bool_)
    for place, edit in enumerate(edits):
        rows = [index.rows_by_id[image] for image in edit.images if image in index.rows_by_id]
        if len(rows) < len(edit.images):
            missing = listed([repr(image) for image in edit.images if image not in index.rows_by_id])
            raise DatasetInvalid(
                f"Edit {place} names images that the version does not have: {missing}.",
                "Take ids from this version's report, or from its images.",
            )
        if edit.label is not None:
            if edit.label not in index.classes:
                raise DatasetInvalid(
                    f"Edit {place} names a class that there is not: {shown(edit.label)}.",
                    f"The classes are {listed([shown(name) for name in index.classes], 20)}.",
                )
            labels[rows] = index.classes.index(edit.label)
        if edit.split is not None:
            splits[rows] = SPLITS.index(edit.split)
        if edit.exclude:
            kept[rows] = False
    edited = replace(index, splits=splits, labels=labels).take(np.flatnonzero(kept))
    _require_classes(edited)
    return edited, kept


def _require_classes(index: ImageIndex) -> None:
    if empty := empty_places(index.classes, index.labels, index.splits):
        raise DatasetInvalid(
            f"The edits leave classes without an image: {listed(empty)}.",
            "Every class needs images in both splits.",
        )


def _store_packs(
    order: ValidationOrder, storage: Storage, index: ImageIndex, packs: Sequence[int], images: Path, say: Say
) -> list[StoredFile]:
    """Images in the order of the index, packed anew: what cannot be read, or was passed over, is not in them."""
    files, content, total = list[StoredFile](), bytearray(), int(index.lengths.sum())

    def store() -> None:
        files.append(storage.put(f"{order.prefix}/images-{len(files):05}", bytes(content)))
        content.clear()
        say(Progress(stage="storing", done=sum(file.size_bytes for file in files), total=total))

    with images.open("rb") as source:
        for pack, offset, length in zip(packs, index.offsets.tolist(), index.lengths.tolist(), strict=True):
            if pack > len(files):
                store()
            source.seek(offset)
            content += source.read(length)
    if content:
        store()
    assert all(file.size_bytes <= PACK_BYTES for file in files) or index.lengths.max() > PACK_BYTES
    return files


def features_to(features: Features) -> bytes:
    """As a .npy, without pickled objects."""
    file = io.BytesIO()
    np.save(file, features, allow_pickle=False)
    return file.getvalue()


def features_from(content: bytes) -> Features:
    """What `features_to` returned. Raises ValueError."""
    found: Features = np.load(io.BytesIO(content), allow_pickle=False)
    return found


def _found(
    order: ValidationOrder,
    storage: Storage,
    index: ImageIndex,
    features: Features,
    packs: Sequence[StoredFile],
    report: dict[str, object],
) -> Found:
    index_file = storage.put(f"{order.prefix}/index.npz", index.to_bytes())
    features_file = storage.put(f"{order.prefix}/features.npy", features_to(features))
    sizes = zip(features["width"].tolist(), features["height"].tolist(), strict=True)
    return Found(
        identity=index.identity,
        classes=index.classes,
        channels=index.channels,
        image_size=common_size(sizes),
        train_images=int(index.in_split("train").sum()),
        test_images=int(index.in_split("test").sum()),
        report=report,
        files=(index_file, features_file, *packs),
    )
