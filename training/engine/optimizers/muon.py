"""Muon (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon)."""

from collections import defaultdict
from typing import Any

import torch
from torch import Tensor
from torch.optim.sgd import sgd

from training.engine.device.precision import multiplies_bf16
from training.engine.optimizers.groupwise import GroupwiseOptimizer, descend

_STEPS = 5
_COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # of x, x^3 and x^5
_REST_MOMENTUM = 0.9


def takes_muon(parameter: Tensor) -> bool:
    """Whether `parameter` is the weight of a convolution behind the stem: more than 3 input channels.

    So are the 1x1 convolutions of squeeze-and-excitation and of maxout. A grouped convolution's weight counts as the
    one matrix that it is stored as. No matrix of two dimensions is taken: our networks' only one is the classifier.
    """
    return parameter.ndim == 4 and parameter.shape[1] > 3


class Muon(GroupwiseOptimizer):
    """Steps by the orthogonal matrix nearest to the momentum, for groups that are `orthogonal`; the other groups
    take SGD with Nesterov's momentum of 0.9.

    A convolution's weight [out, in, h, w] is a matrix [out, in * h * w]. Its update is scaled by
    sqrt(max(1, rows / columns)), as the author's is, and weight decay is decoupled; of the others it is an L2 penalty.

    torch.optim.Muon refuses weights of four dimensions, and takes one matrix after the other. Here those of one shape
    are one batch: on a CPU, ResNet-20's take two thirds of the time or less, ResNet-18's about the same.
    """

    def __init__(self, groups: list[dict[str, Any]], *, momentum: float) -> None:
        super().__init__(groups, {"momentum": momentum})
        device = groups[0]["params"][0].device
        self._dtype = torch.bfloat16 if multiplies_bf16(device) else torch.float32

    def _update(self, group: dict[str, Any], weights: list[Tensor], gradients: list[Tensor]) -> None:
        if not group["orthogonal"]:
            self._update_rest(group, weights, gradients)
            return
        momenta = self._kept("momentum_buffer", weights)
        torch._foreach_lerp_(momenta, gradients, 1 - group["momentum"])
        updates = list(torch._foreach_lerp(gradients, momenta, group["momentum"]))
        self._orthogonalise(updates)
        descend(weights, updates, group["lr"], group["weight_decay"])

    def _orthogonalise(self, updates: list[Tensor]) -> None:
        """Replace each of `updates` [out, in, h, w], those of equal shape at once."""
        places = defaultdict(list)
        for place, update in enumerate(updates):
            places[update.shape].append(place)
        for shape, same in places.items():
            matrices = torch.stack([updates[place].flatten(1) for place in same])
            rows, columns = matrices.shape[1:]
            orthogonal = orthogonalised(matrices, self._dtype) * max(1, rows / columns) ** 0.5
            for place, matrix in zip(same, orthogonal.unbind(), strict=True):
                updates[place] = matrix.view(shape)

    def _update_rest(self, group: dict[str, Any], weights: list[Tensor], gradients: list[Tensor]) -> None:
        sgd(
            weights,
            gradients,
            list(self._kept("momentum_buffer", weights)),
            fused=True,
            weight_decay=group["weight_decay"],
            momentum=_REST_MOMENTUM,
            lr=group["lr"],
            dampening=0.0,
            nesterov=True,
            maximize=False,
        )


def orthogonalised(matrices: Tensor, dtype: torch.dtype) -> Tensor:
    """U V^T of each matrix U S V^T, roughly: singular values end between about 0.7 and 1.2, which serves as well.

    `matrices` [B, rows, columns]; the result has their type. Newton-Schulz iteration, computed in `dtype` on the side
    whose Gram matrix is smaller.
    """
    tall = matrices.shape[1] > matrices.shape[2]
    wide = matrices.mT if tall else matrices
    wide = (wide / (wide.norm(dim=(1, 2), keepdim=True) + 1e-7)).to(dtype)
    linear, cubic, quintic = _COEFFICIENTS
    for _ in range(_STEPS):
        gram = wide @ wide.mT
        polynomial = torch.baddbmm(gram, gram, gram, beta=cubic, alpha=quintic)
        wide = torch.baddbmm(wide, polynomial, wide, beta=linear)
    return (wide.mT if tall else wide).to(matrices.dtype)
