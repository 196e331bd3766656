"""Which data set a name means, and what to say where it means none. Torch-free."""

from collections.abc import Collection

from training.errors import DatasetInvalid
from training.image_folders import layout
from training.known.datasets import KNOWN_DATASETS
from training.names import did_you_mean, listed, quoted


def unknown_dataset(name: str, folders: Collection[str]) -> DatasetInvalid:
    """Where there is no data set `name`: neither a known one nor one of the image `folders`."""
    names = sorted({*KNOWN_DATASETS, *folders})
    question = did_you_mean(name, names, "Did you mean {}? ")
    return DatasetInvalid(
        f"There is no data set {quoted(name)}.",
        f"{question}There are {listed(names, most=20)}; in the data sets' folder, EPOCHAL_DATASETS_DIR, put "
        f"{layout('<name>')}",
    )


def hides_shipped(name: str) -> DatasetInvalid:
    """Where a folder has the name of a data set that comes with Epochal, so that it is open which of them is meant."""
    return DatasetInvalid(
        f"The data sets' folder has a folder {name}, which is the name of a data set that comes with Epochal.",
        "Rename the folder.",
    )
