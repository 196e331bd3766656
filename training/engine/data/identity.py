"""What a data set of tensors is by its content (`training.images.identity`), by which a run decides whether its data is
still the same."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from training.images import identity as images
from training.images.identity import DIGEST_BYTES, Digests, order_by_content, size_header

KEY_BYTES = 8  # of a digest, which a checkpoint keeps for each image: two of 2**32 images would have equal ones
HASHED_AT_ONCE = 4096  # images a thread
HASHING_THREADS = 4


def digests_of(images: Tensor) -> Digests:
    """The same of each of decoded images, uint8 [N, height, width, 1 or 3]."""
    count, height, width, channels = images.shape
    pixels, begun = images.numpy(), sha256(size_header(width, height))
    digests = np.empty((count, DIGEST_BYTES), np.uint8)

    def digest(first: int) -> None:
        part = pixels[first : first + HASHED_AT_ONCE]
        content = (part if channels == 3 else part.repeat(3, axis=3)).reshape(-1).data
        found = bytearray()
        for at in range(0, len(content), 3 * height * width):
            each = begun.copy()
            each.update(content[at : at + 3 * height * width])
            found += each.digest()
        digests[first : first + len(part)] = np.frombuffer(found, np.uint8).reshape(-1, DIGEST_BYTES)

    with ThreadPoolExecutor(HASHING_THREADS) as pool:  # hashlib releases the interpreter's lock
        list(pool.map(digest, range(0, count, HASHED_AT_ONCE)))
    return digests


def sorted_by_content(labels: Tensor, digests: Digests) -> Tensor:
    """The rows of a split, by class and then by content: int64 [N]."""
    return torch.from_numpy(order_by_content(labels.numpy(), digests))


@dataclass(frozen=True, eq=False, slots=True)
class SplitContents:
    """The images of one split, in the order of its samples. `labels`: int64 [N], positions in the classes; `keys`:
    int64 [N], the first KEY_BYTES of each digest."""

    labels: Tensor
    keys: Tensor

    @classmethod
    def of(cls, labels: Tensor, digests: Digests) -> Self:
        """Of images with `labels` and `digests`, sample by sample."""
        return cls(labels, torch.from_numpy(digests[:, :KEY_BYTES].copy().view(np.int64).reshape(-1)))


@dataclass(frozen=True, eq=False, slots=True)
class Contents:
    """What a data set holds, compactly. `identity` is 64 hexadecimal digits; it alone decides whether two are equal,
    and the rest says in what they differ."""

    identity: str
    classes: tuple[str, ...]
    channels: int
    train: SplitContents
    test: SplitContents

    def state(self) -> dict[str, Any]:
        """As tensors and plain values, for a checkpoint."""
        return {
            "identity": self.identity,
            "classes": list(self.classes),
            "channels": self.channels,
            **{name: self._split_state(split) for name, split in self.splits.items()},
        }

    def _split_state(self, split: SplitContents) -> dict[str, Tensor]:
        return {"labels": split.labels.to(torch.uint8 if len(self.classes) <= 256 else torch.int32), "keys": split.keys}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """What `state` returned. Raises KeyError, TypeError or AttributeError where it did not return that."""
        train, test = (SplitContents(state[name]["labels"].long(), state[name]["keys"]) for name in ("train", "test"))
        return cls(state["identity"], tuple(state["classes"]), state["channels"], train, test)

    @property
    def splits(self) -> dict[str, SplitContents]:
        """By name."""
        return {"train": self.train, "test": self.test}


def identity_of(classes: Sequence[str], channels: int, splits: Mapping[str, tuple[Tensor, Digests]]) -> str:
    """Of the labels and digests of each split, in any order."""
    arrays = {name: (labels.numpy(), digests) for name, (labels, digests) in splits.items()}
    return images.identity_of(classes, channels, arrays)


def order_like(before: SplitContents, labels: Tensor, digests: Digests) -> Tensor:
    """The rows of images with `labels` and `digests` in the order that the samples had `before`: int64 [N]. Both must
    be of equal content; which of several equal images is which makes no difference."""
    now = SplitContents.of(labels, digests)
    was_sorted, is_sorted = (np.lexsort((each.keys.numpy(), each.labels.numpy())) for each in (before, now))
    order = np.empty(len(is_sorted), np.int64)
    order[was_sorted] = is_sorted
    return torch.from_numpy(order)
