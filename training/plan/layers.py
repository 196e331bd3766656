"""The records that a plan consists of. They hold shapes and no computation; `training.engine.networks` computes.

A sequence of layers is a tuple. Images and feature maps are square, so that one number is their size.
"""

from dataclasses import dataclass
from typing import Literal

ElementwiseFunction = Literal["relu", "leaky_relu", "sigmoid", "tanh", "elu", "gelu", "silu", "mish"]


@dataclass(frozen=True, slots=True)
class Convolution:
    """Without bias; padded by half its kernel, so that stride alone shrinks the feature map.

    Inputs and outputs are split into `groups`, and each group of outputs sees its group of inputs only.
    `zero` is whether its weights start at 0.
    """

    in_channels: int
    out_channels: int
    kernel_size: int
    stride: int = 1
    groups: int = 1
    zero: bool = False

    @property
    def padding(self) -> int:
        """Pixels a side."""
        return self.kernel_size // 2


@dataclass(frozen=True, slots=True)
class BatchNorm:
    """Ioffe and Szegedy 2015 (arXiv:1502.03167), with a learnt scale and shift for each channel.

    `zero` is whether the scales start at 0.
    """

    channels: int
    zero: bool = False


@dataclass(frozen=True, slots=True)
class Elementwise:
    """An activation that has no parameters."""

    function: ElementwiseFunction


@dataclass(frozen=True, slots=True)
class Maxout:
    """The larger of two linear maps of each pixel's channels, with bias (Goodfellow et al. 2013, arXiv:1302.4389)."""

    channels: int


@dataclass(frozen=True, slots=True)
class SqueezeExcitation:
    """Weighs channels by a gate that their means over all pixels open (Hu et al. 2017, arXiv:1709.01507):
    a linear layer to `squeezed` features, `activation`, a linear layer back, and a sigmoid.
    """

    channels: int
    squeezed: int
    activation: Elementwise | Maxout


@dataclass(frozen=True, slots=True)
class Dropout:
    """Drops each feature with `probability`, while training (Srivastava et al. 2014)."""

    probability: float


@dataclass(frozen=True, slots=True)
class StochasticDepth:
    """Drops a sample's whole branch with `probability`, while training (Huang et al. 2016, arXiv:1603.09382)."""

    probability: float


@dataclass(frozen=True, slots=True)
class ShakeDrop:
    """Disturbs a sample's whole branch with `probability`, while training (Yamada et al. 2018, arXiv:1802.02375)."""

    probability: float


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
class AveragePool:
    """Means over squares of `size` x `size` pixels side by side; those at the edges may be smaller."""

    size: int


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


Activating = Elementwise | Maxout
Drawing = Dropout | StochasticDepth | ShakeDrop
Pooling = MaxPool | AveragePool | PadShortcut | GlobalAveragePool
Layer = Convolution | BatchNorm | Activating | SqueezeExcitation | Drawing | Pooling | Linear
Layers = tuple[Layer, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """activation(branch(y) + shortcut(y)), where y = preactivation(x).

    No layers are the identity. Where `shortcut` is None there is nothing to add: activation(branch(y)).
    """

    branch: Layers
    shortcut: Layers | None
    preactivation: Layers = ()
    activation: Layers = ()


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
