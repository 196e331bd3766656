"""Layers that add noise to a residual branch during training, drawn for each sample of the batch.

They draw from torch's default generator of the features' device. In evaluation they apply the expectation.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function


class RandomDepth(nn.Module):
    """Stochastic depth (Huang et al. 2016, arXiv:1603.09382): drops a sample's branch with `probability`.

    The paper lets all branches pass in evaluation, weighted by how often they do so in training; here those that
    pass in training are weighted by the inverse, and evaluation does nothing. The expectation is the same.
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, features: Tensor) -> Tensor:
        """[B, channels, H, W] -> the same."""
        if not self.training:
            return features
        passes = 1 - self.probability
        return features * (_happens(passes, features) / passes).to(features.dtype)

    def extra_repr(self) -> str:
        """What a printed network says of it."""
        return f"probability={self.probability:.3g}"


class ShakenBranch(nn.Module):
    """ShakeDrop (Yamada et al. 2018, arXiv:1802.02375): with `probability`, multiplies a sample's branch by alpha,
    uniform in [-1, 1], and what flows back through it by beta, uniform in [0, 1]: what the paper found best for
    PyramidNets. In evaluation it multiplies by the expectation, 1 - probability.
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, features: Tensor) -> Tensor:
        """[B, channels, H, W] -> the same."""
        if not self.training:
            return features * (1 - self.probability)
        shaken = _happens(self.probability, features)
        forward = torch.where(shaken, 2 * _uniform(features) - 1, 1.0).to(features.dtype)
        backward = torch.where(shaken, _uniform(features), 1.0).to(features.dtype)
        product: Tensor = _Scale.apply(features, forward, backward)
        return product

    def extra_repr(self) -> str:
        """What a printed network says of it."""
        return f"probability={self.probability:.3g}"


class _Scale(Function):
    """Multiplies features by one factor, and their gradient by another."""

    @staticmethod
    def forward(context: Any, features: Tensor, factor: Tensor, gradient_factor: Tensor) -> Tensor:
        context.save_for_backward(gradient_factor)
        return features * factor

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (gradient_factor,) = context.saved_tensors
        return gradient * gradient_factor, None, None


def _happens(probability: float, features: Tensor) -> Tensor:
    """For each sample: bool [B, 1, 1, 1], for `features` [B, ...]."""
    return _uniform(features) < probability


def _uniform(features: Tensor) -> Tensor:
    """In [0, 1), for each sample: float32 [B, 1, 1, 1], for `features` [B, ...]. bf16 would have too few values."""
    return torch.rand(len(features), 1, 1, 1, device=features.device)
