"""Torch networks, built from a plan's records and from nothing else.

A network's parameters are named after the plan: `stage2.block1.branch.convolution1.weight`,
`stage2.block1.shortcut.norm.bias`, `head.linear.weight`. Checkpoints are keyed by these names.
"""

from collections import Counter, OrderedDict

from torch import Tensor, nn

from training.engine.networks.layers import (
    ElementwiseActivation,
    HeConvolution,
    LargerOfTwoMaps,
    MeanOverPixels,
    PaddedShortcut,
    SqueezeAndExcitation,
)
from training.engine.networks.noise import RandomDepth, ShakenBranch
from training.plan import (
    Activating,
    AveragePool,
    BatchNorm,
    Block,
    Convolution,
    Drawing,
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
    Pooling,
    ShakeDrop,
    SqueezeExcitation,
    StochasticDepth,
)


def build_network(plan: NetworkPlan) -> nn.Module:
    """A network in training mode, on torch's default device, with fresh weights from its default generator.

    It maps images [B, plan.channels, H, W] of floats to logits [B, plan.classes].
    """
    parts = [("stem", _sequence(plan.stem))]
    for place, stage in enumerate(plan.stages, start=1):
        blocks = ((f"block{number}", ResidualBlock(block)) for number, block in enumerate(stage, start=1))
        parts.append((f"stage{place}", nn.Sequential(OrderedDict(blocks))))
    parts.append(("head", _sequence(plan.head)))
    return nn.Sequential(OrderedDict(parts))


class ResidualBlock(nn.Module):
    """activation(branch(y) + shortcut(y)) with y = preactivation(x); or without the shortcut, where there is none."""

    def __init__(self, block: Block) -> None:
        super().__init__()
        self.preactivation = _sequence(block.preactivation)
        self.branch = _sequence(block.branch)
        self.shortcut = None if block.shortcut is None else _sequence(block.shortcut)
        self.activation = _sequence(block.activation)

    def forward(self, features: Tensor) -> Tensor:
        """[B, channels, H, W] -> the same, of the block's output channels and size."""
        features = self.preactivation(features)
        output: Tensor = self.branch(features)
        if self.shortcut is not None:
            # In place, which saves a feature map: whatever a branch ends in does not need its output in backward.
            output += self.shortcut(features)
        activated: Tensor = self.activation(output)
        return activated


def _sequence(layers: Layers) -> nn.Sequential:
    """Each layer is named by its kind, and numbered from 1 where the sequence has several of that kind."""
    built = [_build_layer(layer) for layer in layers]
    total = Counter(kind for kind, _ in built)
    seen: Counter[str] = Counter()
    modules: OrderedDict[str, nn.Module] = OrderedDict()
    for kind, module in built:
        seen[kind] += 1
        modules[f"{kind}{seen[kind]}" if total[kind] > 1 else kind] = module
    return nn.Sequential(modules)


def _build_layer(layer: Layer) -> tuple[str, nn.Module]:
    """The layer's kind, as parameters are named after it, and its module."""
    match layer:
        case Convolution() | BatchNorm():
            return _build_weighted(layer)
        case Elementwise() | Maxout():
            return _build_activation(layer)
        case SqueezeExcitation(channels, squeezed, activation):
            return "excitation", SqueezeAndExcitation(channels, squeezed, _build_activation(activation)[1])
        case Dropout() | StochasticDepth() | ShakeDrop():
            return _build_drawing(layer)
        case MaxPool() | AveragePool() | PadShortcut() | GlobalAveragePool():
            return _build_pooling(layer)
        case Linear(inputs, outputs):
            return "linear", nn.Linear(inputs, outputs)


def _build_weighted(layer: Convolution | BatchNorm) -> tuple[str, nn.Module]:
    kind: str
    module: nn.Conv2d | nn.BatchNorm2d
    match layer:
        case Convolution(inputs, outputs, kernel_size, stride, groups):
            kind = "convolution"
            module = HeConvolution(inputs, outputs, kernel_size, stride, layer.padding, groups=groups, bias=False)
        case BatchNorm(channels):
            kind, module = "norm", nn.BatchNorm2d(channels)
    if layer.zero:
        nn.init.zeros_(module.weight)
    return kind, module


def _build_activation(layer: Activating) -> tuple[str, nn.Module]:
    match layer:
        case Elementwise(function):
            return "activation", ElementwiseActivation(function)
        case Maxout(channels):
            return "maxout", LargerOfTwoMaps(channels)


def _build_drawing(layer: Drawing) -> tuple[str, nn.Module]:
    match layer:
        case Dropout(probability):
            return "dropout", nn.Dropout(probability)
        case StochasticDepth(probability):
            return "depth", RandomDepth(probability)
        case ShakeDrop(probability):
            return "shake", ShakenBranch(probability)


def _build_pooling(layer: Pooling) -> tuple[str, nn.Module]:
    match layer:
        case MaxPool(kernel_size, stride):
            return "pool", nn.MaxPool2d(kernel_size, stride, layer.padding)
        case AveragePool(size):
            return "pool", nn.AvgPool2d(size, ceil_mode=True)
        case PadShortcut(inputs, outputs, stride):
            return "pad", PaddedShortcut(stride, outputs - inputs)
        case GlobalAveragePool():
            return "pool", MeanOverPixels()
