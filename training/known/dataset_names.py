"""The errors of a data set name: it names none, or two. Torch-free."""

from collections.abc import Collection

from training.errors import DatasetInvalid
from training.image_folders import layout
from training.known.datasets import KNOWN_DATASETS
from training.names import did_you_mean, listed, quoted


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
