"""How the images of an uploaded data set are kept: encoded files, one after the other, in packs, and an index of them.

A pack is nothing but the bytes of image files. The index says where each image lies, its split, its class and its
digest, and what it was called. Both are made once, from what was validated, and never change. An index is a .npz
without pickled objects.
"""

import io
import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from training.images.identity import DIGEST_BYTES, Digests, identity_of

PACK_BYTES = 64 * 2**20  # a pack is closed once it has so many

SPLITS = ("train", "test")  # by their numbers in the index
ID_DIGITS = 16  # of an image's digest, in its id

_COLUMNS: Mapping[str, str] = {
    "splits": "u1",
    "labels": "<i4",
    "packs": "<i4",
    "offsets": "<i8",
    "lengths": "<i8",
}


class IndexInvalid(ValueError):
    """The bytes are no index, or one that is damaged."""


@dataclass(frozen=True, eq=False, slots=False)
class ImageIndex:
    """The images of a data set, in the order of their split, class, digest and name.

    All arrays have N rows: `splits`, uint8, positions in SPLITS; `labels`, int32, positions in `classes`; where the
    file is, `packs` (int32, from 0), `offsets` and `lengths` (int64, bytes); `digests`, uint8 [N, 32]. `names`: as they
    were sent, for people.
    """

    classes: tuple[str, ...]
    channels: int  # 1 where every image is grey, else 3
    splits: NDArray[np.uint8]
    labels: NDArray[np.int32]
    packs: NDArray[np.int32]
    offsets: NDArray[np.int64]
    lengths: NDArray[np.int64]
    digests: Digests
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)

    def canonical_order(self) -> NDArray[np.int64]:
        """The rows in the order in which they should be."""
        words = self.digests.view(">u8")
        ranks = np.empty(len(self), np.int64)  # of the names, which as an array would take the longest one's room each
        ranks[sorted(range(len(self)), key=self.names.__getitem__)] = np.arange(len(self))
        return np.lexsort((ranks, *words.T[::-1], self.labels, self.splits))

    def take(self, rows: NDArray[np.integer]) -> "ImageIndex":
        """The images of `rows`, in that order."""
        columns = {name: getattr(self, name)[rows] for name in (*_COLUMNS, "digests")}
        names = tuple(self.names[row] for row in rows.tolist())
        return replace(self, **columns, names=names)

    def in_split(self, split: str) -> NDArray[np.bool_]:
        """Which images are in `split`, bool [N]."""
        return np.equal(self.splits, SPLITS.index(split))

    @cached_property
    def identity(self) -> str:
        """As the identity of the data set that is trained on (`training.images.identity`)."""
        splits = {name: (self.labels[self.in_split(name)], self.digests[self.in_split(name)]) for name in SPLITS}
        return identity_of(self.classes, self.channels, splits)

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """The id of each image: the beginning of its digest, and a number where several images are alike."""
        seen: dict[str, int] = {}
        found = []
        for digest in self.digests:
            name = digest.tobytes().hex()[:ID_DIGITS]
            seen[name] = seen.get(name, 0) + 1
            found.append(name if seen[name] == 1 else f"{name}-{seen[name]}")
        return tuple(found)

    @cached_property
    def rows_by_id(self) -> Mapping[str, int]:
        """The row of each id."""
        return {name: row for row, name in enumerate(self.ids)}

    def to_bytes(self) -> bytes:
        """As a .npz. Equal indexes give equal bytes."""
        about = {"classes": list(self.classes), "channels": self.channels, "names": list(self.names)}
        arrays = {name: getattr(self, name).astype(kind) for name, kind in _COLUMNS.items()}
        arrays["digests"] = self.digests
        arrays["about"] = np.frombuffer(json.dumps(about).encode(), np.uint8)
        file = io.BytesIO()
        np.savez(file, allow_pickle=False, **arrays)
        return file.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> "ImageIndex":
        """What `to_bytes` returned. Raises IndexInvalid."""
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
                about = json.loads(arrays["about"].tobytes())
                columns = {name: arrays[name] for name in (*_COLUMNS, "digests")}
            found = cls(tuple(about["classes"]), about["channels"], names=tuple(about["names"]), **columns)
        except (KeyError, ValueError, TypeError, OSError, EOFError, zipfile.BadZipFile) as error:
            raise IndexInvalid("it is no index of images") from error
        if {len(found.names), *map(len, columns.values())} != {len(found)} or (
            found.digests.shape[1:] != (DIGEST_BYTES,)
        ):
            raise IndexInvalid("its columns are not equally long")
        return found


def packed(lengths: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Where files of `lengths` bytes come to lie, one after the other: the pack of each, and its offset there."""
    pack, offset = 0, 0
    for length in lengths:
        if offset and offset + length > PACK_BYTES:
            pack, offset = pack + 1, 0
        yield pack, offset
        offset += length
