"""Averages of a network's weights over training. They are evaluated and saved in place of the weights themselves.

torch's AveragedModel does the same, but at each update waits for the device to read how many it has averaged.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any, TypeGuard

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from training.engine.frozen import FrozenBatchNorm
from training.spec import Ema, Regularisation, Swa


class WeightAverage(ABC):
    """A copy of `network`, in evaluation mode, that holds an average of its weights."""

    def __init__(self, network: nn.Module) -> None:
        self.network = deepcopy(network).eval().requires_grad_(requires_grad=False)
        self._weights = _Pairs(self.network.parameters(), network.parameters())
        floating = [buffer.is_floating_point() for buffer in network.buffers()]
        self._statistics = _Pairs(_where(floating, self.network.buffers()), _where(floating, network.buffers()))
        counting = [not each for each in floating]
        self._counts = _Pairs(_where(counting, self.network.buffers()), _where(counting, network.buffers()))

    @property
    @abstractmethod
    def started(self) -> bool:
        """Whether anything has been averaged. Until then, the network itself is evaluated."""

    @abstractmethod
    def update(self, number: int) -> None:
        """Add the network's present weights, at the end of step or epoch `number` of the run, counted from 0."""

    def state_dict(self) -> dict[str, Any]:
        """All that it needs to go on: tensors and plain values. Not a copy."""
        return {"network": self.network.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` of an average of the same kind and network returned."""
        self.network.load_state_dict(state["network"])


class ExponentialAverage(WeightAverage):
    """An exponential moving average, of weights and normalisation statistics; updated each step."""

    def __init__(self, spec: Ema, network: nn.Module) -> None:
        super().__init__(network)
        self._decay = spec.decay

    @property
    def started(self) -> bool:
        """From the start, when it equals the network."""
        return True

    def update(self, number: int) -> None:
        """After step `number`. Early, the decay is only (1 + number) / (10 + number), so that the random starting
        weights lose their share soon."""
        share = 1 - min(self._decay, (1 + number) / (10 + number))
        self._weights.move(share)
        self._statistics.move(share)
        self._counts.copy()


class StochasticAverage(WeightAverage):
    """The mean of the weights at the ends of epochs (SWA)."""

    def __init__(self, spec: Swa, network: nn.Module) -> None:
        super().__init__(network)
        self._start_epoch = spec.start_epoch
        self._averaged = 0
        self.measured = False  # whether the normalisation statistics are those of the present average

    @property
    def started(self) -> bool:
        """Once an epoch has been averaged."""
        return self._averaged > 0

    def update(self, number: int) -> None:
        """After epoch `number`. The normalisation statistics are the network's until `measure_statistics` is called."""
        if number < self._start_epoch:
            return
        self._averaged += 1
        self.measured = False
        self._weights.move(1 / self._averaged)
        self._statistics.copy()
        self._counts.copy()

    @torch.no_grad()
    def measure_statistics(self, batches: Iterable[Tensor]) -> None:
        """Measure the normalisation statistics of the averaged weights: the mean over `batches` of normalised images
        [B, C, H, W]. In a team, each process has its share of each batch.

        As torch's update_bn, except that dropout and similar layers are off, as in an evaluation. Does nothing where
        the network has no such statistics, or all are frozen.
        """
        self.measured = False
        norms = [module for module in self.network.modules() if _measures(module)]
        momenta = [norm.momentum for norm in norms]
        if not norms:
            self.measured = True
            return
        for norm in norms:
            norm.reset_running_stats()
            norm.train()
        try:
            for number, images in enumerate(batches, start=1):
                for norm in norms:
                    norm.momentum = 1 / number  # the mean so far; torch's None would read a count from the device
                self.network(images)
            self.measured = True
        finally:
            for norm, momentum in zip(norms, momenta, strict=True):
                norm.momentum = momentum
                norm.eval()

    def state_dict(self) -> dict[str, Any]:
        """All that it needs to go on: tensors and plain values. Not a copy."""
        return {**super().state_dict(), "averaged": self._averaged}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` of an average of the same kind and network returned."""
        super().load_state_dict(state)
        self._averaged, self.measured = state["averaged"], False


def build_average(spec: Regularisation, network: nn.Module) -> ExponentialAverage | StochasticAverage | None:
    """The average of `network` that `spec` asks for, if any."""
    if spec.ema:
        return ExponentialAverage(spec.ema, network)
    if spec.swa:
        return StochasticAverage(spec.swa, network)
    return None


def update_average(
    average: ExponentialAverage | StochasticAverage | None, epoch: int, step: int, steps_per_epoch: int
) -> None:
    """After `step` of `epoch`: EMA averages over all steps, SWA over the last ones of epochs."""
    if isinstance(average, ExponentialAverage):
        average.update(epoch * steps_per_epoch + step)
    elif average and step == steps_per_epoch - 1:
        average.update(epoch)


def _measures(module: nn.Module) -> TypeGuard[_BatchNorm]:
    return isinstance(module, _BatchNorm) and not isinstance(module, FrozenBatchNorm)


class _Pairs:
    """The tensors of an average and those of the network that they are averages of, all of one dtype."""

    def __init__(self, averaged: Iterable[Tensor], current: Iterable[Tensor]) -> None:
        self._averaged, self._current = list(averaged), list(current)

    @torch.no_grad()
    def move(self, share: float) -> None:
        """Move the averages to the present values by `share` of their distance."""
        if self._averaged:
            self._follow_format()
            torch._foreach_lerp_(self._averaged, self._current, share)

    @torch.no_grad()
    def copy(self) -> None:
        """Copy the present values."""
        if self._averaged:
            torch._foreach_copy_(self._averaged, self._current)

    def _follow_format(self) -> None:
        """The tuner may change the network's memory format. Averaging over two formats would be slow."""
        for averaged, current in zip(self._averaged, self._current, strict=True):
            if averaged.stride() != current.stride():
                averaged.data = torch.empty_like(current).copy_(averaged)


def _where(wanted: Iterable[bool], tensors: Iterable[Tensor]) -> list[Tensor]:
    return [tensor for tensor, take in zip(tensors, wanted, strict=True) if take]
