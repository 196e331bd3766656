"""Residual blocks: in which order convolutions, normalisations and activations stand, and what the shortcut is."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from training.plan.layers import (
    Activating,
    AveragePool,
    BatchNorm,
    Block,
    Convolution,
    Dropout,
    Elementwise,
    Layer,
    Layers,
    Maxout,
    PadShortcut,
)
from training.spec import Activation


@dataclass(frozen=True, slots=True)
class BlockShape:
    """Two 3x3 convolutions; or, as a bottleneck, 1x1, 3x3 in `groups`, and 1x1. `width` is the channels in between.

    `activated` is whether the block's input comes from a stem that has normalised and activated it.
    """

    in_channels: int
    width: int
    out_channels: int
    stride: int = 1
    bottleneck: bool = False
    groups: int = 1
    activated: bool = False

    @property
    def changes(self) -> bool:
        """Whether the output has another shape than the input, so that the shortcut cannot be the identity."""
        return (self.in_channels, 1) != (self.out_channels, self.stride)

    @property
    def convolutions(self) -> tuple[Convolution, ...]:
        """Those of the branch. A bottleneck has its stride in the 3x3 convolution, as torchvision and the later
        literature have it ("v1.5"). He et al. had it in the first 1x1, which drops three of four input pixels unseen;
        same parameters, fewer FLOPs.
        """
        if self.bottleneck:
            return (
                Convolution(self.in_channels, self.width, kernel_size=1),
                Convolution(self.width, self.width, kernel_size=3, stride=self.stride, groups=self.groups),
                Convolution(self.width, self.out_channels, kernel_size=1),
            )
        return (
            Convolution(self.in_channels, self.width, kernel_size=3, stride=self.stride),
            Convolution(self.width, self.out_channels, kernel_size=3),
        )


MakeShortcut = Callable[[BlockShape], Layers]
MakeBlock = Callable[[BlockShape], Block]


def activation_layer(activation: Activation, channels: int) -> Activating:
    """`activation` of feature maps with `channels`."""
    return Maxout(channels) if activation == "maxout" else Elementwise(activation)


def normalised(channels: int, activation: Activation) -> Layers:
    """Normalisation and activation."""
    return BatchNorm(channels), activation_layer(activation, channels)


def postactivated(shape: BlockShape, activation: Activation, shortcut: MakeShortcut) -> Block:
    """He et al. 2015: each convolution is normalised and activated, the last one behind the sum."""
    *branch, last = _convolved(shape, activation)
    return Block(tuple(branch), shortcut(shape), activation=(last,))


def preactivated(shape: BlockShape, activation: Activation, shortcut: MakeShortcut, dropout: float = 0.0) -> Block:
    """He et al. 2016 (arXiv:1603.05027): normalised and activated in front of each convolution.

    As in the authors' code, the first of these is the branch's own where the shortcut is the identity; where the
    shape changes, the shortcut reads its output too; and behind an activated stem it is left out. `dropout` is the
    probability of dropping each feature in front of the last convolution.
    """
    first, *rest = shape.convolutions
    branch: list[Layer] = [first]
    for convolution in rest:
        branch += [*normalised(convolution.in_channels, activation), convolution]
    if dropout:
        branch.insert(-1, Dropout(dropout))
    entry = () if shape.activated else normalised(shape.in_channels, activation)
    if shape.changes:
        return Block(tuple(branch), shortcut(shape), preactivation=entry)
    return Block((*entry, *branch), ())


def pyramidal(shape: BlockShape, activation: Activation) -> Block:
    """Han et al. 2016 (arXiv:1610.02915), figure 6 (d): a normalisation more at both ends, one activation fewer."""
    *branch, _ = _convolved(shape, activation)
    return Block((BatchNorm(shape.in_channels), *branch), _padded_average(shape))


def option_a(shape: BlockShape) -> Layers:
    """He et al.'s option A: the identity, subsampled and zero-padded where the shape changes."""
    return (PadShortcut(shape.in_channels, shape.out_channels, shape.stride),) if shape.changes else ()


def option_b(shape: BlockShape) -> Layers:
    """He et al.'s option B: the identity, or a normalised projection where the shape changes."""
    return (*projection(shape), BatchNorm(shape.out_channels)) if shape.changes else ()


def projection(shape: BlockShape) -> Layers:
    """A linear map of each pixel's channels."""
    return (Convolution(shape.in_channels, shape.out_channels, kernel_size=1, stride=shape.stride),)


def _padded_average(shape: BlockShape) -> Layers:
    average = (AveragePool(shape.stride),) if shape.stride > 1 else ()
    widens = shape.out_channels > shape.in_channels
    return (*average, *((PadShortcut(shape.in_channels, shape.out_channels, stride=1),) if widens else ()))


def _convolved(shape: BlockShape, activation: Activation) -> Iterator[Layer]:
    for convolution in shape.convolutions:
        yield convolution
        yield from normalised(convolution.out_channels, activation)
