"""A data set in memory, and the one error that stands for every mistake in one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self

import torch
from torch import Tensor


class DatasetInvalid(ValueError):
    """The data set that the user named cannot be used: `detail` says what is wrong and where, `hint` what to change."""

    def __init__(self, detail: str, hint: str) -> None:
        # Both texts go into databases and JSON, while a file's name may hold bytes that are not UTF-8.
        self.detail = detail.encode(errors="backslashreplace").decode()
        self.hint = hint.encode(errors="backslashreplace").decode()
        super().__init__(self.detail, self.hint)  # so that it survives a pipe

    def __str__(self) -> str:
        return f"{self.detail} {self.hint}"


def listed(names: Sequence[str], most: int = 5) -> str:
    """The first `most` names and how many more there are, for an error."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


@dataclass(frozen=True, eq=False, slots=True)
class Split:
    """Images and their labels.

    `images` is uint8 of shape [N, height, width, channels], contiguous, height = width; `labels` is int64 of shape
    [N], positions in the data set's `classes`.
    """

    images: Tensor
    labels: Tensor

    def __post_init__(self) -> None:
        count, height, width, channels = self.images.shape
        assert (self.images.dtype, self.labels.dtype) == (torch.uint8, torch.int64)
        assert self.images.is_contiguous()
        assert height == width
        assert channels in (1, 3)
        assert self.labels.shape == (count,)

    def to(self, device: torch.device) -> Self:
        """The same split in the memory of `device`."""
        return type(self)(self.images.to(device), self.labels.to(device))


@dataclass(frozen=True, eq=False, slots=True)
class Dataset:
    """Both splits have images of one size and the same channels."""

    name: str
    classes: tuple[str, ...]  # in label order
    train: Split
    test: Split
    source: Literal["shipped", "download", "folder"]

    def __post_init__(self) -> None:
        assert self.train.images.shape[1:] == self.test.images.shape[1:]

    @property
    def image_size(self) -> int:
        """Side in pixels."""
        return self.train.images.shape[1]

    @property
    def channels(self) -> int:
        """1 for grey, 3 for RGB."""
        return self.train.images.shape[3]
