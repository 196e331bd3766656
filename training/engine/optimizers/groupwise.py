"""What the optimizers that torch does not have share: they work on all weights of a group at once."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, overload

import torch
from torch import Tensor, optim


class GroupwiseOptimizer(optim.Optimizer, ABC):
    """Each subclass says how one group of weights is updated, by operations on lists of tensors (torch._foreach_…),
    which are a few kernels on a GPU however many weights there are. None of them waits for the device."""

    @overload
    def step(self, closure: None = None) -> None: ...
    @overload
    def step(self, closure: Callable[[], float]) -> float: ...
    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Update every weight that has a gradient; with a closure, as torch's optimizers do, after calling it."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            weights = [weight for weight in group["params"] if weight.grad is not None]
            if weights:
                self._update(group, weights, [weight.grad for weight in weights])
        return loss

    @abstractmethod
    def _update(self, group: dict[str, Any], weights: list[Tensor], gradients: list[Tensor]) -> None:
        """Change `weights`, which have these gradients, in place; `gradients` stay as they are."""

    def _kept(self, name: str, weights: list[Tensor]) -> list[Tensor]:
        """What the state keeps under `name` for each weight, of the weight's shape; zeros at first."""
        for weight in weights:
            if name not in self.state[weight]:
                self.state[weight][name] = torch.zeros_like(weight)
        return [self.state[weight][name] for weight in weights]


def descend(weights: list[Tensor], updates: Sequence[Tensor], learning_rate: float, weight_decay: float) -> None:
    """Set weight = (1 - learning_rate * weight_decay) * weight - learning_rate * update."""
    if weight_decay:
        torch._foreach_mul_(weights, 1 - learning_rate * weight_decay)
    torch._foreach_sub_(weights, list(updates), alpha=learning_rate)
