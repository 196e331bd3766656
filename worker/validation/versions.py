"""From the images of a data set to a version of it: packs and index in the storage, and the report."""

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from storage import StoredFile
from training.dataset_check.assembly import Assembled
from training.image_checks.features import Features
from training.images.packs import PACK_BYTES, ImageIndex, packed
from training.images.sizes import common_size
from worker.validation.messages import Found, Progress, ValidationOrder
from worker.validation.patient_storage import PatientStorage
from worker.validation.progress import Course


def make_version(order: ValidationOrder, storage: PatientStorage, found: Assembled, images: Path, say: Course) -> Found:
    """Store a data set whose images lie in the file `images`. Raises StorageFailed."""
    places = list(packed(found.index.lengths.tolist()))
    packs = [pack for pack, _ in places]
    files = _store_packs(order, storage, found.index, packs, images, say)
    stored = replace(
        found.index,
        packs=np.array(packs, np.int32),
        offsets=np.array([offset for _, offset in places], np.int64),
    )
    return store_version(order, storage, stored, found.features, files, found.report(say.comparing))


def _store_packs(
    order: ValidationOrder, storage: PatientStorage, index: ImageIndex, packs: Sequence[int], images: Path, say: Course
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


def store_version(
    order: ValidationOrder,
    storage: PatientStorage,
    index: ImageIndex,
    features: Features,
    packs: Sequence[StoredFile],
    report: dict[str, object],
) -> Found:
    """Store a version's index and features; its packs are stored. Raises StorageFailed."""
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
