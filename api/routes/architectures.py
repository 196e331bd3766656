"""The networks that a job can name."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Literal, get_args

from fastapi import APIRouter
from pydantic import TypeAdapter

from api import schemas
from api.service.admitted_route import AdmittedRoute
from api.views import translate
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

router = APIRouter(prefix="/architectures", tags=["catalogue"], route_class=AdmittedRoute)


@dataclass(frozen=True, slots=True)
class Family:
    """Networks of one paper, which share one part of the spec."""

    name: Literal["cifar_resnet", "resnet", "cifar_resnext", "resnext", "wide_resnet", "pyramidnet"]
    part: type[CifarResNet | ResNet | CifarResNext | ResNext | WideResNet | PyramidNet]
    paper: str

    @property
    def stems(self) -> list[Stem]:
        """The first layers that these networks can have."""
        return list(REFERENCES) if "stem" in self.part.model_fields else ["cifar"]


FAMILIES = (
    Family("cifar_resnet", CifarResNet, "https://arxiv.org/abs/1512.03385"),
    Family("resnet", ResNet, "https://arxiv.org/abs/1512.03385"),
    Family("cifar_resnext", CifarResNext, "https://arxiv.org/abs/1611.05431"),
    Family("resnext", ResNext, "https://arxiv.org/abs/1611.05431"),
    Family("wide_resnet", WideResNet, "https://arxiv.org/abs/1605.07146"),
    Family("pyramidnet", PyramidNet, "https://arxiv.org/abs/1610.02915"),
)

# (name, image size, channels, classes) of the data set on which results with each stem are usually reported.
REFERENCES: dict[Stem, tuple[str, int, int, int]] = {
    "cifar": ("CIFAR-100", 32, 3, 100),
    "imagenet": ("ImageNet", 224, 3, 1000),
}

_ARCHITECTURE: TypeAdapter[Architecture] = TypeAdapter(Architecture)


@router.get("", operation_id="list_architectures", summary="List the architectures that a job can name")
def list_architectures() -> schemas.Page[schemas.Architecture]:
    """Sizes are those on a reference data set. On another one, only its numbers of classes and channels change the
    number of parameters."""
    return translate.single_page(_every_architecture())


@cache
def _every_architecture() -> list[schemas.Architecture]:
    return [architecture for family in FAMILIES for architecture in _of_family(family)]


def _of_family(family: Family) -> Iterator[schemas.Architecture]:
    fields, schema = family.part.model_fields, family.part.model_json_schema()
    for name in get_args(fields["name"].annotation):
        yield schemas.Architecture(
            name=name,
            family=family.name,
            title=schema["title"],
            description=schema["description"],
            paper=family.paper,
            options=[field for field in fields if field != "name"],
            stems=family.stems,
            sizes=[_size(name, stem) for stem in family.stems],
        )


def _size(name: str, stem: Stem) -> schemas.NetworkSize:
    """The size with the stem that is the default for images of the reference data set."""
    dataset, image_size, channels, classes = REFERENCES[stem]
    plan = network_plan(_ARCHITECTURE.validate_python({"name": name}), image_size, channels, classes)
    return schemas.NetworkSize(
        stem=stem,
        dataset=dataset,
        image_size=image_size,
        channels=channels,
        classes=classes,
        parameters=count_parameters(plan),
        flops=count_flops(plan),
    )
