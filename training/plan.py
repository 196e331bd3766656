"""What a network consists of: every layer and its shape, exactly and without torch.

The platform reads a plan to say how large a network is; `training.networks` builds the network from it.
A sequence of layers is a tuple. Images and feature maps are square, so that one number is their size.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import assert_never

from training.spec import Architecture, CifarDepth, CifarResNet, ImageNetDepth, ResNet, Stem


@dataclass(frozen=True, slots=True)
class Convolution:
    """Without bias, because batch normalisation follows; padded by half its kernel, so that stride alone
    shrinks the feature map.
    """

    in_channels: int
    out_channels: int
    kernel_size: int
    stride: int = 1

    @property
    def padding(self) -> int:
        """Pixels a side."""
        return self.kernel_size // 2


@dataclass(frozen=True, slots=True)
class BatchNorm:
    """Ioffe and Szegedy 2015 (arXiv:1502.03167), with a learnt scale and shift for each channel."""

    channels: int


@dataclass(frozen=True, slots=True)
class Relu:
    """max(0, x)."""


@dataclass(frozen=True, slots=True)
class MaxPool:
    """Padded by half its kernel."""

    kernel_size: int
    stride: int

    @property
    def padding(self) -> int:
        """Pixels a side."""
        return self.kernel_size // 2


@dataclass(frozen=True, slots=True)
class PadShortcut:
    """Every `stride`-th row and column, and zeros for the channels that the input lacks."""

    in_channels: int
    out_channels: int
    stride: int


@dataclass(frozen=True, slots=True)
class GlobalAveragePool:
    """[B, channels, H, W] -> [B, channels]."""


@dataclass(frozen=True, slots=True)
class Linear:
    """With bias."""

    in_features: int
    out_features: int


Layer = Convolution | BatchNorm | Relu | MaxPool | PadShortcut | GlobalAveragePool | Linear
Layers = tuple[Layer, ...]
_MakeLayers = Callable[[int, int, int], Layers]  # of input channels, width or output channels, and stride


@dataclass(frozen=True, slots=True)
class Block:
    """relu(branch(x) + shortcut(x)). A shortcut of no layers is the identity."""

    branch: Layers
    shortcut: Layers


Stage = tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class NetworkPlan:
    """A residual network for images of `channels` x `image_size` x `image_size`: stem, stages, head in order."""

    channels: int
    image_size: int
    classes: int
    stem: Layers
    stages: tuple[Stage, ...]
    head: Layers


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
_BOTTLENECK_EXPANSION = 4  # a bottleneck block's output channels over its width


def network_plan(architecture: Architecture, image_size: int, channels: int, classes: int) -> NetworkPlan:
    """The network that `architecture` names, for images of `channels` x `image_size` x `image_size`."""
    match architecture:
        case CifarResNet():
            stem = _stem("cifar", channels, _CIFAR_WIDTHS[0])
            blocks = (_CIFAR_STAGE_BLOCKS[architecture.name],) * len(_CIFAR_WIDTHS)
            stages = _stages(_CIFAR_WIDTHS, blocks, _basic_branch, expansion=1, shortcut=_option_a)
            features = _CIFAR_WIDTHS[-1]
        case ResNet():
            stem = _stem(architecture.stem_for(image_size), channels, _RESNET_WIDTHS[0])
            blocks = _RESNET_STAGE_BLOCKS[architecture.name]
            bottleneck = architecture.name in _BOTTLENECKS
            branch, expansion = (_bottleneck_branch, _BOTTLENECK_EXPANSION) if bottleneck else (_basic_branch, 1)
            stages = _stages(_RESNET_WIDTHS, blocks, branch, expansion, shortcut=_option_b)
            features = _RESNET_WIDTHS[-1] * expansion
        case _:
            assert_never(architecture)
    head = (GlobalAveragePool(), Linear(features, classes))
    return NetworkPlan(channels, image_size, classes, stem, stages, head)


def count_parameters(plan: NetworkPlan) -> int:
    """Trainable parameters: weights, biases, and batch normalisation's scales and shifts."""
    return sum(_layer_parameters(layer) for layer in _layers(plan))


def count_flops(plan: NetworkPlan) -> int:
    """Multiply-accumulates of the convolutions and linear layers in one image's forward pass.

    He et al. and most papers on ResNets call these FLOPs. They leave out normalisation, activations, pooling
    and additions; a counter that takes a multiply-accumulate for two operations says twice as many.
    """
    flops, size = _sequence_flops(plan.stem, plan.image_size)
    for block in chain.from_iterable(plan.stages):
        shortcut_flops, shortcut_size = _sequence_flops(block.shortcut, size)
        branch_flops, size = _sequence_flops(block.branch, size)
        assert shortcut_size == size, "a block adds feature maps of one size"
        flops += shortcut_flops + branch_flops
    head_flops, _ = _sequence_flops(plan.head, size)
    return flops + head_flops


def _stem(stem: Stem, channels: int, width: int) -> Layers:
    match stem:
        case "cifar":
            return Convolution(channels, width, kernel_size=3), BatchNorm(width), Relu()
        case "imagenet":
            convolution = Convolution(channels, width, kernel_size=7, stride=2)
            return convolution, BatchNorm(width), Relu(), MaxPool(kernel_size=3, stride=2)


def _stages(
    widths: Sequence[int], stage_blocks: Sequence[int], branch: _MakeLayers, expansion: int, shortcut: _MakeLayers
) -> tuple[Stage, ...]:
    """Every stage but the first halves the feature map, in its first block."""
    stages: list[Stage] = []
    in_channels = widths[0]
    for width, blocks in zip(widths, stage_blocks, strict=True):
        stride = 2 if stages else 1
        out_channels = width * expansion
        first = Block(branch(in_channels, width, stride), shortcut(in_channels, out_channels, stride))
        rest = Block(branch(out_channels, width, 1), shortcut(out_channels, out_channels, 1))
        stages.append((first, *[rest] * (blocks - 1)))
        in_channels = out_channels
    return tuple(stages)


def _option_a(in_channels: int, out_channels: int, stride: int) -> Layers:
    """He et al.'s option A: the identity, subsampled and zero-padded where the shape changes."""
    if (in_channels, stride) == (out_channels, 1):
        return ()
    return (PadShortcut(in_channels, out_channels, stride),)


def _option_b(in_channels: int, out_channels: int, stride: int) -> Layers:
    """He et al.'s option B: the identity, or a projection where the shape changes."""
    if (in_channels, stride) == (out_channels, 1):
        return ()
    return Convolution(in_channels, out_channels, kernel_size=1, stride=stride), BatchNorm(out_channels)


def _basic_branch(in_channels: int, width: int, stride: int) -> Layers:
    return (
        Convolution(in_channels, width, kernel_size=3, stride=stride),
        BatchNorm(width),
        Relu(),
        Convolution(width, width, kernel_size=3),
        BatchNorm(width),
    )


def _bottleneck_branch(in_channels: int, width: int, stride: int) -> Layers:
    """With its stride in the 3x3 convolution, as torchvision and the later literature have it ("v1.5").
    He et al. had it in the first 1x1, which drops three of four input pixels unseen; same parameters, fewer FLOPs.
    """
    out_channels = width * _BOTTLENECK_EXPANSION
    return (
        Convolution(in_channels, width, kernel_size=1),
        BatchNorm(width),
        Relu(),
        Convolution(width, width, kernel_size=3, stride=stride),
        BatchNorm(width),
        Relu(),
        Convolution(width, out_channels, kernel_size=1),
        BatchNorm(out_channels),
    )


def _layers(plan: NetworkPlan) -> Iterator[Layer]:
    yield from plan.stem
    for block in chain.from_iterable(plan.stages):
        yield from block.branch
        yield from block.shortcut
    yield from plan.head


def _layer_parameters(layer: Layer) -> int:
    match layer:
        case Convolution():
            return layer.in_channels * layer.out_channels * layer.kernel_size**2
        case BatchNorm():
            return 2 * layer.channels
        case Linear():
            return (layer.in_features + 1) * layer.out_features
        case Relu() | MaxPool() | PadShortcut() | GlobalAveragePool():
            return 0


def _sequence_flops(layers: Layers, size: int) -> tuple[int, int]:
    """Multiply-accumulates of `layers` on a feature map of `size`, and the size of their output."""
    flops = 0
    for layer in layers:
        size = _output_size(layer, size)
        match layer:
            case Convolution():
                flops += _layer_parameters(layer) * size**2
            case Linear():
                flops += layer.in_features * layer.out_features
    return flops, size


def _output_size(layer: Layer, size: int) -> int:
    match layer:
        case Convolution() | MaxPool():
            return (size + 2 * layer.padding - layer.kernel_size) // layer.stride + 1
        case PadShortcut():
            return (size - 1) // layer.stride + 1
        case GlobalAveragePool():
            return 1
        case BatchNorm() | Relu() | Linear():
            return size
