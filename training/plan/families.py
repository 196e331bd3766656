"""What the papers' tables say of each architecture: stems, stages, widths and depths."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import assert_never

from training.plan.blocks import (
    BlockShape,
    MakeBlock,
    MakeShortcut,
    normalised,
    option_a,
    option_b,
    postactivated,
    preactivated,
    projection,
    pyramidal,
)
from training.plan.layers import BatchNorm, Convolution, Layers, MaxPool
from training.spec import (
    Activation,
    Architecture,
    CifarDepth,
    CifarResNet,
    CifarResNext,
    CifarResNextName,
    ImageNetDepth,
    ImageNetResNextName,
    PyramidNet,
    ResNet,
    ResNext,
    Stem,
    WideResNet,
)

_CIFAR_WIDTHS = (16, 32, 64)
_CIFAR_STAGE_BLOCKS: dict[CifarDepth, int] = {
    "resnet20": 3,
    "resnet32": 5,
    "resnet44": 7,
    "resnet56": 9,
    "resnet110": 18,
}
_RESNET_WIDTHS = (64, 128, 256, 512)
_RESNET_STAGE_BLOCKS: dict[ImageNetDepth, tuple[int, int, int, int]] = {
    "resnet18": (2, 2, 2, 2),
    "resnet34": (3, 4, 6, 3),
    "resnet50": (3, 4, 6, 3),
    "resnet101": (3, 4, 23, 3),
    "resnet152": (3, 8, 36, 3),
}
_BOTTLENECKS: frozenset[ImageNetDepth] = frozenset({"resnet50", "resnet101", "resnet152"})
_NEXT_STAGE_BLOCKS: dict[CifarResNextName | ImageNetResNextName, tuple[int, ...]] = {
    "resnext29-8x64d": (3, 3, 3),
    "resnext29-16x64d": (3, 3, 3),
    "resnext50-32x4d": (3, 4, 6, 3),
    "resnext101-32x8d": (3, 4, 23, 3),
    "resnext101-64x4d": (3, 4, 23, 3),
}
_EXPANSION = 4  # a bottleneck's output channels over its width, or over what its width would be in a ResNet
_PYRAMID_BOTTLENECK_DEPTH = 164


@dataclass(frozen=True, slots=True)
class Family:
    """An architecture without its classifier and without what any architecture may have added to it.

    `open_ended` is whether its last feature maps are neither normalised nor activated.
    """

    stem: Layers
    stages: tuple[tuple[BlockShape, ...], ...]
    make_block: MakeBlock
    open_ended: bool = False


def family_of(architecture: Architecture, image_size: int, channels: int) -> Family:
    """For images of `channels` x `image_size` x `image_size`."""
    match architecture:
        case CifarResNet():
            return _cifar_resnet(architecture, channels)
        case ResNet():
            return _resnet(architecture, architecture.stem_for(image_size), channels)
        case CifarResNext():
            return _resnext(architecture, "cifar", channels)
        case ResNext():
            return _resnext(architecture, architecture.stem_for(image_size), channels)
        case WideResNet():
            return _wide_resnet(architecture, channels)
        case PyramidNet():
            return _pyramidnet(architecture, channels)
        case _:
            assert_never(architecture)


def _cifar_resnet(architecture: CifarResNet, channels: int) -> Family:
    stem = _stem("cifar", channels, _CIFAR_WIDTHS[0], architecture.activation)
    blocks = (_CIFAR_STAGE_BLOCKS[architecture.name],) * len(_CIFAR_WIDTHS)
    stages = _stages(_CIFAR_WIDTHS[0], _CIFAR_WIDTHS, _CIFAR_WIDTHS, blocks)
    if architecture.preactivation:
        return _preactivated(stem, stages, architecture.activation, option_a)
    return _postactivated(stem, stages, architecture.activation, option_a)


def _resnet(architecture: ResNet, kind: Stem, channels: int) -> Family:
    stem = _stem(kind, channels, _RESNET_WIDTHS[0], architecture.activation)
    bottleneck = architecture.name in _BOTTLENECKS
    outputs = [width * _EXPANSION for width in _RESNET_WIDTHS] if bottleneck else _RESNET_WIDTHS
    blocks = _RESNET_STAGE_BLOCKS[architecture.name]
    stages = _stages(_RESNET_WIDTHS[0], _RESNET_WIDTHS, outputs, blocks, bottleneck=bottleneck)
    if architecture.preactivation:
        return _preactivated(stem, stages, architecture.activation, projection)
    return _postactivated(stem, stages, architecture.activation, option_b)


def _resnext(architecture: CifarResNext | ResNext, kind: Stem, channels: int) -> Family:
    """Named after its groups and the channels of each in the first stage; later stages have wider groups, not more."""
    groups, group_width = map(int, architecture.name.partition("-")[2].removesuffix("d").split("x"))
    blocks = _NEXT_STAGE_BLOCKS[architecture.name]
    widths = [groups * group_width * 2**stage for stage in range(len(blocks))]
    outputs = [width * _EXPANSION for width in _RESNET_WIDTHS[: len(blocks)]]
    stages = _stages(_RESNET_WIDTHS[0], widths, outputs, blocks, bottleneck=True, groups=groups)
    stem = _stem(kind, channels, _RESNET_WIDTHS[0], architecture.activation)
    return _postactivated(stem, stages, architecture.activation, option_b)


def _wide_resnet(architecture: WideResNet, channels: int) -> Family:
    """As the authors' code has it, the stem is a convolution and nothing else."""
    depth, factor = map(int, architecture.name.split("-")[1:])
    stem = (Convolution(channels, _CIFAR_WIDTHS[0], kernel_size=3),)
    widths = [width * factor for width in _CIFAR_WIDTHS]
    stages = _stages(_CIFAR_WIDTHS[0], widths, widths, [(depth - 4) // 6] * len(widths))
    make_block = partial(
        preactivated, activation=architecture.activation, shortcut=projection, dropout=architecture.block_dropout
    )
    return Family(stem, stages, make_block, open_ended=True)


def _pyramidnet(architecture: PyramidNet, channels: int) -> Family:
    """Widths grow by alpha over the number of blocks, before they are rounded; the stem is not activated."""
    depth, alpha = map(int, architecture.name.split("-")[1:])
    bottleneck = depth >= _PYRAMID_BOTTLENECK_DEPTH
    expansion = _EXPANSION if bottleneck else 1
    stage_blocks = (depth - 2) // (9 if bottleneck else 6)
    blocks = 3 * stage_blocks
    start = _CIFAR_WIDTHS[0]
    shapes = []
    in_channels = start
    for number in range(blocks):
        width = round(start + alpha * (number + 1) / blocks)
        stride = 2 if number in (stage_blocks, 2 * stage_blocks) else 1
        shapes.append(BlockShape(in_channels, width, width * expansion, stride, bottleneck))
        in_channels = width * expansion
    stages = tuple(tuple(shapes[first : first + stage_blocks]) for first in range(0, blocks, stage_blocks))
    stem = (Convolution(channels, start, kernel_size=3), BatchNorm(start))
    return Family(stem, stages, partial(pyramidal, activation=architecture.activation), open_ended=True)


def _postactivated(
    stem: Layers, stages: tuple[tuple[BlockShape, ...], ...], activation: Activation, shortcut: MakeShortcut
) -> Family:
    return Family(stem, stages, partial(postactivated, activation=activation, shortcut=shortcut))


def _preactivated(
    stem: Layers, stages: tuple[tuple[BlockShape, ...], ...], activation: Activation, shortcut: MakeShortcut
) -> Family:
    """The first block leaves its activation to the stem (He et al. 2016, appendix)."""
    (first, *rest), *later = stages
    stages = ((replace(first, activated=True), *rest), *later)
    make_block = partial(preactivated, activation=activation, shortcut=shortcut)
    return Family(stem, stages, make_block, open_ended=True)


def _stem(kind: Stem, channels: int, width: int, activation: Activation) -> Layers:
    match kind:
        case "cifar":
            return Convolution(channels, width, kernel_size=3), *normalised(width, activation)
        case "imagenet":
            convolution = Convolution(channels, width, kernel_size=7, stride=2)
            return convolution, *normalised(width, activation), MaxPool(kernel_size=3, stride=2)


def _stages(
    in_channels: int,
    widths: Sequence[int],
    outputs: Sequence[int],
    stage_blocks: Sequence[int],
    *,
    bottleneck: bool = False,
    groups: int = 1,
) -> tuple[tuple[BlockShape, ...], ...]:
    """Every stage but the first halves the feature map, in its first block."""
    stages: list[tuple[BlockShape, ...]] = []
    for width, out_channels, blocks in zip(widths, outputs, stage_blocks, strict=True):
        first = BlockShape(in_channels, width, out_channels, 2 if stages else 1, bottleneck, groups)
        rest = replace(first, in_channels=out_channels, stride=1)
        stages.append((first, *[rest] * (blocks - 1)))
        in_channels = out_channels
    return tuple(stages)
