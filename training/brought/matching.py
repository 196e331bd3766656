"""Which network a file of weights is of, by the names and shapes of its tensors alone, or by our own description."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import get_args

from training.archives.classes import MOST_CLASSES
from training.brought.description import OwnFile, WeightsDescription
from training.brought.errors import MOST_TOLD, Difference, WeightsRefused, first_of_each, shortened
from training.brought.header import Header, TensorEntry
from training.brought.names import HEAD, HEAD_BIAS, STEM, WRAPPERS, their_name
from training.plan import network_plan
from training.plan.tensors import COUNTER, Shape, tensor_shapes
from training.spec import Architecture, CifarResNet, ResNet, ResNext, Stem
from training.weights_format import ENTRY, unseal

CIFAR_SIZE, IMAGENET_SIZE = 32, 224  # pixels a side, where the file does not say
RGB, IMAGENET_CLASSES = 3, 1000  # where it has no such tensor, to say what it is nearest to
_FLOATS = ("F32", "F16", "BF16")
_UNKNOWN = "its names are neither torchvision's nor timm's of a ResNet or ResNeXt, nor ours"


@dataclass(frozen=True, slots=True)
class Match:
    """A network of ours, and which tensors of a file are its.

    `tensors`: by our name; None for a count of batches that the file does not have. `image_size`: as the file says, or
    usual for the stem, in pixels a side. `ours`: None under torchvision's and timm's names.
    """

    architecture: Architecture
    channels: int
    classes: int
    image_size: int
    shapes: Mapping[str, Shape]
    tensors: Mapping[str, TensorEntry | None]
    ours: OwnFile | None = None


def match(header: Header) -> Match:
    """Raises WeightsRefused where the file is of no network here, with what differs from the nearest."""
    if ENTRY in header.metadata:
        return _match_ours(header)
    found = _unwrapped(header.tensors)
    channels, classes = _size_of(found, STEM, 1, RGB), _size_of(found, HEAD, 0, IMAGENET_CLASSES)
    if channels not in (1, 3):
        raise WeightsRefused(f"Its {STEM} takes {channels} channels: networks here take 1 (grey) or 3 (RGB).")
    if not 2 <= classes <= MOST_CLASSES:
        raise WeightsRefused(f"Its {HEAD} is for {classes:,} classes: networks here have 2 to {MOST_CLASSES:,}.")
    architecture = min(_candidates(), key=lambda each: _distance(each, channels, classes, found))
    nearest = _compare(architecture, channels, classes, found)
    if len(nearest.missing) > len(nearest.match.tensors) / 2:
        some = ", ".join(map(shortened, sorted(found)[:3]))
        raise WeightsRefused(f"It is of no network here: {_UNKNOWN}. It has {some}, …", nearest.missing[:MOST_TOLD])
    _require_equal(nearest)
    return nearest.match


def _match_ours(header: Header) -> Match:
    try:
        checksum, plain = unseal(header.metadata)
        about = WeightsDescription.model_validate_json(plain)
    except (KeyError, ValueError) as error:
        raise WeightsRefused("What it says of itself is not what a job of this release writes.") from error
    classes = len(about.classes)
    shapes = tensor_shapes(network_plan(about.architecture, about.image_size, about.channels, classes))
    names = {name: name for name in shapes}
    compared = _compared(about.architecture, about.channels, classes, shapes, names, header.tensors)
    _require_equal(compared)
    return replace(compared.match, image_size=about.image_size, ours=OwnFile(about, plain, checksum))


@dataclass(frozen=True, slots=True)
class _Compared:
    match: Match
    missing: list[Difference]
    unexpected: list[Difference]
    others: list[Difference]

    @property
    def differences(self) -> list[Difference]:
        return [*self.missing, *self.unexpected, *self.others]


def _unwrapped(tensors: Mapping[str, TensorEntry]) -> Mapping[str, TensorEntry]:
    for wrapper in WRAPPERS:
        if all(name.startswith(wrapper) for name in tensors):
            return _unwrapped({name.removeprefix(wrapper): entry for name, entry in tensors.items()})
    return tensors


def _size_of(tensors: Mapping[str, TensorEntry], name: str, dimension: int, otherwise: int) -> int:
    shape = tensors[name].shape if name in tensors else ()
    return shape[dimension] if len(shape) > dimension else otherwise


@lru_cache(maxsize=1)
def _candidates() -> tuple[Architecture, ...]:
    return tuple(_all_candidates())


def _all_candidates() -> Iterator[Architecture]:
    """Networks that others have under these names. A gate's names do not say whether there are any: both are tried."""
    for gated in (False, True):
        for part in (ResNet, ResNext):
            for name in get_args(part.model_fields["name"].annotation):
                for stem in reversed(get_args(Stem)):
                    yield part(name=name, stem=stem, squeeze_excitation=gated)
        for name in get_args(CifarResNet.model_fields["name"].annotation):
            yield CifarResNet(name=name, squeeze_excitation=gated)


def _distance(architecture: Architecture, channels: int, classes: int, tensors: Mapping[str, TensorEntry]) -> int:
    """How many tensors differ."""
    expected = _their_shapes(architecture, channels, classes)
    there = [name for name in expected if name in tensors]
    missing = sum(not name.endswith(COUNTER) for name in expected) - sum(not name.endswith(COUNTER) for name in there)
    others = sum(not _fits(name, tensors[name], expected[name]) for name in there)
    return missing + len(tensors) - len(there) + others


def _their_shapes(architecture: Architecture, channels: int, classes: int) -> Mapping[str, Shape]:
    """By their names. Of one candidate, the stem and the head alone depend on images and classes."""
    usual = _usual_shapes(architecture)
    stem, (_, features) = usual[STEM], usual[HEAD]
    return {**usual, STEM: (stem[0], channels, *stem[2:]), HEAD: (classes, features), HEAD_BIAS: (classes,)}


@lru_cache(maxsize=128)
def _usual_shapes(architecture: Architecture) -> Mapping[str, Shape]:
    shapes = tensor_shapes(network_plan(architecture, _size_for(architecture), RGB, IMAGENET_CLASSES))
    return {their_name(name): shape for name, shape in shapes.items()}


def _compare(architecture: Architecture, channels: int, classes: int, tensors: Mapping[str, TensorEntry]) -> _Compared:
    shapes = tensor_shapes(network_plan(architecture, _size_for(architecture), channels, classes))
    names = {name: their_name(name) for name in shapes}
    return _compared(architecture, channels, classes, shapes, names, tensors)


def _compared(
    architecture: Architecture,
    channels: int,
    classes: int,
    shapes: Mapping[str, Shape],
    names: Mapping[str, str],
    tensors: Mapping[str, TensorEntry],
) -> _Compared:
    """`names`: what the file should call each of ours."""
    missing = [
        Difference(theirs, None, _told("F32", shapes[ours]))
        for ours, theirs in names.items()
        if theirs not in tensors and not theirs.endswith(COUNTER)
    ]
    expected = frozenset(names.values())
    unexpected = [
        Difference(shortened(name), _told(entry.dtype, entry.shape), None)
        for name, entry in sorted(tensors.items(), key=lambda each: (each[0].endswith(COUNTER), each[0]))
        if name not in expected
    ]
    others = [
        Difference(theirs, _told(tensors[theirs].dtype, tensors[theirs].shape), _wanted(theirs, shapes[ours]))
        for ours, theirs in names.items()
        if theirs in tensors and not _fits(theirs, tensors[theirs], shapes[ours])
    ]
    taken = {ours: tensors.get(theirs) for ours, theirs in names.items()}
    size = _size_for(architecture)
    return _Compared(Match(architecture, channels, classes, size, shapes, taken), missing, unexpected, others)


def _fits(name: str, entry: TensorEntry, shape: Shape) -> bool:
    if name.endswith(COUNTER):
        return entry.dtype == "I64" and entry.shape in ((), (1,))
    return entry.dtype in _FLOATS and entry.shape == shape


def _wanted(name: str, shape: Shape) -> str:
    return "I64 []" if name.endswith(COUNTER) else f"F32, F16 or BF16 {list(shape)}"


def _told(dtype: str, shape: Shape) -> str:
    return f"{dtype} {list(shape)}"


def _size_for(architecture: Architecture) -> int:
    is_large = isinstance(architecture, ResNet | ResNext) and architecture.stem == "imagenet"
    return IMAGENET_SIZE if is_large else CIFAR_SIZE


def _require_equal(compared: _Compared) -> None:
    if not compared.differences:
        return
    told, rest = first_of_each(compared.missing, compared.unexpected, compared.others)
    architecture = compared.match.architecture
    stem = f" with the {architecture.stem} stem" if isinstance(architecture, ResNet | ResNext) else ""
    more = f"; and {rest:,} more" if rest else ""
    raise WeightsRefused(
        f"It is of no network here. It is nearest to {architecture.name}{stem}, from which it differs: "
        f"{'; '.join(map(str, told))}{more}.",
        told,
    )
