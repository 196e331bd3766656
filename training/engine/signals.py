"""Signals: what an epoch says of its network beside the losses. How large gradients and updates are, and which units
never answer.

They are measured at one step in twenty, from each epoch's first on, whatever the logging interval is. Sums stay on the
device, and the host reads them once an epoch. Nothing of the training depends on them: they read gradients, weights
and feature maps, and draw no random numbers.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TypeGuard

import torch
from torch import Tensor, nn

from training.engine.networks.layers import ElementwiseActivation, SqueezeAndExcitation
from training.engine.team import Team
from training.metrics import LayerSignals

STEPS_APART = 20  # from one measured step of an epoch to the next
MOST_LAYERED_EPOCHS = 100  # of a run, that have their layers' signals: those of ResNet-110 are some 10 KB an epoch


def is_measured(step: int) -> bool:
    """Whether signals are measured at `step` of an epoch, from 0."""
    return step % STEPS_APART == 0


def has_layers(epoch: int, epochs: int) -> bool:
    """Whether `epoch` of a run of `epochs` says something of each layer: every one, or the last and one in so many that
    MOST_LAYERED_EPOCHS do."""
    return epoch % math.ceil(epochs / MOST_LAYERED_EPOCHS) == 0 or epoch + 1 == epochs


@dataclass(frozen=True, slots=True)
class EpochSignals:
    """Means over the measured steps of an epoch. Units are None where nothing was measured."""

    gradient_norm: float | None
    update_ratio: float | None
    dead_units: float | None
    layers: tuple[LayerSignals, ...]


@dataclass(frozen=True, slots=True)
class _Layer:
    """A convolution or a linear layer."""

    name: str
    learns: bool
    activation: int | None  # the place, among the rectifying ones, of the next after it


class Signals:
    """Sums of the signals of `network` over the measured steps of an epoch, the same in all processes of `team`."""

    def __init__(self, network: nn.Module, device: torch.device, team: Team) -> None:
        self._team = team
        self._rectifying, self._layers = _rectifying(network), _layers_of(network)
        named = {name: weight for name, weight in network.named_parameters() if weight.requires_grad}
        self._weights = list(named.values())
        places = {layer.name: place for place, layer in enumerate(self._layers)}
        owners = [places.get(name.rpartition(".")[0], len(places)) for name in named]  # the last is for normalisations
        self._owners = torch.tensor(owners, device=device)
        layers, activations = len(self._layers), len(self._rectifying)
        # Steps, sums of gradient norms and of update ratios; then by layer, and by activation dead units and all units.
        self._sums = torch.zeros(3 + layers + 2 * activations, dtype=torch.float64, device=device)
        split = self._sums.split([3, layers, activations, activations])
        self._whole, self._by_layer, self._dead, self._units = split

    @contextmanager
    def update(self, scale: Tensor) -> Iterator[None]:
        """Around clipping and the optimizer's step, with the gradients of the whole batch, which are `scale` times too
        large, a tensor of one value. A step whose gradients are not finite does not count."""
        gradients = [torch.zeros_like(weight) if weight.grad is None else weight.grad for weight in self._weights]
        squares = (_norms(gradients) / scale).square()
        weights = [weight.detach() for weight in self._weights]
        moved, size = [weight.clone() for weight in weights], _norms(weights).square().sum().sqrt()
        yield
        torch._foreach_sub_(moved, weights)
        ratio = _norms(moved).square().sum().sqrt() / size
        norm = squares.sum().sqrt()
        layers = squares.new_zeros(len(self._layers) + 1).index_add_(0, self._owners, squares)[:-1].sqrt()
        found = torch.cat((torch.stack((torch.ones_like(norm), norm, ratio)), layers))
        self._sums[: len(found)] += torch.where(norm.isfinite() & ratio.isfinite(), found, 0.0)

    @contextmanager
    def units(self) -> Iterator[None]:
        """Around a forward pass, of the network and not of a graph of it: which units are 0 for each of its images, or
        of the team's. A unit is a channel of a feature map, at all of its pixels."""
        sums: dict[int, Tensor] = {}
        hooks = [
            activation.register_forward_hook(partial(_note_sums, sums, place))
            for place, activation in enumerate(self._rectifying)
        ]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()
        if hooks:
            self._count_dead([sums[place] for place in range(len(hooks))])

    def _count_dead(self, sums: Sequence[Tensor]) -> None:
        """`sums` are of each activation, [units]."""
        dead = self._team.all_reduce_min((torch.cat(list(sums)) == 0).to(torch.float64))
        counts = [len(each) for each in sums]
        self._dead += torch.stack([each.sum() for each in dead.split(counts)])
        for place, count in enumerate(counts):
            self._units[place] += count

    def read(self) -> EpochSignals:
        """Of the epoch so far. Waits for the device."""
        steps, norms, ratios, *rest = self._sums.tolist()
        by_layer, dead, units = (
            rest[first:end] for first, end in _bounds([len(self._layers), *[len(self._rectifying)] * 2])
        )

        def dead_share(activation: int | None) -> float | None:
            return None if activation is None else _share(dead[activation], units[activation])

        layers = tuple(
            LayerSignals(
                name=layer.name,
                gradient_norm=_short(_share(norm, steps)) if layer.learns else None,
                dead_units=_short(dead_share(layer.activation)),
            )
            for layer, norm in zip(self._layers, by_layer, strict=True)
        )
        return EpochSignals(_share(norms, steps), _share(ratios, steps), _share(sum(dead), sum(units)), layers)

    def reset(self) -> None:
        """For the next epoch."""
        self._sums.zero_()

    def state(self) -> Tensor:
        """What a checkpoint needs: float64, the same in all processes. Not a copy."""
        return self._sums

    def load_state(self, sums: Tensor | None) -> None:
        """Go on from what `state` returned; from nothing where an earlier release has not stored it."""
        if sums is None:
            self.reset()
        else:
            self._sums.copy_(sums)


def _rectifying(network: nn.Module) -> list[ElementwiseActivation]:
    """The activations that are 0 for every negative input, in forward order. Of those here, relu alone: the others have
    a slope there, or another value."""
    return [module for module in network.modules() if _is_rectifying(module)]


def _is_rectifying(module: nn.Module) -> TypeGuard[ElementwiseActivation]:
    return isinstance(module, ElementwiseActivation) and module.function == "relu"


def _layers_of(network: nn.Module) -> list[_Layer]:
    """In forward order, which is that of the modules: a block's branch comes before its shortcut."""
    gates = [f"{name}." for name, module in network.named_modules() if isinstance(module, SqueezeAndExcitation)]
    found: list[_Layer] = []
    following: list[tuple[str, int]] = []  # activations behind the present module, the nearest last
    place = len(_rectifying(network))
    for name, module in reversed(list(network.named_modules())):
        if _is_rectifying(module):
            place -= 1
            following.append((name, place))
        if isinstance(module, nn.Conv2d | nn.Linear):
            # A squeeze-and-excitation's own activation is behind its own layer alone: the features pass it by.
            behind = (
                each
                for activation, each in reversed(following)
                if all(name.startswith(gate) for gate in gates if activation.startswith(gate))
            )
            found.append(_Layer(name, module.weight.requires_grad, next(behind, None)))
    return found[::-1]


def _note_sums(sums: dict[int, Tensor], place: int, _module: nn.Module, _inputs: object, features: Tensor) -> None:
    """Of each unit of `features`, [B, C, H, W], where nothing is below 0, so that a sum is 0 where everything is. It is
    up to thirty times as fast as the largest value, in the memory format channels_last on a CPU."""
    sums[place] = features.detach().sum((2, 3)).sum(0)


def _norms(tensors: Sequence[Tensor]) -> Tensor:
    """Of each: float64 [tensors]."""
    return torch.stack(list(torch._foreach_norm(list(tensors)))).double()


def _bounds(lengths: Sequence[int]) -> Iterator[tuple[int, int]]:
    first = 0
    for length in lengths:
        yield first, first + length
        first += length


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _short(value: float | None) -> float | None:
    """To six digits, since it is stored as text."""
    return None if value is None else float(f"{value:.6g}")
