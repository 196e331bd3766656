"""The classes of images that a table of labels says. Torch-free."""

from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from training.archives.arrangement import Arrangement, Place, Places, heads_of
from training.archives.classes import check_classes, class_of
from training.archives.member_names import cleaned, told_name
from training.archives.members import Examples, Skipped, Split, shown_names
from training.archives.splits import is_split, make_up_splits, meant_splits, other_splits
from training.archives.tables import COLUMNS, NotOfLabels, rows_of
from training.archives.unexpected import attributed
from training.errors import DatasetInvalid, kept
from training.names import in_one_form, quoted

_SEVERAL = -1  # images that have one file name


@dataclass(frozen=True, slots=True)
class Table:
    """A table of labels. `folder`, which files are relative to, ends with a slash or is empty. `split`: that of all its
    rows, where it lies in the folder of one; else empty."""

    name: str
    content: bytes
    folder: str
    split: str = ""


def usable_tables(
    tables: Mapping[str, bytes], wrappers: Sequence[str], paths: Sequence[str]
) -> tuple[list[Table], list[NotOfLabels]]:
    """The tables that say what the images are, and why the others do not.

    A table counts at the top, in a folder around everything, beside all images, or in the folder of a split.
    """
    at_top, in_splits, unusable = list[Table](), list[Table](), list[NotOfLabels]()
    heads = heads_of(paths, wrappers[-1])
    for name, content in sorted(tables.items()):
        folder = f"{in_one_form(name)}".rpartition("/")[0]
        folder = f"{folder}/" if folder else ""
        head = folder.removeprefix(wrappers[-1]).rstrip("/")
        in_head = folder.startswith(wrappers[-1]) and head in heads
        if folder not in wrappers and not (in_head and (len(heads) == 1 or is_split(head))):
            continue
        try:
            with attributed(name, NotOfLabels):
                next(rows_of(name, content), None)
        except NotOfLabels as error:
            unusable.append(error)
            continue
        if in_head and len(heads) > 1:
            in_splits.append(Table(name, content, folder, head))
        else:
            at_top.append(Table(name, content, folder))
    if len(at_top) > 1:
        raise DatasetInvalid(
            f"The archive has several tables of labels, and which one counts is not known: "
            f"{shown_names(table.name for table in at_top)}.",
            "Send only one of them.",
        )
    return at_top or in_splits, unusable


def arrange_by_tables(
    names: Sequence[str], paths: Sequence[str], tables: Sequence[Table], wrapper: str, skipped: Skipped
) -> Arrangement:
    """Of images called `names`, and `paths` in one Unicode form, in `wrapper`: see `layout.arrange`."""
    labels = _Labels(paths)
    for table in tables:
        with attributed(table.name):
            labels.read(table)
    where = shown_names(table.name for table in tables)
    labels.check(where)
    said, notes = labels.splits(where, wrapper, skipped)
    places, made = list[Place | None](), Places()
    for image, label in enumerate(labels.labels):
        if label is None:
            skipped.add(f"images without a row in {where}", names[image])
        places.append(None if label is None else made.place(said[image], label))
    classes = made.classes()
    check_classes(classes, where, f"Give each image its class in the column label. {COLUMNS}")
    every = tuple(sorted({name for found in classes.values() for name in found}))
    if labels.without_file:
        notes.append(f"Rows of {where} name files that are not in the archive: {labels.without_file}.")
    return Arrangement(places, every, None not in classes, notes, skipped, labels.without_file)


class _Labels:
    """What tables say of each image. `labels`: by image; None where no row names it."""

    def __init__(self, paths: Sequence[str]) -> None:
        self._paths = paths
        self._rows = {path: image for image, path in enumerate(paths)}
        self._by_own_name: dict[str, int] | None = None
        self.labels: list[str | None] = [None] * len(paths)
        self._splits: list[str] = [""] * len(paths)
        self._lines = array("Q", bytes(8 * len(paths)))
        self._known: dict[str, str] = {}  # texts that are there many times
        self.without_file = Examples()
        self._contradictions = Examples()
        self._without_split = Examples()

    def read(self, table: Table) -> None:
        """Take in the rows of one table. Raises DatasetInvalid."""
        for row in rows_of(table.name, table.content):
            image = self._image(table, row.file)
            if image is None:
                self.without_file.add(f"{told_name(row.file)} (line {row.line})")
                continue
            label, split = self._one(class_of(row.label)), self._one(row.split or table.split)
            before = self.labels[image]
            if before is not None and (before != label or self._splits[image] != split):
                said, other = (
                    f"{kept(quoted(text))} {part}".strip()
                    for text, part in ((before, self._splits[image]), (label, split))
                )
                self._contradictions.add(
                    f"{told_name(row.file)} is {said} at line {self._lines[image]} and {other} at line {row.line}"
                )
            if not split:
                self._without_split.add(f"line {row.line}")
            self.labels[image], self._splits[image], self._lines[image] = label, split, row.line

    def _one(self, text: str) -> str:
        return self._known.setdefault(text, text)

    def _image(self, table: Table, file: str) -> int | None:
        """The image that a row means by `file`: relative to the table's folder, or from the top; or by its own name,
        where only one has it."""
        path = cleaned(in_one_form(file)).lstrip("/")
        image = self._rows.get(table.folder + path)
        if image is None:
            image = self._rows.get(path)
        if image is None and "/" not in path:
            image = self._own_names().get(path)
        return None if image is None or image == _SEVERAL else image

    def _own_names(self) -> dict[str, int]:
        if self._by_own_name is None:
            self._by_own_name = {}
            for image, path in enumerate(self._paths):
                own = path.rpartition("/")[2]
                self._by_own_name[own] = _SEVERAL if own in self._by_own_name else image
        return self._by_own_name

    def check(self, where: str) -> None:
        """Raises DatasetInvalid where the tables contradict themselves, or name no image at all."""
        if self._contradictions:
            raise DatasetInvalid(
                f"{where} names files more than once, and differently: {self._contradictions}.",
                "Keep one row for each.",
            )
        if not any(label is not None for label in self.labels):
            told = f"files that are not in the archive: {self.without_file}" if self.without_file else "no file at all"
            raise DatasetInvalid(
                f"{where} names {told}. The archive has {shown_names(self._paths)}.",
                f"Name the files as they are in the archive, relative to the table's folder. {COLUMNS}",
            )

    def splits(self, where: str, wrapper: str, skipped: Skipped) -> tuple[list[Split | None], list[str]]:
        """The split of each image: as rows say, or else as folders called train and test do. `skipped` is told of what
        is called otherwise. Raises DatasetInvalid."""
        said = {split for split in self._splits if split}
        if said and self._without_split:
            raise DatasetInvalid(
                f"{where} has rows with a split and rows without one: {self._without_split}.",
                "Give every row a split, or none.",
            )
        of_image = self._splits if said else self._folders(wrapper)
        names = Counter(name for name, label in zip(of_image, self.labels, strict=True) if label is not None)
        if not said and not (make_up_splits(names) and all(map(is_split, names))):
            return [None] * len(self._paths), []
        meant, notes = meant_splits(names, where)
        skipped.other_splits += other_splits(meant, names)
        return [meant.get(name) for name in of_image], notes

    def _folders(self, wrapper: str) -> list[str]:
        return [path[len(wrapper) :].partition("/")[0] if path.startswith(wrapper) else "" for path in self._paths]
