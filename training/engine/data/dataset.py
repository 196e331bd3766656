"""A data set in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.engine.data.identity import Contents, SplitContents, digests_of, identity_of, order_like
from training.images.identity import Digests


@dataclass(frozen=True, eq=False, slots=True)
class Split:
    """Images and their labels.

    `images` is uint8 of shape [N, height, width, channels], contiguous, height = width; `labels` is int64 of shape
    [N], positions in the data set's `classes`. `mapped`: the images lie in a file that is mapped into memory, which
    need not hold them all; they must not be written to. `order`: int64 [N], the row of each sample, so that what a
    sample is need not follow from where its image lies; None: they are the same.
    """

    images: Tensor
    labels: Tensor
    mapped: bool = False
    order: Tensor | None = None

    def __post_init__(self) -> None:
        count, height, width, channels = self.images.shape
        assert (self.images.dtype, self.labels.dtype) == (torch.uint8, torch.int64)
        assert self.images.is_contiguous()
        assert height == width
        assert channels in (1, 3)
        assert self.labels.shape == (count,)

    @classmethod
    def of_arrays(cls, images: NDArray[np.uint8], labels: NDArray[np.int64]) -> Self:
        """Of arrays in any memory order. Raises ValueError where they are not as described."""
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1] != images.shape[2]:
            found = f"{images.dtype} {images.shape}"
            raise ValueError(f"images must be square, uint8 [N, size, size, channels], not {found}")
        if images.shape[3] not in (1, 3) or not len(images):
            raise ValueError(f"images must have 1 channel or 3, and there must be some: {images.shape}")
        if labels.shape != images.shape[:1] or labels.dtype.kind not in "iu":
            raise ValueError(f"there must be one integer label an image, not {labels.dtype} {labels.shape}")
        return cls(torch.from_numpy(np.ascontiguousarray(images)), torch.from_numpy(labels.astype(np.int64)))

    def to(self, device: torch.device) -> Self:
        """The same split in the memory of `device`."""
        mapped = self.mapped and device.type == "cpu"
        return type(self)(self.images.to(device), self.labels.to(device), mapped, self.order)

    def rows(self, samples: Tensor) -> Tensor:
        """The rows of `images` that hold `samples`; both int64, on the host."""
        return samples if self.order is None else self.order[samples]

    @property
    def sample_labels(self) -> Tensor:
        """The label of each sample, int64 [N]."""
        return self.labels if self.order is None else self.labels[self.order]


@dataclass(frozen=True, eq=False)
class Dataset:
    """Both splits have images of one size and the same channels.

    `digests`: of the images of each split before they were resized, row by row; None: they were not, and the digests
    are computed from `images`. `files`: the paths, within the data set, of the training images and then of the test
    images; empty where it has no files.
    """

    name: str
    classes: tuple[str, ...]  # in label order
    train: Split
    test: Split
    source: Literal["shipped", "download", "folder", "upload", "arrays"]
    dropped: int = 0  # images that could not be read, and were left out
    ignored: int = 0  # files of a folder that are no images, beside hidden ones and known companions
    ignored_examples: tuple[str, ...] = ()  # places of some of them
    digests: tuple[Digests, Digests] | None = None
    files: Sequence[str] = ()

    def __post_init__(self) -> None:
        assert self.train.images.shape[1:] == self.test.images.shape[1:]

    @classmethod
    def of_arrays(
        cls,
        name: str,
        train_images: NDArray[np.uint8],
        train_labels: NDArray[np.int64],
        test_images: NDArray[np.uint8],
        test_labels: NDArray[np.int64],
        classes: Sequence[str],
    ) -> Self:
        """A data set of your own arrays: images [N, size, size, channels], 1 channel or 3; labels [N], positions in
        `classes`. Raises ValueError where they do not fit together."""
        train, test = Split.of_arrays(train_images, train_labels), Split.of_arrays(test_images, test_labels)
        if train.images.shape[1:] != test.images.shape[1:]:
            shapes = [tuple(split.images.shape[1:]) for split in (train, test)]
            raise ValueError(f"images of {shapes[0]} to train on, of {shapes[1]} to test on")
        for split in (train, test):
            if not 0 <= int(split.labels.min()) <= int(split.labels.max()) < len(classes):
                raise ValueError(f"labels must be positions in the {len(classes)} classes: 0 to {len(classes) - 1}")
        return cls(name, tuple(classes), train, test, source="arrays")

    @cached_property
    def contents(self) -> Contents:
        """Its labels and the digests of its images, in the order of its samples."""
        samples = {name: (split.sample_labels, self.sample_digests(name)) for name, split in self.splits.items()}
        identity = identity_of(self.classes, self.channels, samples)
        train, test = (SplitContents.of(labels, digests) for labels, digests in samples.values())
        return Contents(identity, self.classes, self.channels, train, test)

    def sample_digests(self, split: str) -> Digests:
        """Of the images of a split before they were resized, sample by sample: uint8 [N, 32]."""
        digests = dict(zip(self.splits, self._digests, strict=True))[split]
        order = self.splits[split].order
        return digests if order is None else digests[order.numpy()]

    @property
    def splits(self) -> dict[str, Split]:
        """By name."""
        return {"train": self.train, "test": self.test}

    @cached_property
    def _digests(self) -> tuple[Digests, Digests]:
        return self.digests or (digests_of(self.train.images), digests_of(self.test.images))

    @property
    def identity(self) -> str:
        """64 hexadecimal digits that depend on its classes and its images alone."""
        return self.contents.identity

    def ordered_like(self, before: Contents | None) -> Self:
        """The same data set with its samples in the order of `before`, which must have the same identity; in the order
        of its rows, where that is None."""
        if before is None:
            return replace(self, train=replace(self.train, order=None), test=replace(self.test, order=None))
        train, test = (
            replace(split, order=order_like(numbered, split.labels, digests))
            for numbered, split, digests in zip(
                before.splits.values(), self.splits.values(), self._digests, strict=True
            )
        )
        return replace(self, train=train, test=test, digests=self._digests)

    def is_ordered_like(self, before: Contents | None) -> bool:
        """Whether `ordered_like` would change nothing."""
        if before is None:
            return self.train.order is None and self.test.order is None
        pairs = zip(before.splits.values(), self.contents.splits.values(), strict=True)
        return all(torch.equal(a.labels, b.labels) and torch.equal(a.keys, b.keys) for a, b in pairs)

    @property
    def image_size(self) -> int:
        """Side in pixels."""
        return self.train.images.shape[1]

    @property
    def channels(self) -> int:
        """1 for grey, 3 for RGB."""
        return self.train.images.shape[3]
