"""Plans: every layer of a network and its shape, without torch.

The platform computes the size of a network from its plan, and `training.engine.networks` builds the network from it.
`layers` has the dataclasses of layers, `families` the tables of the papers, `blocks` makes residual blocks, `counting`
counts parameters and FLOPs, `memory` estimates a device's memory.
"""

from dataclasses import replace
from itertools import count

from training.plan.blocks import activation_layer, normalised
from training.plan.counting import count_flops, count_parameters, draws_random_numbers
from training.plan.families import family_of
from training.plan.layers import (
    Activating,
    AveragePool,
    BatchNorm,
    Block,
    Convolution,
    Drawing,
    Dropout,
    Elementwise,
    ElementwiseFunction,
    GlobalAveragePool,
    Layer,
    Layers,
    Linear,
    Maxout,
    MaxPool,
    NetworkPlan,
    PadShortcut,
    Pooling,
    ShakeDrop,
    SqueezeExcitation,
    Stage,
    StochasticDepth,
)
from training.spec import Architecture, PyramidNet

__all__ = [
    "Activating",
    "AveragePool",
    "BatchNorm",
    "Block",
    "Convolution",
    "Drawing",
    "Dropout",
    "Elementwise",
    "ElementwiseFunction",
    "GlobalAveragePool",
    "Layer",
    "Layers",
    "Linear",
    "MaxPool",
    "Maxout",
    "NetworkPlan",
    "PadShortcut",
    "Pooling",
    "ShakeDrop",
    "SqueezeExcitation",
    "Stage",
    "StochasticDepth",
    "count_flops",
    "count_parameters",
    "draws_random_numbers",
    "network_plan",
]

_SQUEEZE = 16  # a block's channels over those that its squeeze-and-excitation passes on


def network_plan(architecture: Architecture, image_size: int, channels: int, classes: int) -> NetworkPlan:
    """The network that `architecture` names, for images of `channels` x `image_size` x `image_size`."""
    family = family_of(architecture, image_size, channels)
    blocks = sum(map(len, family.stages))
    place = count(1)
    stages = tuple(
        tuple(
            _completed(family.make_block(shape), shape.out_channels, architecture, next(place) / blocks)
            for shape in stage
        )
        for stage in family.stages
    )
    features = family.stages[-1][-1].out_channels
    end = normalised(features, architecture.activation) if family.open_ended else ()
    dropout = (Dropout(architecture.dropout),) if architecture.dropout else ()
    head = (*end, GlobalAveragePool(), *dropout, Linear(features, classes))
    return NetworkPlan(channels, image_size, classes, family.stem, stages, head)


def _completed(block: Block, channels: int, architecture: Architecture, depth: float) -> Block:
    """With what goes for any architecture; `channels` are the branch's, `depth` is 1 for the last block."""
    branch = block.branch
    if architecture.zero_init_last_norm:
        *rest, last = branch
        assert isinstance(last, BatchNorm | Convolution)
        branch = (*rest, replace(last, zero=True))
    if architecture.squeeze_excitation:
        squeezed = max(1, channels // _SQUEEZE)
        gate = SqueezeExcitation(channels, squeezed, activation_layer(architecture.activation, squeezed))
        branch = (*branch, gate)
    if architecture.stochastic_depth:
        branch = (*branch, StochasticDepth(architecture.stochastic_depth * depth))
    if isinstance(architecture, PyramidNet) and architecture.shake_drop:
        branch = (*branch, ShakeDrop(architecture.shake_drop * depth))
    return replace(block, branch=branch, shortcut=block.shortcut if architecture.residual else None)
