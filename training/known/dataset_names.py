"""How a spec names a data set, and the errors of such a name: it names none, or two. Torch-free.

A name alone is a data set that is known, an image folder of the operator's, or the newest version of an uploaded data
set that is ready. `pets@3` is the third version of the uploaded data set `pets`.
"""

import re
from collections.abc import Collection
from typing import NamedTuple, Self

from training.errors import DatasetInvalid
from training.image_folders import layout
from training.known.datasets import KNOWN_DATASETS
from training.names import did_you_mean, listed, quoted

NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"  # safe as the name of a file
VERSION = r"[1-9][0-9]{0,8}"
REFERENCE = rf"{NAME}(@{VERSION})?"

_REFERENCE = re.compile(rf"({NAME})(?:@({VERSION}))?")


def is_name(text: str) -> bool:
    """Whether a data set can be called `text`."""
    return re.fullmatch(NAME, text) is not None


class VersionName(NamedTuple):
    """A data set, and the number of one of its versions; None where a spec names none."""

    dataset: str
    number: int | None

    @classmethod
    def of(cls, text: str) -> Self:
        """From the `dataset` of a spec. Raises ValueError for what no spec accepts."""
        found = _REFERENCE.fullmatch(text)
        if found is None:
            raise ValueError(f"{text!r} names no data set")
        return cls(found[1], int(found[2]) if found[2] else None)

    def __str__(self) -> str:
        return self.dataset if self.number is None else f"{self.dataset}@{self.number}"


def unknown_dataset(name: str, folders: Collection[str]) -> DatasetInvalid:
    """The error where `name` is neither a known data set nor one of the image `folders`."""
    names = sorted({*KNOWN_DATASETS, *folders})
    question = did_you_mean(name, names, "Did you mean {}? ")
    return DatasetInvalid(
        f"There is no data set {quoted(name)}.",
        f"{question}There are {listed(names, most=20)}; in the data sets' folder, EPOCHAL_DATASETS_DIR, put "
        f"{layout('<name>')}",
    )


def hides_shipped(name: str) -> DatasetInvalid:
    """The error where a folder has the name of a data set that ships with Epochal, so that the name is ambiguous."""
    return DatasetInvalid(
        f"The data sets' folder has a folder {name}, which is the name of a data set that comes with Epochal.",
        "Rename the folder.",
    )
