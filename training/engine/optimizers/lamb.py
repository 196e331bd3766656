"""LAMB (You et al. 2019, arXiv:1904.00962, algorithm 2)."""

from typing import Any

import torch
from torch import Tensor

from training.engine.optimizers.groupwise import GroupwiseOptimizer, descend


class Lamb(GroupwiseOptimizer):
    """AdamW whose update of each layer is brought to the norm of the layer's weights.

    Parameters of one dimension take AdamW's update as it is, as in the authors' code: a shift starts at 0, and
    scaled to its own norm it would hardly ever leave it.
    """

    def __init__(self, groups: list[dict[str, Any]], *, betas: tuple[float, float], epsilon: float) -> None:
        super().__init__(groups, {"betas": betas, "epsilon": epsilon})
        for group in self.param_groups:
            # On the device, where it is used. float64, for 1 - beta ** step to be exact.
            group["step"] = torch.zeros((), dtype=torch.float64, device=group["params"][0].device)

    def _update(self, group: dict[str, Any], weights: list[Tensor], gradients: list[Tensor]) -> None:
        mean_decay, square_decay = group["betas"]
        means, squares = self._kept("mean", weights), self._kept("mean_square", weights)
        torch._foreach_lerp_(means, gradients, 1 - mean_decay)
        torch._foreach_mul_(squares, square_decay)
        torch._foreach_addcmul_(squares, gradients, gradients, value=1 - square_decay)

        step = group["step"].add_(1)
        denominators = torch._foreach_sqrt(squares)
        torch._foreach_div_(denominators, (1 - square_decay**step).sqrt().float())
        torch._foreach_add_(denominators, group["epsilon"])
        updates = torch._foreach_div(means, denominators)
        torch._foreach_div_(updates, (1 - mean_decay**step).float())
        torch._foreach_add_(updates, weights, alpha=group["weight_decay"])

        _scale_to_weights(
            [update for update in updates if update.ndim > 1], [weight for weight in weights if weight.ndim > 1]
        )
        descend(weights, updates, group["lr"], weight_decay=0.0)  # the decay is in the updates, and scaled with them


def _scale_to_weights(updates: list[Tensor], weights: list[Tensor]) -> None:
    """Bring each update to the norm of its weights; where either is 0, leave it."""
    if not weights:
        return
    wanted, present = (torch.stack(list(torch._foreach_norm(tensors))) for tensors in (weights, updates))
    ratios = torch.where((wanted > 0) & (present > 0), wanted / present, 1.0)
    torch._foreach_mul_(updates, list(ratios.unbind()))
