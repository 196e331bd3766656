"""The classes of images that lie in a folder for each class. Torch-free."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath

from training.archives.arrangement import Arrangement, Place, Places, heads_of
from training.archives.classes import HOW, check_classes
from training.archives.member_names import told_name
from training.archives.members import EXAMPLES, Skipped, Split, shown_names
from training.archives.splits import is_split, make_up_splits, meant_splits, other_splits
from training.errors import DatasetInvalid
from training.image_folders.listing import IMAGE_SUFFIXES, OTHER_SUFFIXES, is_companion
from training.names import in_one_form, shown

LOOSE = "images beside the folders of classes"
OUTSIDE = "images outside of train and test"


def arrange_by_folders(names: Sequence[str], paths: Sequence[str], wrapper: str, skipped: Skipped) -> Arrangement:
    """Of images called `names`, and `paths` in one Unicode form, in `wrapper`: see `layout.arrange`."""
    heads = heads_of(paths, wrapper)
    splits: Mapping[str, Split | None] = {}
    notes: list[str] = []
    if make_up_splits(heads) or (len(heads) > 1 and all(is_split(head) for head in heads)):
        splits, notes = meant_splits([head for head in heads if is_split(head)], "The archive")
    elif is_split(wrapper.rstrip("/").rpartition("/")[2]):
        notes.append(f"All images lie in {told_name(wrapper)}: they are taken as images without a split.")
    if not splits:
        _refuse_splits_inside(paths, wrapper, heads)
    finder = _Finder(wrapper, splits, skipped)
    places = [finder.place(name, path) for name, path in zip(names, paths, strict=True)]
    finder.check()
    classes = finder.places.classes()
    every = tuple(sorted({name for found in classes.values() for name in found}))
    skipped.other_splits += other_splits(splits, finder.images)
    return Arrangement(places, every, bool(splits), [*notes, *finder.notes()], skipped)


def _refuse_splits_inside(paths: Sequence[str], wrapper: str, heads: set[str]) -> None:
    """Raises DatasetInvalid where a class holds its own train and test, which would be mixed."""
    below: dict[str, set[str]] = {}
    for path in paths:
        head, _, rest = path[len(wrapper) :].partition("/")
        inner, slash, _ = rest.partition("/")
        if head in heads and slash and is_split(inner):
            below.setdefault(head, set()).add(inner)
    if inside := sorted(head for head, inner in below.items() if make_up_splits(inner)):
        raise DatasetInvalid(
            f"The archive has train and test inside of its classes: {shown_names(inside)}.",
            f"Turn these folders round. {HOW}",
        )


class _Finder:
    """Finds the class of one image after the other. `splits`: by the names of their folders; empty where classes lie
    right in `wrapper`."""

    def __init__(self, wrapper: str, splits: Mapping[str, Split | None], skipped: Skipped) -> None:
        self._wrapper, self._splits, self._skipped = wrapper, splits, skipped
        self.places = Places()
        self.images = Counter[str]()  # by the folder of their split
        self._found: set[tuple[str, str]] = set()  # folders of a split, or "", and of a class in it
        self._spelled: dict[tuple[str, str], str] = {}
        self._twins: list[str] = []

    def place(self, name: str, path: str) -> Place | None:
        """Of the image called `name`, and `path` in one Unicode form; None where it is passed over."""
        split, class_name, is_inside = self._folders(path)
        if not is_inside:
            self._skipped.add(OUTSIDE if self._splits and not split else LOOSE, name)
            return None
        self._found.add((split, class_name))
        self.images[split] += 1
        if name != path or not name.isascii():
            self._note_spelling(name, split, class_name)
        return self.places.place(self._splits[split] if self._splits else None, class_name)

    def _folders(self, path: str) -> tuple[str, str, bool]:
        """The folder of the split and that of the class, and whether `path` lies in both."""
        split, rest = "", path[len(self._wrapper) :] if path.startswith(self._wrapper) else ""
        if self._splits:
            split, _, rest = rest.partition("/")
            if split not in self._splits:
                return "", "", False
        class_name, slash, _ = rest.partition("/")
        return split, class_name, bool(slash)

    def _note_spelling(self, name: str, split: str, class_name: str) -> None:
        depth = self._wrapper.count("/") + bool(self._splits)
        spelled = name.split("/")[depth]
        if self._spelled.setdefault((split, class_name), spelled) != spelled and class_name not in self._twins:
            self._twins.append(class_name)

    def check(self) -> None:
        """Raises DatasetInvalid where these are no classes of a data set."""
        empty = sorted(self._without_image())
        if empty and self._splits:
            raise DatasetInvalid(
                f"The archive has folders of classes without an image: {shown_names(empty)}.{self._told()}",
                f"Put images into them, or remove them. {HOW}",
            )
        check_classes(self.places.classes(), "The archive", f"{HOW}{self._told(' Passed over:')}")

    def notes(self) -> Iterator[str]:
        """Sentences on how folders were read."""
        if self._twins:
            told = ", ".join(shown(name) for name in self._twins[:EXAMPLES])
            yield f"Folders whose names differ only in their Unicode form are one class: {told}."
        if empty := sorted(self._without_image()):
            yield f"Folders without an image are no classes: {shown_names(empty)}."

    def _without_image(self) -> set[str]:
        """Folders where those of classes are, in which no image was found."""
        found = set()
        for folder in self._skipped.folders:
            path = in_one_form(folder)
            split, class_name, _ = self._folders(f"{path}/")
            suffix = PurePosixPath(class_name).suffix.lower()
            is_file = suffix in IMAGE_SUFFIXES or suffix in OTHER_SUFFIXES  # a link to one
            if class_name and (split, class_name) not in self._found and not is_file and not is_companion(class_name):
                found.add(f"{split}/{class_name}" if split else class_name)
        return found

    def _told(self, front: str = " Passed over:") -> str:
        return f"{front} {self._skipped.told()}." if self._skipped.total else ""
