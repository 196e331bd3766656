"""Loads versions of uploaded data sets: an index, and packs of image files (`training.images.packs`)."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import PIL
import torch

from training.engine.data.cache import decoded_once
from training.engine.data.dataset import Dataset, Split
from training.engine.data.decoding import DecodingOptions, Unreadable, decode_files
from training.engine.data.folders import DECODER_VERSION
from training.engine.data.identity import sorted_by_content
from training.engine.data.stores import Decoded, Reserve
from training.image_folders import LARGEST_IMAGE_MEGAPIXELS
from training.images.decoding import PackedFile, Resize
from training.images.packs import SPLITS, ImageIndex


def load_packed(
    name: str,
    index: ImageIndex,
    packs: Callable[[], Sequence[Path]],
    *,
    image_size: int | None = None,
    resize: Resize = "crop",
    unreadable: Unreadable = "refuse",
    cache_dir: Path | None = None,
    largest_image_megapixels: int = LARGEST_IMAGE_MEGAPIXELS,
) -> Dataset:
    """The data set of `index`, called `name`, with the options of `load_dataset`. `packs` says where the packs are; it
    is called only where the images are not in `cache_dir` already. Raises what `load_dataset` raises, and what `packs`
    raises.
    """
    options = DecodingOptions(image_size, resize, unreadable, largest_image_megapixels)

    def decode(reserve: Reserve) -> Decoded:
        places = packs()
        files = [
            PackedFile(places[pack], offset, length)
            for pack, offset, length in zip(
                index.packs.tolist(), index.offsets.tolist(), index.lengths.tolist(), strict=True
            )
        ]
        return decode_files(Path(name), files, options, reserve)

    fingerprint = f"{DECODER_VERSION} {PIL.__version__} {options.largest_megapixels} {index.identity}"
    decoded = decoded_once(cache_dir, index.identity, options.cache_key, fingerprint, decode)
    return _dataset(name, index, decoded)


def _dataset(name: str, index: ImageIndex, decoded: Decoded) -> Dataset:
    kept = np.ones(len(index), dtype=bool)
    kept[list(decoded.unreadable)] = False
    labels = torch.from_numpy(index.labels[kept].astype(np.int64))
    in_train = int((kept & index.in_split("train")).sum())
    parts = dict(zip(SPLITS, (slice(in_train), slice(in_train, None)), strict=True))
    splits = {
        split: Split(
            decoded.images[part], labels[part], decoded.mapped, sorted_by_content(labels[part], decoded.digests[part])
        )
        for split, part in parts.items()
    }
    return Dataset(
        name=name,
        classes=index.classes,
        train=splits["train"],
        test=splits["test"],
        source="upload",
        dropped=len(decoded.unreadable),
        digests=(decoded.digests[parts["train"]], decoded.digests[parts["test"]]),
        files=[each for each, is_kept in zip(index.names, kept, strict=True) if is_kept],
    )
