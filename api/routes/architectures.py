"""The networks that a job can name."""

from functools import cache
from typing import get_args

from fastapi import APIRouter

from api import schemas, translate
from api.strict_route import StrictRoute
from training.plan import count_flops, count_parameters, network_plan
from training.spec import Architecture, CifarDepth, CifarResNet, ImageNetDepth, ResNet, Stem

router = APIRouter(prefix="/architectures", tags=["catalogue"], route_class=StrictRoute)

PAPER = "https://arxiv.org/abs/1512.03385"

# (name, image size, channels, classes) of the task on which each stem is usually reported.
REFERENCES: dict[Stem, tuple[str, int, int, int]] = {
    "cifar": ("CIFAR-100", 32, 3, 100),
    "imagenet": ("ImageNet", 224, 3, 1000),
}


@router.get("", operation_id="list_architectures", summary="List the architectures that a job can name")
def list_architectures() -> schemas.Page[schemas.Architecture]:
    """With their sizes on a reference task; on another, only the number of classes and channels changes parameters."""
    return translate.whole(_every_architecture())


@cache
def _every_architecture() -> list[schemas.Architecture]:
    cifar = [
        schemas.Architecture(
            name=name,
            family="cifar_resnet",
            paper=PAPER,
            stems=["cifar"],
            sizes=[_size(CifarResNet(name=name), "cifar")],
        )
        for name in get_args(CifarDepth)
    ]
    imagenet = [
        schemas.Architecture(
            name=name,
            family="resnet",
            paper=PAPER,
            stems=list(REFERENCES),
            sizes=[_size(ResNet(name=name, stem=stem), stem) for stem in REFERENCES],
        )
        for name in get_args(ImageNetDepth)
    ]
    return cifar + imagenet


def _size(architecture: Architecture, stem: Stem) -> schemas.NetworkSize:
    dataset, image_size, channels, classes = REFERENCES[stem]
    plan = network_plan(architecture, image_size, channels, classes)
    return schemas.NetworkSize(
        stem=stem,
        dataset=dataset,
        image_size=image_size,
        channels=channels,
        classes=classes,
        parameters=count_parameters(plan),
        flops=count_flops(plan),
    )
