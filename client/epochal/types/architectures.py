"""Types of the API: architectures.

Written by `make sdk` from the OpenAPI document of the API: change the schemas there, not this file.
"""

from __future__ import annotations

from typing import Literal, TypedDict


class _CifarResNetRequired(TypedDict):
    name: Literal["resnet20", "resnet32", "resnet44", "resnet56", "resnet110"]
    """The number in it is the depth in weighted layers."""


class CifarResNet(_CifarResNetRequired, total=False):
    """He et al. 2015 (arXiv:1512.03385), section 4.2: three stages of 16, 32 and 64 channels, shortcuts without
    parameters (option A)."""

    activation: Literal["relu", "leaky_relu", "sigmoid", "tanh", "maxout", "elu", "gelu", "silu", "mish"]
    """The non-linear function between convolutions. `leaky_relu` has a slope of 0.01; `maxout` is the larger of two
    linear maps of its input's channels (Goodfellow et al. 2013, arXiv:1302.4389), which adds parameters. Default:
    'relu'."""
    residual: bool
    """Whether blocks add their input to their output. Without these shortcuts the same network learns worse the
    deeper it is, which shows what they are good for. Default: True."""
    squeeze_excitation: bool
    """Weigh each block's channels by their means (Hu et al. 2017, arXiv:1709.01507), reduced 16-fold. Default:
    False."""
    zero_init_last_norm: bool
    """Start the last normalisation of each block at 0, so that each block starts as its shortcut (Goyal et al. 2017,
    arXiv:1706.02677). Pre-activated blocks end in a convolution instead: that starts at 0. Default: False."""
    stochastic_depth: float
    """Probability of skipping the last block for a sample; that of the blocks before rises linearly from 0 at the
    input (Huang et al. 2016, arXiv:1603.09382). At least 0. Less than 1. Unit: probability. Default: 0."""
    dropout: float
    """Probability of setting each feature in front of the last linear layer to 0 in training (Srivastava et al.
    2014). At least 0. Less than 1. Unit: probability. Default: 0."""
    preactivation: bool
    """Normalise and activate in front of each convolution instead of behind it (He et al. 2016, arXiv:1603.05027).
    Default: False."""


class _ResNetRequired(TypedDict):
    name: Literal["resnet18", "resnet34", "resnet50", "resnet101", "resnet152"]
    """The number in it is the depth in weighted layers."""


class ResNet(_ResNetRequired, total=False):
    """He et al. 2015 (arXiv:1512.03385), table 1: four stages of 64 to 512 channels, projection shortcuts;
    bottleneck blocks from 50 layers on, with their stride in the 3x3 convolution."""

    activation: Literal["relu", "leaky_relu", "sigmoid", "tanh", "maxout", "elu", "gelu", "silu", "mish"]
    """The non-linear function between convolutions. `leaky_relu` has a slope of 0.01; `maxout` is the larger of two
    linear maps of its input's channels (Goodfellow et al. 2013, arXiv:1302.4389), which adds parameters. Default:
    'relu'."""
    residual: bool
    """Whether blocks add their input to their output. Without these shortcuts the same network learns worse the
    deeper it is, which shows what they are good for. Default: True."""
    squeeze_excitation: bool
    """Weigh each block's channels by their means (Hu et al. 2017, arXiv:1709.01507), reduced 16-fold. Default:
    False."""
    zero_init_last_norm: bool
    """Start the last normalisation of each block at 0, so that each block starts as its shortcut (Goyal et al. 2017,
    arXiv:1706.02677). Pre-activated blocks end in a convolution instead: that starts at 0. Default: False."""
    stochastic_depth: float
    """Probability of skipping the last block for a sample; that of the blocks before rises linearly from 0 at the
    input (Huang et al. 2016, arXiv:1603.09382). At least 0. Less than 1. Unit: probability. Default: 0."""
    dropout: float
    """Probability of setting each feature in front of the last linear layer to 0 in training (Srivastava et al.
    2014). At least 0. Less than 1. Unit: probability. Default: 0."""
    stem: Literal["auto", "cifar", "imagenet"]
    """What an image passes first. `cifar`: one 3x3 convolution at full resolution. `imagenet`: a 7x7 convolution and
    a pooling, a quarter of the resolution. `auto`: `cifar` for images up to 64 pixels. Default: 'auto'."""
    preactivation: bool
    """Normalise and activate in front of each convolution instead of behind it (He et al. 2016, arXiv:1603.05027).
    Default: False."""


class _CifarResNextRequired(TypedDict):
    name: Literal["resnext29-8x64d", "resnext29-16x64d"]
    """The numbers in it are depth, groups, and channels a group."""


class CifarResNext(_CifarResNextRequired, total=False):
    """Xie et al. 2016 (arXiv:1611.05431), section 5.3: three stages of three grouped bottlenecks, 256 to 1024
    channels."""

    activation: Literal["relu", "leaky_relu", "sigmoid", "tanh", "maxout", "elu", "gelu", "silu", "mish"]
    """The non-linear function between convolutions. `leaky_relu` has a slope of 0.01; `maxout` is the larger of two
    linear maps of its input's channels (Goodfellow et al. 2013, arXiv:1302.4389), which adds parameters. Default:
    'relu'."""
    residual: bool
    """Whether blocks add their input to their output. Without these shortcuts the same network learns worse the
    deeper it is, which shows what they are good for. Default: True."""
    squeeze_excitation: bool
    """Weigh each block's channels by their means (Hu et al. 2017, arXiv:1709.01507), reduced 16-fold. Default:
    False."""
    zero_init_last_norm: bool
    """Start the last normalisation of each block at 0, so that each block starts as its shortcut (Goyal et al. 2017,
    arXiv:1706.02677). Pre-activated blocks end in a convolution instead: that starts at 0. Default: False."""
    stochastic_depth: float
    """Probability of skipping the last block for a sample; that of the blocks before rises linearly from 0 at the
    input (Huang et al. 2016, arXiv:1603.09382). At least 0. Less than 1. Unit: probability. Default: 0."""
    dropout: float
    """Probability of setting each feature in front of the last linear layer to 0 in training (Srivastava et al.
    2014). At least 0. Less than 1. Unit: probability. Default: 0."""


class _ResNextRequired(TypedDict):
    name: Literal["resnext50-32x4d", "resnext101-32x8d", "resnext101-64x4d"]
    """The numbers in it are depth, groups, and channels a group."""


class ResNext(_ResNextRequired, total=False):
    """Xie et al. 2016 (arXiv:1611.05431), table 1: ResNets whose 3x3 convolutions are grouped."""

    activation: Literal["relu", "leaky_relu", "sigmoid", "tanh", "maxout", "elu", "gelu", "silu", "mish"]
    """The non-linear function between convolutions. `leaky_relu` has a slope of 0.01; `maxout` is the larger of two
    linear maps of its input's channels (Goodfellow et al. 2013, arXiv:1302.4389), which adds parameters. Default:
    'relu'."""
    residual: bool
    """Whether blocks add their input to their output. Without these shortcuts the same network learns worse the
    deeper it is, which shows what they are good for. Default: True."""
    squeeze_excitation: bool
    """Weigh each block's channels by their means (Hu et al. 2017, arXiv:1709.01507), reduced 16-fold. Default:
    False."""
    zero_init_last_norm: bool
    """Start the last normalisation of each block at 0, so that each block starts as its shortcut (Goyal et al. 2017,
    arXiv:1706.02677). Pre-activated blocks end in a convolution instead: that starts at 0. Default: False."""
    stochastic_depth: float
    """Probability of skipping the last block for a sample; that of the blocks before rises linearly from 0 at the
    input (Huang et al. 2016, arXiv:1603.09382). At least 0. Less than 1. Unit: probability. Default: 0."""
    dropout: float
    """Probability of setting each feature in front of the last linear layer to 0 in training (Srivastava et al.
    2014). At least 0. Less than 1. Unit: probability. Default: 0."""
    stem: Literal["auto", "cifar", "imagenet"]
    """What an image passes first. `cifar`: one 3x3 convolution at full resolution. `imagenet`: a 7x7 convolution and
    a pooling, a quarter of the resolution. `auto`: `cifar` for images up to 64 pixels. Default: 'auto'."""


class _WideResNetRequired(TypedDict):
    name: Literal[
        "wrn-16-1",
        "wrn-16-2",
        "wrn-16-4",
        "wrn-16-8",
        "wrn-16-10",
        "wrn-22-2",
        "wrn-22-8",
        "wrn-22-10",
        "wrn-28-2",
        "wrn-28-4",
        "wrn-28-8",
        "wrn-28-10",
        "wrn-28-12",
        "wrn-40-1",
        "wrn-40-2",
        "wrn-40-4",
        "wrn-40-8",
        "wrn-40-10",
    ]
    """The numbers in it are depth and width factor."""


class WideResNet(_WideResNetRequired, total=False):
    """Zagoruyko and Komodakis 2016 (arXiv:1605.07146): pre-activated basic blocks in three stages of 16, 32 and 64
    times the width factor."""

    activation: Literal["relu", "leaky_relu", "sigmoid", "tanh", "maxout", "elu", "gelu", "silu", "mish"]
    """The non-linear function between convolutions. `leaky_relu` has a slope of 0.01; `maxout` is the larger of two
    linear maps of its input's channels (Goodfellow et al. 2013, arXiv:1302.4389), which adds parameters. Default:
    'relu'."""
    residual: bool
    """Whether blocks add their input to their output. Without these shortcuts the same network learns worse the
    deeper it is, which shows what they are good for. Default: True."""
    squeeze_excitation: bool
    """Weigh each block's channels by their means (Hu et al. 2017, arXiv:1709.01507), reduced 16-fold. Default:
    False."""
    zero_init_last_norm: bool
    """Start the last normalisation of each block at 0, so that each block starts as its shortcut (Goyal et al. 2017,
    arXiv:1706.02677). Pre-activated blocks end in a convolution instead: that starts at 0. Default: False."""
    stochastic_depth: float
    """Probability of skipping the last block for a sample; that of the blocks before rises linearly from 0 at the
    input (Huang et al. 2016, arXiv:1603.09382). At least 0. Less than 1. Unit: probability. Default: 0."""
    dropout: float
    """Probability of setting each feature in front of the last linear layer to 0 in training (Srivastava et al.
    2014). At least 0. Less than 1. Unit: probability. Default: 0."""
    block_dropout: float
    """Probability of setting each feature between a block's convolutions to 0 in training; the paper takes 0.3 where
    it takes any. At least 0. Less than 1. Unit: probability. Default: 0."""


class _PyramidNetRequired(TypedDict):
    name: Literal[
        "pyramidnet-110-48",
        "pyramidnet-110-84",
        "pyramidnet-110-270",
        "pyramidnet-164-270",
        "pyramidnet-200-240",
        "pyramidnet-236-220",
        "pyramidnet-272-200",
    ]
    """The numbers in it are depth and alpha."""


class PyramidNet(_PyramidNetRequired, total=False):
    """Han et al. 2016 (arXiv:1610.02915): channels grow linearly with depth, from 16 by alpha; additive shape,
    zero-padded shortcuts; bottlenecks from 164 layers on."""

    activation: Literal["relu", "leaky_relu", "sigmoid", "tanh", "maxout", "elu", "gelu", "silu", "mish"]
    """The non-linear function between convolutions. `leaky_relu` has a slope of 0.01; `maxout` is the larger of two
    linear maps of its input's channels (Goodfellow et al. 2013, arXiv:1302.4389), which adds parameters. Default:
    'relu'."""
    residual: bool
    """Whether blocks add their input to their output. Without these shortcuts the same network learns worse the
    deeper it is, which shows what they are good for. Default: True."""
    squeeze_excitation: bool
    """Weigh each block's channels by their means (Hu et al. 2017, arXiv:1709.01507), reduced 16-fold. Default:
    False."""
    zero_init_last_norm: bool
    """Start the last normalisation of each block at 0, so that each block starts as its shortcut (Goyal et al. 2017,
    arXiv:1706.02677). Pre-activated blocks end in a convolution instead: that starts at 0. Default: False."""
    stochastic_depth: float
    """Probability of skipping the last block for a sample; that of the blocks before rises linearly from 0 at the
    input (Huang et al. 2016, arXiv:1603.09382). At least 0. Less than 1. Unit: probability. Default: 0."""
    dropout: float
    """Probability of setting each feature in front of the last linear layer to 0 in training (Srivastava et al.
    2014). At least 0. Less than 1. Unit: probability. Default: 0."""
    shake_drop: float
    """Probability of disturbing the last block's branch for a sample; that of the blocks before rises linearly from
    0 at the input (Yamada et al. 2018, arXiv:1802.02375, who take 0.5). At least 0. Less than 1. Unit: probability.
    Default: 0."""
