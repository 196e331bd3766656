"""Torch networks, built from a plan's records and from nothing else.

A network's parameters are named after the plan: `stage2.block1.branch.convolution1.weight`,
`stage2.block1.shortcut.norm.bias`, `head.linear.weight`. Checkpoints are keyed by these names.
"""

from collections import Counter, OrderedDict

from torch import Tensor, nn
from torch.nn import functional

from training.plan import (
    BatchNorm,
    Block,
    Convolution,
    GlobalAveragePool,
    Layer,
    Layers,
    Linear,
    MaxPool,
    NetworkPlan,
    PadShortcut,
    Relu,
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


class HeConvolution(nn.Conv2d):
    """Starts from He et al. 2015 (arXiv:1502.01852): normal with variance 2 / (kernel area x output channels),
    which keeps the variance of the gradients through a ReLU.
    """

    def reset_parameters(self) -> None:
        """Called once by torch's constructor, in place of its own drawing."""
        nn.init.kaiming_normal_(self.weight, mode="fan_out", nonlinearity="relu")


class ResidualBlock(nn.Module):
    """relu(branch(x) + shortcut(x))."""

    def __init__(self, block: Block) -> None:
        super().__init__()
        self.branch = _sequence(block.branch)
        self.shortcut = _sequence(block.shortcut)

    def forward(self, features: Tensor) -> Tensor:
        """[B, channels, H, W] -> the same, of the block's output channels and size."""
        output: Tensor = self.branch(features)
        # In place, which saves two feature maps: neither batch norm nor the sum needs its output in backward.
        output += self.shortcut(features)
        return functional.relu_(output)


class OptionAShortcut(nn.Module):
    """Subsamples by `stride` and appends `missing_channels` of zeros; keeps the memory format."""

    def __init__(self, stride: int, missing_channels: int) -> None:
        super().__init__()
        self.stride = stride
        self.missing_channels = missing_channels

    def forward(self, features: Tensor) -> Tensor:
        """[B, channels, H, W] -> [B, channels + missing_channels, ceil(H / stride), ceil(W / stride)]."""
        return functional.pad(features[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.missing_channels))


class MeanOverPixels(nn.Module):
    """Global average pooling."""

    def forward(self, features: Tensor) -> Tensor:
        """[B, channels, H, W] -> [B, channels]."""
        return features.mean((2, 3))


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
        case Convolution(inputs, outputs, kernel_size, stride):
            convolution = HeConvolution(inputs, outputs, kernel_size, stride, layer.padding, bias=False)
            return "convolution", convolution
        case BatchNorm(channels):
            return "norm", nn.BatchNorm2d(channels)
        case Relu():
            return "relu", nn.ReLU(inplace=True)
        case MaxPool(kernel_size, stride):
            return "pool", nn.MaxPool2d(kernel_size, stride, layer.padding)
        case PadShortcut(inputs, outputs, stride):
            return "pad", OptionAShortcut(stride, outputs - inputs)
        case GlobalAveragePool():
            return "pool", MeanOverPixels()
        case Linear(inputs, outputs):
            return "linear", nn.Linear(inputs, outputs)
