"""What can be said of a plan without building it."""

from collections.abc import Iterator
from itertools import chain
from typing import assert_never

from training.plan.layers import (
    AveragePool,
    BatchNorm,
    Block,
    Convolution,
    Dropout,
    Elementwise,
    GlobalAveragePool,
    Layer,
    Layers,
    Linear,
    Maxout,
    MaxPool,
    NetworkPlan,
    PadShortcut,
    ShakeDrop,
    SqueezeExcitation,
    StochasticDepth,
)


def count_parameters(plan: NetworkPlan) -> int:
    """Trainable parameters: weights, biases, and batch normalisation's scales and shifts."""
    return sum(layer_parameters(layer) for layer in _layers(plan))


def count_flops(plan: NetworkPlan) -> int:
    """Multiply-accumulates of the convolutions and linear maps in one image's forward pass.

    He et al. and most papers on ResNets call these FLOPs. They leave out normalisation, elementwise functions,
    pooling and additions; a counter that takes a multiply-accumulate for two operations says twice as many.
    """
    flops, size = _sequence_flops(plan.stem, plan.image_size)
    for block in chain.from_iterable(plan.stages):
        block_flops, size = _block_flops(block, size)
        flops += block_flops
    head_flops, _ = _sequence_flops(plan.head, size)
    return flops + head_flops


def draws_random_numbers(plan: NetworkPlan) -> bool:
    """Whether a forward pass in training mode draws from torch's generator."""
    return any(isinstance(layer, Dropout | StochasticDepth | ShakeDrop) for layer in _layers(plan))


def _layers(plan: NetworkPlan) -> Iterator[Layer]:
    yield from plan.stem
    for block in chain.from_iterable(plan.stages):
        yield from block.preactivation
        yield from block.branch
        yield from block.shortcut or ()
        yield from block.activation
    yield from plan.head


def layer_parameters(layer: Layer) -> int:
    """Numbers that one layer learns."""
    match layer:
        case Convolution():
            return layer.in_channels // layer.groups * layer.out_channels * layer.kernel_size**2
        case BatchNorm():
            return 2 * layer.channels
        case Maxout():
            return (layer.channels + 1) * 2 * layer.channels
        case SqueezeExcitation(channels, squeezed, activation):
            return (channels + 1) * squeezed + layer_parameters(activation) + (squeezed + 1) * channels
        case Linear():
            return (layer.in_features + 1) * layer.out_features
        case Elementwise() | Dropout() | StochasticDepth() | ShakeDrop():
            return 0
        case MaxPool() | AveragePool() | PadShortcut() | GlobalAveragePool():
            return 0
        case _:
            assert_never(layer)


def _block_flops(block: Block, size: int) -> tuple[int, int]:
    """As `_sequence_flops`."""
    before, size = _sequence_flops(block.preactivation, size)
    branch, branch_size = _sequence_flops(block.branch, size)
    shortcut, shortcut_size = (0, branch_size) if block.shortcut is None else _sequence_flops(block.shortcut, size)
    assert shortcut_size == branch_size, "a block adds feature maps of one size"
    after, size = _sequence_flops(block.activation, branch_size)
    return before + branch + shortcut + after, size


def _sequence_flops(layers: Layers, size: int) -> tuple[int, int]:
    """Multiply-accumulates of `layers` on a feature map of `size`, and the size of their output."""
    flops = 0
    for layer in layers:
        size = output_size(layer, size)
        flops += _layer_flops(layer, size)
    return flops, size


def _layer_flops(layer: Layer, size: int) -> int:
    """Where `size` is that of the layer's output."""
    match layer:
        case Convolution():
            return layer_parameters(layer) * size**2
        case Maxout():
            return 2 * layer.channels**2 * size**2
        case SqueezeExcitation(channels, squeezed, activation):  # on means, which are one pixel
            return 2 * channels * squeezed + _layer_flops(activation, size=1)
        case Linear():
            return layer.in_features * layer.out_features
        case _:
            return 0


def output_size(layer: Layer, size: int) -> int:
    """Side in pixels of what a layer makes of images with the side `size`."""
    match layer:
        case Convolution() | MaxPool():
            return (size + 2 * layer.padding - layer.kernel_size) // layer.stride + 1
        case AveragePool():
            return (size - 1) // layer.size + 1
        case PadShortcut():
            return (size - 1) // layer.stride + 1
        case GlobalAveragePool():
            return 1
        case _:
            return size
