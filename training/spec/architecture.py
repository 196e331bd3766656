"""The network that a job trains."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field

from training.spec.part import ByName, Conflict, Part, quantity

NEEDS_SHORTCUTS = "needs shortcuts: without them nothing would be left"

CifarDepth = Literal["resnet20", "resnet32", "resnet44", "resnet56", "resnet110"]
ImageNetDepth = Literal["resnet18", "resnet34", "resnet50", "resnet101", "resnet152"]
WideResNetName = Literal[
    "wrn-16-1", "wrn-16-2", "wrn-16-4", "wrn-16-8", "wrn-16-10",
    "wrn-22-2", "wrn-22-8", "wrn-22-10",
    "wrn-28-2", "wrn-28-4", "wrn-28-8", "wrn-28-10", "wrn-28-12",
    "wrn-40-1", "wrn-40-2", "wrn-40-4", "wrn-40-8", "wrn-40-10",
]  # fmt: skip
CifarResNextName = Literal["resnext29-8x64d", "resnext29-16x64d"]
ImageNetResNextName = Literal["resnext50-32x4d", "resnext101-32x8d", "resnext101-64x4d"]
PyramidNetName = Literal[
    "pyramidnet-110-48", "pyramidnet-110-84", "pyramidnet-110-270",
    "pyramidnet-164-270", "pyramidnet-200-240", "pyramidnet-236-220", "pyramidnet-272-200",
]  # fmt: skip
Activation = Literal["relu", "leaky_relu", "sigmoid", "tanh", "maxout", "elu", "gelu", "silu", "mish"]
Stem = Literal["cifar", "imagenet"]

# Pixels a side. With one less, the last stage halves a feature map of a single pixel, and eight of nine weights see
# padding alone; in bf16, oneDNN leaves that convolution's gradient partly unwritten (torch 2.15, AVX512-BF16).
SMALLEST_IMAGE_FOR_IMAGENET_STEM = 17
LARGEST_IMAGE_FOR_CIFAR_STEM = 64  # pixels; the ImageNet stem would leave less than 2 x 2 of a 32-pixel image

Probability = Annotated[float, Field(ge=0, lt=1)]

PREACTIVATION: Any = Field(
    default=False,
    title="Pre-activation",
    description="Normalise and activate in front of each convolution instead of behind it (He et al. 2016, "
    "arXiv:1603.05027).",
)


class Network(Part):
    """What can be said of any architecture here."""

    activation: Activation = Field(
        default="relu",
        description="The non-linear function between convolutions. `leaky_relu` has a slope of 0.01; `maxout` is the "
        "larger of two linear maps of its input's channels (Goodfellow et al. 2013, arXiv:1302.4389), which adds "
        "parameters.",
    )
    residual: bool = Field(
        default=True,
        description="Whether blocks add their input to their output. Without these shortcuts the same network learns "
        "worse the deeper it is, which shows what they are good for.",
    )
    squeeze_excitation: bool = Field(
        default=False,
        title="Squeeze and excitation",
        description="Weigh each block's channels by their means (Hu et al. 2017, arXiv:1709.01507), reduced 16-fold.",
    )
    zero_init_last_norm: bool = Field(
        default=False,
        title="Start blocks as their shortcuts",
        description="Start the last normalisation of each block at 0, so that each block starts as its shortcut "
        "(Goyal et al. 2017, arXiv:1706.02677). Pre-activated blocks end in a convolution instead: that starts at 0.",
    )
    stochastic_depth: Probability = quantity(
        0.0,
        unit="probability",
        description="Probability of skipping the last block for a sample; that of the blocks before rises linearly "
        "from 0 at the input (Huang et al. 2016, arXiv:1603.09382).",
    )
    dropout: Probability = quantity(
        0.0,
        unit="probability",
        description="Probability of setting each feature in front of the last linear layer to 0 in training "
        "(Srivastava et al. 2014).",
    )

    def conflicts(self) -> Iterator[Conflict]:
        """What needs shortcuts, in a network without."""
        needing = {"zero_init_last_norm": self.zero_init_last_norm, "stochastic_depth": self.stochastic_depth}
        for field, value in needing.items():
            if value and not self.residual:
                yield (field,), value, NEEDS_SHORTCUTS


class CifarResNet(Network, title="ResNet for small images"):
    """He et al. 2015 (arXiv:1512.03385), section 4.2: three stages of 16, 32 and 64 channels, shortcuts
    without parameters (option A)."""

    name: CifarDepth = Field(description="The number in it is the depth in weighted layers.")
    preactivation: bool = PREACTIVATION


class ImageNetNetwork(Network):
    """Networks that exist for small and for large images."""

    stem: Literal["auto", "cifar", "imagenet"] = Field(
        default="auto",
        description="What an image passes first. `cifar`: one 3x3 convolution at full resolution. `imagenet`: a 7x7 "
        "convolution and a pooling, a quarter of the resolution. "
        f"`auto`: `cifar` for images up to {LARGEST_IMAGE_FOR_CIFAR_STEM} pixels.",
    )

    def stem_for(self, image_size: int) -> Stem:
        """The stem for square images of `image_size` pixels a side."""
        if self.stem != "auto":
            return self.stem
        return "cifar" if image_size <= LARGEST_IMAGE_FOR_CIFAR_STEM else "imagenet"


class ResNet(ImageNetNetwork, title="ResNet"):
    """He et al. 2015 (arXiv:1512.03385), table 1: four stages of 64 to 512 channels, projection shortcuts;
    bottleneck blocks from 50 layers on, with their stride in the 3x3 convolution."""

    name: ImageNetDepth = Field(description="The number in it is the depth in weighted layers.")
    preactivation: bool = PREACTIVATION


class CifarResNext(Network, title="ResNeXt for small images"):
    """Xie et al. 2016 (arXiv:1611.05431), section 5.3: three stages of three grouped bottlenecks, 256 to 1024
    channels."""

    name: CifarResNextName = Field(description="The numbers in it are depth, groups, and channels a group.")


class ResNext(ImageNetNetwork, title="ResNeXt"):
    """Xie et al. 2016 (arXiv:1611.05431), table 1: ResNets whose 3x3 convolutions are grouped."""

    name: ImageNetResNextName = Field(description="The numbers in it are depth, groups, and channels a group.")


class WideResNet(Network, title="Wide ResNet"):
    """Zagoruyko and Komodakis 2016 (arXiv:1605.07146): pre-activated basic blocks in three stages of 16, 32 and
    64 times the width factor."""

    name: WideResNetName = Field(description="The numbers in it are depth and width factor.")
    block_dropout: Probability = quantity(
        0.0,
        unit="probability",
        description="Probability of setting each feature between a block's convolutions to 0 in training; the paper "
        "takes 0.3 where it takes any.",
    )


class PyramidNet(Network):
    """Han et al. 2016 (arXiv:1610.02915): channels grow linearly with depth, from 16 by alpha; additive shape,
    zero-padded shortcuts; bottlenecks from 164 layers on."""

    name: PyramidNetName = Field(description="The numbers in it are depth and alpha.")
    shake_drop: Probability = quantity(
        0.0,
        unit="probability",
        title="ShakeDrop",
        description="Probability of disturbing the last block's branch for a sample; that of the blocks before rises "
        "linearly from 0 at the input (Yamada et al. 2018, arXiv:1802.02375, who take 0.5).",
    )

    def conflicts(self) -> Iterator[Conflict]:
        """Beside a network's: ShakeDrop is a stochastic depth of its own."""
        yield from super().conflicts()
        if self.shake_drop and not self.residual:
            yield ("shake_drop",), self.shake_drop, NEEDS_SHORTCUTS
        elif self.shake_drop and self.stochastic_depth:
            yield ("shake_drop",), self.shake_drop, "stands in for stochastic_depth: set one of them"


Architecture = Annotated[
    CifarResNet | ResNet | CifarResNext | ResNext | WideResNet | PyramidNet, Field(discriminator="name"), ByName()
]
