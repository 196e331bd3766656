"""The networks that a job can name, family by family, with their sizes on a reference task. Torch-free."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal, get_args

from pydantic import TypeAdapter

from training.plan import count_flops, count_parameters, network_plan
from training.spec import (
    Architecture,
    CifarResNet,
    CifarResNext,
    PyramidNet,
    ResNet,
    ResNext,
    Stem,
    WideResNet,
)

FamilyName = Literal["cifar_resnet", "resnet", "cifar_resnext", "resnext", "wide_resnet", "pyramidnet"]


@dataclass(frozen=True, slots=True)
class Family:
    """Networks of one paper, described by one part of the spec."""

    name: FamilyName
    part: type[CifarResNet | ResNet | CifarResNext | ResNext | WideResNet | PyramidNet]
    paper: str

    @property
    def stems(self) -> list[Stem]:
        """The stems that their networks can have."""
        return list(REFERENCES) if "stem" in self.part.model_fields else ["cifar"]


FAMILIES = (
    Family("cifar_resnet", CifarResNet, "https://arxiv.org/abs/1512.03385"),
    Family("resnet", ResNet, "https://arxiv.org/abs/1512.03385"),
    Family("cifar_resnext", CifarResNext, "https://arxiv.org/abs/1611.05431"),
    Family("resnext", ResNext, "https://arxiv.org/abs/1611.05431"),
    Family("wide_resnet", WideResNet, "https://arxiv.org/abs/1605.07146"),
    Family("pyramidnet", PyramidNet, "https://arxiv.org/abs/1610.02915"),
)

# (name, image size, channels, classes) of the task on which networks with each stem are usually reported.
REFERENCES: dict[Stem, tuple[str, int, int, int]] = {
    "cifar": ("CIFAR-100", 32, 3, 100),
    "imagenet": ("ImageNet", 224, 3, 1000),
}


@dataclass(frozen=True, slots=True)
class NetworkSize:
    """How large a network is on the reference task of its stem."""

    stem: Stem
    dataset: str
    image_size: int
    channels: int
    classes: int
    parameters: int
    flops: int  # multiply-accumulates of one image's forward pass


@dataclass(frozen=True, slots=True)
class ArchitectureEntry:
    """An architecture that a job can name."""

    name: str
    family: FamilyName
    title: str
    description: str
    paper: str
    options: Sequence[str]  # fields that the spec's architecture takes beside `name`
    stems: Sequence[Stem]
    sizes: Sequence[NetworkSize]  # one for each stem, with every option at its default


_ARCHITECTURE: TypeAdapter[Architecture] = TypeAdapter(Architecture)


@cache
def architectures() -> Sequence[ArchitectureEntry]:
    """All of them, family by family. Counted once in a process: that takes a moment."""
    return tuple(entry for family in FAMILIES for entry in _entries(family))


def _entries(family: Family) -> Iterator[ArchitectureEntry]:
    fields, schema = family.part.model_fields, family.part.model_json_schema()
    for name in get_args(fields["name"].annotation):
        yield ArchitectureEntry(
            name=name,
            family=family.name,
            title=schema["title"],
            description=schema["description"],
            paper=family.paper,
            options=[field for field in fields if field != "name"],
            stems=family.stems,
            sizes=[_size(name, stem) for stem in family.stems],
        )


def _size(name: str, stem: Stem) -> NetworkSize:
    """On images of the reference task's size the network takes this stem by itself."""
    dataset, image_size, channels, classes = REFERENCES[stem]
    plan = network_plan(_ARCHITECTURE.validate_python({"name": name}), image_size, channels, classes)
    return NetworkSize(stem, dataset, image_size, channels, classes, count_parameters(plan), count_flops(plan))
