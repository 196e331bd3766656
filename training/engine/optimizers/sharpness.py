"""Sharpness-aware minimisation."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from training.spec import Sam

_STABILITY = 0.01  # the ASAM paper's eta: weights at 0 move, too
_TINY = 1e-12


class SharpnessAware:
    """SAM (Foret et al. 2020, arXiv:2010.01412) or, if `adaptive`, ASAM (Kwon et al. 2021, arXiv:2102.11600).

    Around each step of any optimizer: take the gradients, enter `at_worst_point`, take them anew there, and leave.
    """

    def __init__(self, spec: Sam, network: nn.Module) -> None:
        self._rho = spec.rho
        self._adaptive = spec.adaptive
        self._network = network

    @contextmanager
    def at_worst_point(self) -> Iterator[None]:
        """Within, every weight lies `rho` along its present gradient: where, to first order, the loss is worst.

        On leaving, weights and buffers are what they were, to the bit; normalisation's running statistics, too,
        which must not learn of a place where the network is not. Gradients stay as they were computed within.
        """
        moved = [*self._network.parameters(), *self._network.buffers()]
        before = [tensor.detach().clone() for tensor in moved]
        try:
            self._climb()
            yield
        finally:
            with torch.no_grad():
                for kind in {tensor.dtype for tensor in moved}:  # in one kernel where the types are one
                    pairs = [pair for pair in zip(moved, before, strict=True) if pair[0].dtype == kind]
                    torch._foreach_copy_([now for now, _ in pairs], [then for _, then in pairs])

    @torch.no_grad()
    def _climb(self) -> None:
        named = [(name, weight) for name, weight in self._network.named_parameters() if weight.grad is not None]
        weights: list[Tensor] = [weight for _, weight in named]
        gradients = [weight.grad for weight in weights if weight.grad is not None]
        scales = _scales([name for name, _ in named], weights) if self._adaptive else None
        if scales:
            gradients = list(torch._foreach_mul(gradients, scales))
        moves = torch._foreach_mul(gradients, self._rho / (_norm(gradients) + _TINY))
        if scales:
            torch._foreach_mul_(moves, scales)
        torch._foreach_add_(weights, moves)


def _norm(tensors: list[Tensor]) -> Tensor:
    """Of all of them as one vector."""
    norm: Tensor = torch.linalg.vector_norm(torch.stack(list(torch._foreach_norm(tensors))))
    return norm


def _scales(names: Sequence[str], weights: list[Tensor]) -> list[Tensor]:
    """The radius in each direction relative to `rho`: |weight| + eta, and 1 for biases, as in the authors' code."""
    of_weight = [0.0 if name.endswith("bias") else 1.0 for name in names]
    scales = list(torch._foreach_abs(weights))
    torch._foreach_mul_(scales, of_weight)
    torch._foreach_add_(scales, [_STABILITY if share else 1.0 for share in of_weight])
    return scales
