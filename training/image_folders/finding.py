"""Finds the classes and images of an image folder: `<data set>/{train,test}/<class>/`, with images at any depth below a
class. Torch-free.

Links are followed, and each directory is visited once. A link that leads to images of another class or of the other
split of the same data set is an error: these images would have two labels, or be both trained and tested on. Classes
are compared by their names in Unicode's form NFC.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from training.errors import DatasetInvalid
from training.image_folders.listing import EXAMPLES, Listing, list_directory
from training.names import alike_in_form, difference, in_one_form, listed, look_alikes, shown

SPLITS = ("train", "test")
OTHER_NAMES = ("val", "valid", "validation", "dev", "eval", "testing")  # that users give to the split `test`

LARGEST_IMAGE_MEGAPIXELS = 256  # phones make images of 200; a larger one may be a decompression bomb

ListDirectory = Callable[[str], Listing]


@dataclass(slots=True)
class Ignored:
    """Files that are no images. Paths of examples are relative to the data sets' folder."""

    count: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, count: int, places: Sequence[str]) -> None:
        """`places` are some of them."""
        self.count += count
        self.examples += places[: EXAMPLES - len(self.examples)]


@dataclass(slots=True)
class ClassFolder:
    """The images of one class in one split. `unknown` counts the files whose content decides, and was not read."""

    name: str  # of the folder, in the Unicode form that it has on the disk
    files: list[str] = field(default_factory=list)  # paths, sorted; empty where only counts were asked for
    count: int = 0
    unknown: int = 0
    ignored: Ignored = field(default_factory=Ignored)


@dataclass(frozen=True, slots=True)
class ImageFolder:
    """A folder that is laid out as a data set, and what was found in it."""

    classes: tuple[str, ...]  # sorted, NFC
    splits: Mapping[str, Mapping[str, ClassFolder]]  # by split and class, both in order
    ignored: Ignored

    def count(self, split: str) -> int | None:
        """The number of images in `split`; None where too many files would have to be opened to know it."""
        folders = self.splits[split].values()
        return None if any(each.unknown for each in folders) else sum(each.count for each in folders)


def find_images(folder: Path, list_directory: ListDirectory = list_directory) -> ImageFolder:
    """What is in `folder`. Raises DatasetInvalid, with the reason, where it is no data set or cannot be read."""
    try:
        return _Finder(folder, list_directory).find()
    except OSError as error:
        place = os.path.relpath(os.fsdecode(error.filename), folder.parent) if error.filename else ".."
        told = folder.name if place.startswith("..") else place
        raise DatasetInvalid(
            f"{shown(told)} cannot be read: {error.strerror}.",
            "Give whoever runs the service the right to read it, and look after its disk.",
        ) from error


class _Finder:
    """Walks through one data set."""

    def __init__(self, folder: Path, list_directory: ListDirectory) -> None:
        self._folder, self._name, self._list = folder, shown(folder.name), list_directory
        self._ignored = Ignored()
        self._roots: dict[str, str] = {}  # by the real path of a class folder: its path within the data set
        self._reals: dict[str, str] = {}  # by its path within the data set: its real path
        self._visited: dict[str, str] = {}  # by the real path of a directory: the class folder in which it was visited

    def find(self) -> ImageFolder:
        """See find_images."""
        if self._folder.is_symlink() and not self._folder.exists():
            raise DatasetInvalid(f"{self._name} is a link to nowhere.", "Mount its disk, or remove the link.")
        splits = {split: self._classes(split) for split in SPLITS}
        self._check_classes(splits)
        for split, classes in splits.items():
            for name, found in sorted(classes.items()):
                self._walk(f"{split}/{found.name}", found)
                self._ignored.add(found.ignored.count, found.ignored.examples)
                classes[name] = found
        self._check_not_empty(splits)
        names = tuple(sorted(splits["train"]))
        ordered = {split: {name: splits[split][name] for name in names} for split in SPLITS}
        return ImageFolder(names, ordered, self._ignored)

    def _classes(self, split: str) -> dict[str, ClassFolder]:
        """The class folders of one split, by their names in NFC, without their images."""
        root = self._folder / split
        if not root.is_dir():
            self._refuse_without(split)
        listing, place = self._list(str(root)), f"{self._folder.name}/{split}"
        self._refuse_gone(listing, place)
        self._ignored.add(
            listing.ignored + listing.count,
            [f"{place}/{name}" for name in (*listing.ignored_names, *listing.images)],
        )
        if twins := alike_in_form(listing.folders):
            told = "; ".join(difference(*pair) for pair in twins[:EXAMPLES])
            raise DatasetInvalid(
                f"{self._name} has folders in {split} that are one class in two spellings: {told}.",
                "Put their images into one of them, and remove the other.",
            )
        real = os.path.realpath(root)
        for name in listing.folders:
            self._register(
                os.path.realpath(f"{real}/{name}") if name in listing.links else f"{real}/{name}", split, name
            )
        return {in_one_form(name): ClassFolder(name) for name in listing.folders}

    def _register(self, real: str, split: str, name: str) -> None:
        place = f"{split}/{name}"
        if real in self._roots:
            raise self._shared(place, self._roots[real])
        self._roots[real], self._reals[place] = place, real

    def _walk(self, place: str, found: ClassFolder) -> None:
        """Fill `found`, the class folder at `place` within the data set, by a depth-first walk."""
        path, own = f"{self._folder}/{place}", self._reals[place]
        if Path(path).is_symlink():
            self._refuse_another_class(own, own, place)
        waiting = [(path, own)]
        while waiting:
            directory, real = waiting.pop()
            if (visited_in := self._visited.get(real)) == place:
                continue
            if visited_in is not None:
                raise self._shared(self._relative(directory), visited_in)
            self._visited[real] = place
            listing = self._list(directory)
            self._add(found, directory, listing, own)
            for name in reversed(listing.folders):
                below, linked = f"{directory}/{name}", name in listing.links
                real_below = os.path.realpath(below) if linked else f"{real}/{name}"
                if linked:
                    self._refuse_another_class(real_below, own, self._relative(below))
                waiting.append((below, real_below))
        found.files.sort()

    def _add(self, found: ClassFolder, directory: str, listing: Listing, own: str) -> None:
        place = self._relative(directory)
        self._refuse_gone(listing, f"{self._folder.name}/{place}")
        for parent, name in listing.image_links.items():
            self._refuse_within_another(parent, own, f"{place}/{name}")
        found.files.extend(f"{directory}/{name}" for name in listing.images)
        found.count += listing.count
        found.unknown += listing.unknown
        found.ignored.add(listing.ignored, [f"{self._folder.name}/{place}/{name}" for name in listing.ignored_names])

    def _refuse_another_class(self, real: str, own: str, place: str) -> None:
        """Raises DatasetInvalid where the directory `real`, at which `place` leads, is another class's than that of
        `own`, or holds the class folders themselves.
        """
        self._refuse_within_another(real, own, place)
        held = next((owner for root, owner in self._roots.items() if root.startswith(f"{real.rstrip('/')}/")), None)
        if held is not None:
            raise self._shared(place, held)

    def _refuse_within_another(self, real: str, own: str, place: str) -> None:
        """Raises DatasetInvalid where the directory `real`, at which `place` leads, lies in another class's."""
        for above in (real, *map(str, Path(real).parents)):
            if above == own and real != own:
                return
            if above != own and above in self._roots:
                raise self._shared(place, self._roots[above])

    def _shared(self, place: str, other: str) -> DatasetInvalid:
        return DatasetInvalid(
            f"{self._name} has the same images under two labels or in both splits: {shown(place)} leads by a link to "
            f"those of {shown(other)}.",
            "Remove the link, or copy the images that belong to both.",
        )

    def _relative(self, directory: str) -> str:
        return directory.removeprefix(f"{self._folder}/")

    def _refuse_gone(self, listing: Listing, place: str) -> None:
        if listing.gone:
            told = listed([f"{shown(f'{place}/{name}')} ({why})" for name, why in listing.gone.items()])
            raise DatasetInvalid(
                f"{self._name} cannot be looked through: {told}.",
                "Mount what is away and give the right to read it, or remove the link.",
            )

    def _refuse_without(self, split: str) -> None:
        root = self._folder / split
        if root.is_symlink() and not root.exists():
            raise DatasetInvalid(f"{self._name}/{split} is a link to nowhere.", "Mount its disk, or remove the link.")
        here = self._list(str(self._folder))
        self._refuse_gone(here, self._folder.name)
        holds = listed([shown(name) for name in here.folders]) or "no folder at all"
        alike = "".join(f" {difference(*pair)}." for pair in look_alikes(here.folders, [split]))
        other = next((name for name in here.folders if split == "test" and name.casefold() in OTHER_NAMES), None)
        renaming = f"Rename {other} to test, or put" if other else "Put"
        raise DatasetInvalid(
            f"{self._name} has no folder {split}: it holds {holds}.{alike}", f"{renaming} {layout(self._name)}"
        )

    def _check_classes(self, splits: Mapping[str, Mapping[str, ClassFolder]]) -> None:
        """Raises DatasetInvalid unless both splits have the same two classes or more."""
        train, test = splits["train"], splits["test"]
        how = f"Put {layout(self._name)}"
        if not train and not test:
            raise DatasetInvalid(f"{self._name} has no classes: its train and test hold no folders.", how)
        for here, there, split, other in ((train, test, "train", "test"), (test, train, "test", "train")):
            if missing := sorted(here.keys() - there.keys()):
                told = listed([shown(name) for name in missing])
                pairs = look_alikes(missing, sorted(there.keys() - here.keys()))
                alike = "".join(f" {difference(*pair)}." for pair in pairs[:EXAMPLES])
                raise DatasetInvalid(
                    f"{self._name} has classes in {split} but not in {other}: {told}.{alike}",
                    f"Give them one name in both. {how}" if alike else how,
                )
        if garbled := [name for name in train if name.encode(errors="ignore").decode() != name]:
            told = listed([shown(name) for name in garbled])
            raise DatasetInvalid(f"{self._name} has classes whose names are not UTF-8: {told}.", "Rename them.")
        if len(train) == 1:
            one = shown(next(iter(train)))
            raise DatasetInvalid(f"{self._name} has one class only, {one}: there is nothing to tell apart.", how)

    def _check_not_empty(self, splits: Mapping[str, Mapping[str, ClassFolder]]) -> None:
        empty = [
            f"{shown(f'{split}/{name}')}{_ignored_in(found.ignored)}"
            for split, classes in splits.items()
            for name, found in classes.items()
            if not found.count and not found.unknown
        ]
        if empty:
            how = f"Put {layout(self._name)}"
            raise DatasetInvalid(f"{self._name} has class folders without an image: {listed(empty)}.", how)


def _ignored_in(ignored: Ignored) -> str:
    if not ignored.count:
        return ""
    names = [shown(place.rpartition("/")[2]) for place in ignored.examples]
    more = f" and {ignored.count - len(names):,} more" if ignored.count > len(names) else ""
    return f" (ignored: {', '.join(names)}{more})"


def layout(name: str) -> str:
    """Where the images of the data set `name` must be, for an error message."""
    return f"images of every class at {name}/train/<class>/ and at {name}/test/<class>/."


def visible_folders(folder: Path, list_directory: ListDirectory = partial(list_directory, most_opened=0)) -> list[str]:
    """The names of folders in `folder` that may be data sets, sorted; also of broken links. Raises OSError."""
    listing = list_directory(str(folder))
    return sorted((*listing.folders, *listing.gone))
