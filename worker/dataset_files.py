"""Loads the images of a data set: of an image folder or a shipped one where they lie; of a version of an uploaded one,
from the storage or from what is decoded already."""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from hashlib import sha256
from pathlib import Path

from storage import FileDamaged, Storage, StoredFile
from training.engine.data import Dataset, DatasetInvalid, load_dataset, load_packed
from training.images.packs import ImageIndex, IndexInvalid
from worker.dataset_cache import folder_of
from worker.images_order import ImagesOrder
from worker.saving import RetryingReader

HASHED_AT_ONCE = 2**20


def load_images(order: ImagesOrder, storage: Storage, reader: RetryingReader) -> Dataset:
    """The data set. Decoded images are kept on this machine, those of an uploaded one for its project alone. Raises
    DatasetInvalid, and OSError where the storage does not answer or a disk is full."""
    if order.files:
        return _load_version(order, storage, reader)
    return load_dataset(
        order.dataset,
        image_size=order.image_size,
        resize=order.resize,
        unreadable=order.unreadable,
        datasets_dir=order.datasets_dir,
        downloads_dir=order.downloads_dir,
        cache_dir=order.cache_dir,
        largest_image_megapixels=order.largest_image_megapixels,
    )


def _load_version(order: ImagesOrder, storage: Storage, reader: RetryingReader) -> Dataset:
    index_file, *packs = order.files
    with ExitStack() as held, _told_of(order.dataset):
        index = ImageIndex.from_bytes(reader.read(index_file))
        folder = folder_of(order.cache_dir, order.project, index.identity)

        def local() -> Sequence[Path]:
            return held.enter_context(_local(packs, storage, reader, folder))

        return load_packed(
            order.dataset,
            index,
            local,
            image_size=order.image_size,
            resize=order.resize,
            unreadable=order.unreadable,
            cache_dir=folder,
            largest_image_megapixels=order.largest_image_megapixels,
        )


@contextmanager
def _told_of(name: str) -> Iterator[None]:
    try:
        yield
    except (FileNotFoundError, FileDamaged, IndexInvalid) as error:
        raise DatasetInvalid(
            f"The files of the data set {name} are damaged or gone.",
            "Upload it again, and submit the job with the new version.",
        ) from error


@contextmanager
def _local(
    packs: Sequence[StoredFile], storage: Storage, reader: RetryingReader, folder: Path
) -> Iterator[Sequence[Path]]:
    """The packs as files of this machine, which are as they were stored: where they lie, or else copies of them."""
    if storage.folder is not None:
        paths = [storage.folder / pack.name for pack in packs]
        for path, pack in zip(paths, packs, strict=True):
            _require_whole(path, pack)
        yield paths
        return
    folder.mkdir(parents=True, exist_ok=True)
    copies = Path(tempfile.mkdtemp(prefix="packs-", dir=folder))
    try:
        paths = [copies / f"{number}" for number in range(len(packs))]
        for path, pack in zip(paths, packs, strict=True):
            path.write_bytes(reader.read(pack))
        yield paths
    finally:
        shutil.rmtree(copies, ignore_errors=True)


def _require_whole(path: Path, pack: StoredFile) -> None:
    digest, size = sha256(), 0
    with path.open("rb") as opened:
        while block := opened.read(HASHED_AT_ONCE):
            digest.update(block)
            size += len(block)
    if size != pack.size_bytes or digest.hexdigest() != pack.sha256:
        raise FileDamaged(f"{pack.name} is damaged")
