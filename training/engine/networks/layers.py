"""The layers of a plan that torch does not have, or not as they are needed here."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.plan import ElementwiseFunction

# In place where backward makes do with the output. What comes in is a normalisation's output or a sum or a linear
# map, and their backward does not need it either. The last three need their input.
_FUNCTIONS: dict[ElementwiseFunction, Callable[[Tensor], Tensor]] = {
    "relu": functional.relu_,
    "leaky_relu": functional.leaky_relu_,  # torch's slope is 0.01
    "sigmoid": torch.sigmoid_,
    "tanh": torch.tanh_,
    "elu": functional.elu_,
    "gelu": functional.gelu,
    "silu": functional.silu,
    "mish": functional.mish,
}


class HeConvolution(nn.Conv2d):
    """Starts from He et al. 2015 (arXiv:1502.01852): normal with variance 2 / (kernel area x output channels),
    which keeps the variance of the gradients through a ReLU.

    So it does whatever the activation is. In front of a normalisation the scale of weights changes nothing but the
    pace at which they learn, and networks that differ in their activation should learn at one pace. Where none
    follows, at the end of a pre-activated branch, it keeps the mean square through every activation here to within
    a factor of two.
    """

    def reset_parameters(self) -> None:
        """Called once by torch's constructor, in place of its own drawing."""
        nn.init.kaiming_normal_(self.weight, mode="fan_out", nonlinearity="relu")


class ElementwiseActivation(nn.Module):
    """May overwrite its input."""

    def __init__(self, function: ElementwiseFunction) -> None:
        super().__init__()
        self.function = function

    def forward(self, features: Tensor) -> Tensor:
        """Of any shape."""
        return _FUNCTIONS[self.function](features)

    def extra_repr(self) -> str:
        """What a printed network says of it."""
        return self.function


class LargerOfTwoMaps(nn.Module):
    """Maxout with two pieces (Goodfellow et al. 2013, arXiv:1302.4389).

    Weights start normal with variance 1 / channels, biases at 0. Given its input, the two maps are then equal in
    distribution and symmetric about 0, so that the square of the larger is on average that of either: the mean
    square of the features is kept.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.maps = nn.Conv2d(channels, 2 * channels, kernel_size=1)
        nn.init.normal_(self.maps.weight, std=channels**-0.5)
        assert self.maps.bias is not None
        nn.init.zeros_(self.maps.bias)

    def forward(self, features: Tensor) -> Tensor:
        """[B, channels, H, W] -> the same."""
        first, second = self.maps(features).chunk(2, dim=1)
        return torch.maximum(first, second)


class SqueezeAndExcitation(nn.Module):
    """Hu et al. 2017 (arXiv:1709.01507), section 3. Its linear layers are 1x1 convolutions of one pixel, and start
    from torch's own distribution, which leaves the gates half open.
    """

    def __init__(self, channels: int, squeezed: int, activation: nn.Module) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(channels, squeezed, kernel_size=1)
        self.activation = activation
        self.excite = nn.Conv2d(squeezed, channels, kernel_size=1)

    def forward(self, features: Tensor) -> Tensor:
        """[B, channels, H, W] -> the same."""
        means = features.mean((2, 3), keepdim=True)
        gates: Tensor = self.excite(self.activation(self.squeeze(means))).sigmoid()
        return features * gates


class PaddedShortcut(nn.Module):
    """Subsamples by `stride` and appends `missing_channels` of zeros; keeps the memory format of even sizes."""

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
