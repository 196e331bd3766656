"""Which split is meant by its name: of a folder, of an array, or in a column of a table. Torch-free."""

from collections.abc import Iterable, Mapping

from training.archives.members import OtherSplit, Split, shown_names
from training.errors import DatasetInvalid
from training.image_folders.finding import OTHER_NAMES
from training.names import shown

TRAIN_NAMES = ("train", "training")
SPLIT_NAMES = (*TRAIN_NAMES, "test", *OTHER_NAMES)

CALL_THEM = "Call the images to train on train and those to test on test, or leave both out to have them split."


def is_split(name: str) -> bool:
    """Whether `name` is one of a split."""
    return name.casefold() in SPLIT_NAMES


def make_up_splits(names: Iterable[str]) -> bool:
    """Whether there is one to train on among `names`, and one to test on."""
    folded = {name.casefold() for name in names}
    return not folded.isdisjoint(TRAIN_NAMES) and not folded.isdisjoint(("test", *OTHER_NAMES))


def meant_splits(names: Iterable[str], where: str) -> tuple[dict[str, Split | None], list[str]]:
    """Which split each of `names` is, and sentences on how they were read. `where`: "The archive".

    Beside a test split, others are trained on: what is to validate on is split off from the training images. Without
    one, others are it: `other_splits` has these. Where all are called train, there is no split yet. Raises
    DatasetInvalid where none is to train on, or one is no split's name.
    """
    names = sorted(names)
    folded = {name.casefold() for name in names}
    if unknown := [name for name in names if name.casefold() not in SPLIT_NAMES]:
        raise DatasetInvalid(f"{where} has splits that are not known: {shown_names(unknown)}.", CALL_THEM)
    if folded <= {*TRAIN_NAMES}:
        return dict.fromkeys(names), ["All images are called train: a test split is split off from them."]
    if folded.isdisjoint(TRAIN_NAMES):
        raise DatasetInvalid(f"{where} has {shown_names(names)} and no train.", CALL_THEM)
    rest: Split = "train" if "test" in folded else "test"
    meant: dict[str, Split | None] = {}
    for name in names:
        own: Split = "test" if name.casefold() == "test" else "train" if name.casefold() in TRAIN_NAMES else rest
        meant[name] = own
    return meant, [f"{shown(name)} is taken as train." for name in names if name.casefold() in TRAIN_NAMES[1:]]


def other_splits(meant: Mapping[str, Split | None], images: Mapping[str, int]) -> list[OtherSplit]:
    """Of what `meant_splits` returned, those that are called neither train nor test. `images`: how many each has."""
    return [
        OtherSplit(name, split, images[name])
        for name, split in meant.items()
        if split is not None and name.casefold() in OTHER_NAMES
    ]
