"""Versions of data sets that are ready, made without a worker."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from io import BytesIO
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from jobs import dataset_versions, new_versions, tasks
from jobs.dataset_versions import Validated
from models import DEFAULT_PROJECT, Database
from storage import Storage
from training.images.identity import digest_of
from training.images.packs import SPLITS, ImageIndex
from training.images.predictions import Predictions
from training.images.sizes import common_size


class Sample(NamedTuple):
    """An image of a version: split, class, name, and the bytes of its file. `digest`: of one that cannot be decoded."""

    split: str
    label: str
    name: str
    content: bytes
    digest: bytes | None = None


def encoded(image: Image.Image, form: str = "PNG", **options: Any) -> bytes:
    """An image file."""
    file = BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def noise(seed: int, width: int = 16, height: int = 16, mode: str = "RGB") -> Image.Image:
    """An image like no other."""
    channels = {"L": (), "RGB": (3,)}[mode]
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, *channels), np.uint8))


def pets(classes: Sequence[str] = ("cat", "dog"), each: int = 4, side: int = 16) -> list[Sample]:
    """`each` images of each class to train on, and half as many to test on."""
    made = []
    for place, label in enumerate(classes):
        for number in range(each + each // 2):
            split = SPLITS[number >= each]
            content = encoded(noise(1000 * place + number, side, side))
            made.append(Sample(split, label, f"{split}/{label}/{number}.png", content))
    return made


def store_ready(
    database: Database,
    storage: Storage,
    samples: Sequence[Sample],
    *,
    dataset: str = "pets",
    project: str = DEFAULT_PROJECT,
    findings: Iterable[Mapping[str, Any]] = (),
) -> ImageIndex:
    """Make a version of `samples`, and return its index."""
    index, pack = _packed(samples)
    with database.session() as session:
        number = new_versions.add_version(session, project, dataset, "upload").number
        task = tasks.add(session, tasks.VALIDATE, project, dataset, number, {})
        session.flush()
        claim = tasks._claimed(task, "worker-1", 60)  # the very one, whatever else waits
    with database.session() as session:
        prefix = f"{dataset_versions.FOLDER}/{project}/{claim.task_id}/0001"
        files = [
            storage.put(f"{prefix}/index.npz", index.to_bytes()),
            storage.put(f"{prefix}/features.npy", b""),
            storage.put(f"{prefix}/images-00000", pack),
        ]
        found = Validated(
            identity=index.identity,
            classes=index.classes,
            channels=index.channels,
            image_size=common_size(_size(sample.content) for sample in samples),
            train_images=int(index.in_split("train").sum()),
            test_images=int(index.in_split("test").sum()),
            report={"findings": list(findings)},
            files=files,
        )
        dataset_versions.settle_ready(session, claim, found)
    return index


def indexed(samples: Sequence[Sample]) -> ImageIndex:
    """The index of a version of `samples`."""
    return _packed(samples)[0]


def predictions_on(index: ImageIndex, seed: int = 0) -> Predictions:
    """What a network that was trained on a version takes its test images for."""
    rows = np.flatnonzero(index.in_split("test"))
    given = np.random.default_rng(seed).dirichlet(np.ones(len(index.classes)), len(rows))
    return Predictions(
        classes=index.classes,
        dataset_identity=index.identity,
        splits=index.splits[rows],
        labels=index.labels[rows],
        digests=index.digests[rows],
        probabilities=given.astype(np.float32),
    )


def _packed(samples: Sequence[Sample]) -> tuple[ImageIndex, bytes]:
    classes = tuple(sorted({sample.label for sample in samples}))
    lengths = np.array([len(sample.content) for sample in samples], np.int64)
    digests = [sample.digest or digest_of(Image.open(BytesIO(sample.content))) for sample in samples]
    index = ImageIndex(
        classes,
        3,
        splits=np.array([SPLITS.index(sample.split) for sample in samples], np.uint8),
        labels=np.array([classes.index(sample.label) for sample in samples], np.int32),
        packs=np.zeros(len(samples), np.int32),
        offsets=np.cumsum(lengths) - lengths,
        lengths=lengths,
        digests=np.frombuffer(b"".join(digests), np.uint8).reshape(-1, 32),
        names=tuple(sample.name for sample in samples),
    )
    pack = b"".join(sample.content for sample in samples)
    return index.take(index.canonical_order()), pack


def _size(content: bytes) -> tuple[int, int]:
    with Image.open(BytesIO(content)) as image:
        return image.size


def ids_by_class(index: ImageIndex) -> Mapping[str, Sequence[str]]:
    """The ids of each class's images, in order."""
    found = defaultdict[str, list[str]](list)
    for name, label in zip(index.ids, index.labels.tolist(), strict=True):
        found[index.classes[label]].append(name)
    return found
