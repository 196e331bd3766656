"""What `layout` decides: the split and the class of each image of an archive. Torch-free."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from training.archives.members import Examples, Skipped, Split

MOST_WRAPPERS = 16  # folders around everything


@dataclass(frozen=True, slots=True)
class Place:
    """Where an image belongs. `split` is None where the data set has none yet."""

    split: Split | None
    class_name: str


@dataclass(frozen=True, slots=True)
class Arrangement:
    """`places`: of each image, in the order of the names; None for one that is passed over, which `skipped` counts.

    `classes` are sorted. `notes` are sentences on what was read in a way that could have been meant otherwise.
    `rows_without_file` are those of a table of labels.
    """

    places: Sequence[Place | None]
    classes: tuple[str, ...]
    is_split: bool
    notes: Sequence[str]
    skipped: Skipped
    rows_without_file: Examples = field(default_factory=Examples)


class Places:
    """Makes equal places one object, as there are many images and few classes."""

    def __init__(self) -> None:
        self._made: dict[tuple[Split | None, str], Place] = {}

    def place(self, split: Split | None, class_name: str) -> Place:
        """The place of an image of that class in that split."""
        return self._made.setdefault((split, class_name), Place(split, class_name))

    def classes(self) -> dict[Split | None, set[str]]:
        """Of all places so far, by split."""
        found: dict[Split | None, set[str]] = {}
        for split, name in self._made:
            found.setdefault(split, set()).add(name)
        return found


def heads_of(paths: Iterable[str], prefix: str) -> set[str]:
    """The folders right below the folder `prefix`, which ends with a slash or is empty, that hold any of `paths`."""
    return {head for head, slash, _ in _below(paths, prefix) if slash}


def wrappers_of(paths: Sequence[str]) -> list[str]:
    """The folders around everything, from the outermost, "", to the one in which those of splits or classes are: each
    is the only one in the one before, and has folders itself. They end with a slash."""
    wrappers = [""]
    while len(wrappers) <= MOST_WRAPPERS:
        heads = heads_of(paths, wrappers[-1])
        inner = f"{wrappers[-1]}{min(heads)}/" if len(heads) == 1 else ""
        if not inner or not heads_of(paths, inner):
            break
        wrappers.append(inner)
    return wrappers


def _below(paths: Iterable[str], prefix: str) -> Iterator[tuple[str, str, str]]:
    for path in paths:
        if path.startswith(prefix):
            yield path[len(prefix) :].partition("/")
