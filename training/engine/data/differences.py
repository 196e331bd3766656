"""In what a data set differs from the one that it was, in words."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from training.engine.data.dataset import Dataset
from training.engine.data.identity import Contents
from training.names import listed, shown

MOST_NAMED = 3  # files, or classes, of one kind of change
MOST_CHANGES = 6  # told of
LONGEST_NAME = 80  # characters of a class or a file

Place = tuple[str, str]  # a split and a class
Image = tuple[str, str, int]  # a split, a class, and an image's key


def changes(before: Contents, dataset: Dataset) -> str:
    """What has changed since `dataset` was `before`: which classes, and how many images of which. Names files that are
    there now, by their paths within the data set. Of bounded length; never empty."""
    now = dataset.contents
    told = [*_classes(before, now), *_channels(before.channels, now.channels), *_images(before, now, _Files(dataset))]
    if not told:
        told = ["its images are others"]  # of which the few bytes that a checkpoint remembers are alike
    more = [f"and {len(told) - MOST_CHANGES:,} more of the kind"] if len(told) > MOST_CHANGES else []
    return "; ".join([*told[:MOST_CHANGES], *more])


def _classes(before: Contents, now: Contents) -> Iterator[str]:
    renamed = _renamed(before, now)
    yield from (f"class {_cut(old)} is called {_cut(new)} now" for old, new in renamed.items())
    came = [name for name in now.classes if name not in before.classes and name not in renamed.values()]
    gone = [name for name in before.classes if name not in now.classes and name not in renamed]
    if came:
        yield f"{_number(len(came), 'class', 'classes')} came: {listed([_cut(name) for name in came], MOST_NAMED)}"
    if gone:
        yield f"{_number(len(gone), 'class', 'classes')} went: {listed([_cut(name) for name in gone], MOST_NAMED)}"
    order = [renamed.get(name, name) for name in before.classes if name not in gone]
    if order != [name for name in now.classes if name not in came]:
        yield "its classes come in another order"


def _renamed(before: Contents, now: Contents) -> dict[str, str]:
    """Classes that have another name and the same images, by their old names."""
    came = {name: images for name, images in _by_class(now).items() if name not in before.classes}
    found: dict[str, str] = {}
    for old, images in _by_class(before).items():
        if old not in now.classes:
            same = (new for new, theirs in came.items() if theirs == images and new not in found.values())
            if new := next(same, None):
                found[old] = new
    return found


def _by_class(contents: Contents) -> dict[str, Counter[tuple[str, int]]]:
    """The images of each class, with their split."""
    found: dict[str, Counter[tuple[str, int]]] = {name: Counter() for name in contents.classes}
    for split, name, key in _every_image(contents):
        found[name][split, key] += 1
    return found


def _every_image(contents: Contents) -> Iterator[Image]:
    for split, images in contents.splits.items():
        for label, key in zip(images.labels.tolist(), images.keys.tolist(), strict=True):
            yield split, contents.classes[label], key


def _channels(before: int, now: int) -> Iterator[str]:
    if before != now:
        yield "its images are all grey now, and were not" if now == 1 else "its images were all grey, and are not now"


def _images(before: Contents, now: Contents, files: "_Files") -> Iterator[str]:
    renamed = _renamed(before, now)
    were = Counter((split, renamed.get(name, name), key) for split, name, key in _every_image(before))
    are = Counter(_every_image(now))
    lost, new = were - are, are - were
    moved, arrived = _moved(lost, new)
    for (source, target), count in sorted(moved.items()):
        named = files.of([image for image in arrived if image[:2] == target])
        yield f"{_number(count, 'image')} moved from {_place(source)} to {_place(target)}{named}"
    in_both = set(now.classes) & {renamed.get(name, name) for name in before.classes}
    for place, count in _by_place(new, in_both):
        named = files.of([image for image in new if image[:2] == place])
        yield f"{_number(count, 'image')} of {_place(place)} {'is' if count == 1 else 'are'} new{named}"
    for place, count in _by_place(lost, in_both):
        yield f"{_number(count, 'image')} of {_place(place)} {'is' if count == 1 else 'are'} gone"


def _moved(lost: Counter[Image], new: Counter[Image]) -> tuple[Counter[tuple[Place, Place]], list[Image]]:
    """How many images that are lost in one place are new in another, and which these are. Takes them out of both."""
    sources: dict[int, list[Image]] = {}
    for image in lost.elements():
        sources.setdefault(image[2], []).append(image)
    moved: Counter[tuple[Place, Place]] = Counter()
    arrived = []
    for image in list(new.elements()):
        if found := sources.get(image[2]):
            source = found.pop()
            moved[source[:2], image[:2]] += 1
            arrived.append(image)
            lost[source] -= 1
            new[image] -= 1
    lost += Counter()  # drops what is 0
    new += Counter()
    return moved, arrived


def _by_place(images: Counter[Image], classes: set[str]) -> list[tuple[Place, int]]:
    counts: Counter[Place] = Counter()
    for (split, name, _key), count in images.items():
        if name in classes:
            counts[split, name] += count
    return sorted(counts.items())


@dataclass(frozen=True, slots=True)
class _Files:
    """Finds the files of images, as far as a data set is made of files."""

    dataset: Dataset

    def of(self, images: Sequence[Image]) -> str:
        """The images' file names, in brackets, to append to a message. Empty if the data set has no files."""
        if not self.dataset.files:
            return ""
        wanted = set(images)
        found = [_cut(file) for image, file in zip(self._images(), self.dataset.files, strict=True) if image in wanted]
        return f" ({listed(found, MOST_NAMED)})"

    def _images(self) -> Iterator[Image]:
        """File by file."""
        contents = self.dataset.contents
        in_order = {"train": self.dataset.train.order, "test": self.dataset.test.order}
        for split, images in contents.splits.items():
            order = in_order[split]
            places = range(len(images.labels)) if order is None else order.argsort().tolist()
            labels, keys = images.labels.tolist(), images.keys.tolist()
            yield from ((split, contents.classes[labels[place]], keys[place]) for place in places)


def _place(place: Place) -> str:
    return f"{place[0]}/{_cut(place[1])}"


def _number(count: int, one: str, many: str | None = None) -> str:
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def _cut(name: str) -> str:
    """Both texts go into databases and JSON, while a file's name may hold bytes that are not UTF-8."""
    name = shown(name.encode(errors="backslashreplace").decode())
    return name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}…"
