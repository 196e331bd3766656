"""What holds of the classes of every data set, whatever says which they are. Torch-free."""

import unicodedata
from collections.abc import Collection, Iterable, Mapping

from training.archives.limits import MIB
from training.archives.members import EXAMPLES, Split, shown_names
from training.errors import DatasetInvalid
from training.names import alike_in_form, difference, in_one_form, look_alikes, skeleton

LONGEST_CLASS = 255  # bytes, as of a folder
MOST_CLASSES = 25_000  # ImageNet-21k has 21,841
MOST_NAMES_BYTES = MIB  # of all classes: they are in each answer that describes the data set, twice
MOST_COMPARED = 100  # names that are missing in a split, with those that it has too many

HOW = (
    "Put the images of every class at train/<class>/ and at test/<class>/, or at <class>/ to have them split; or name "
    "them with their classes in a table labels.csv, whose first line is `file,label`."
)


def class_of(text: str) -> str:
    """The class that is called `text`: in one Unicode form, without spaces at its ends."""
    return in_one_form(text).strip()


def check_count(count: int, where: str) -> None:
    """Raises DatasetInvalid where these are too many classes."""
    if count > MOST_CLASSES:
        raise DatasetInvalid(
            f"{where} has {count:,} classes, and a data set may have {MOST_CLASSES:,}.",
            "Leave out the rarest, or join them. Images that are to be matched, and not told apart, are no classes.",
        )


def check_names(names: Collection[str], where: str) -> None:
    """Raises DatasetInvalid where a name of a class is none, two look alike, or there is too much of them. `where` they
    are: "labels.csv"."""
    check_count(len(names), where)
    if wrong := [name for name in names if name.encode(errors="ignore").decode() != name]:
        raise DatasetInvalid(
            f"{where} has classes whose names are not UTF-8: {shown_names(sorted(wrong))}.", "Rename them."
        )
    if any(not skeleton(name) for name in names):
        raise DatasetInvalid(f"{where} has a class without a name that can be seen.", "Give each class a name.")
    if wrong := [name for name in names if any(unicodedata.category(letter) == "Cc" for letter in name)]:
        raise DatasetInvalid(
            f"{where} has classes with control characters in their names: {shown_names(sorted(wrong))}.",
            "Rename them.",
        )
    if wrong := [name for name in names if len(name.encode()) > LONGEST_CLASS]:
        raise DatasetInvalid(
            f"{where} has classes whose names have more than {LONGEST_CLASS} bytes: {shown_names(sorted(wrong))}.",
            "Give them shorter names.",
        )
    if (total := sum(len(name.encode()) for name in names)) > MOST_NAMES_BYTES:
        raise DatasetInvalid(
            f"{where} has {len(names):,} classes whose names have {total:,} bytes together, and may have "
            f"{MOST_NAMES_BYTES:,}.",
            "Give them shorter names.",
        )
    if twins := alike_in_form(sorted(names)):
        told = "; ".join(difference(*pair) for pair in twins[:EXAMPLES])
        raise DatasetInvalid(
            f"{where} has classes that nobody could tell apart: {told}.", "Give them one name, or different ones."
        )


def check_classes(by_split: Mapping[Split | None, Collection[str]], where: str, how: str = HOW) -> None:
    """Raises DatasetInvalid unless there are two classes or more, the same ones in each split.

    `by_split` has one key, None, where there is no split yet.
    """
    everything = {name for names in by_split.values() for name in names}
    check_names(everything, where)
    if "train" in by_split or "test" in by_split:
        train, test = by_split.get("train", ()), by_split.get("test", ())
        _check_both(train, test, "train", "test", where, how)
        _check_both(test, train, "test", "train", where, how)
    if len(everything) < 2:
        one = f"one class only, {shown_names(everything)}" if everything else "no class"
        raise DatasetInvalid(f"{where} has {one}: there is nothing to tell apart.", how)


def _check_both(here: Iterable[str], there: Iterable[str], split: str, other: str, where: str, how: str) -> None:
    if missing := sorted({*here} - {*there}):
        pairs = look_alikes(missing[:MOST_COMPARED], sorted({*there} - {*here})[:MOST_COMPARED])
        alike = "".join(f" {difference(*pair)}." for pair in pairs[:EXAMPLES])
        raise DatasetInvalid(
            f"{where} has classes in {split} but not in {other}: {shown_names(missing)}.{alike}",
            f"Give them one name in both. {how}" if alike else how,
        )
