"""Lion (Chen et al. 2023, arXiv:2302.06675, algorithm 2)."""

from typing import Any

import torch
from torch import Tensor

from training.engine.optimizers.groupwise import GroupwiseOptimizer, descend


class Lion(GroupwiseOptimizer):
    """Steps by the sign of a mean of momentum and gradient: every weight moves by the learning rate.

    The first of `betas` is the momentum's share in that mean, the second the momentum's own decay.
    """

    def __init__(self, groups: list[dict[str, Any]], *, betas: tuple[float, float]) -> None:
        super().__init__(groups, {"betas": betas})

    def _update(self, group: dict[str, Any], weights: list[Tensor], gradients: list[Tensor]) -> None:
        share, decay = group["betas"]
        momenta = self._kept("momentum", weights)
        updates = torch._foreach_lerp(gradients, momenta, share)
        torch._foreach_sign_(updates)
        descend(weights, updates, group["lr"], group["weight_decay"])
        torch._foreach_lerp_(momenta, gradients, 1 - decay)
