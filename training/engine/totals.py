"""Sums over a training epoch, kept on the device so that the host does not wait for it each step; and the error of a
run that has diverged."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from training.engine.team import Team
from training.metrics import EpochMetrics, StepMetrics

SMALLEST_SCALE = 2.0**-24  # of fp16's losses: what is left of 2**16 after 40 steps in a row that overflowed


class Diverged(ArithmeticError):
    """A loss, or every gradient in fp16, is no longer a finite number. `metrics` is the step or the epoch that shows
    it. It was not yielded before, so that whoever catches this must record it."""

    def __init__(self, metrics: StepMetrics | EpochMetrics, said: str) -> None:
        super().__init__(f"{said}, with a learning rate of {metrics.learning_rate:.6g}.")
        self.metrics = metrics


def require_finite(metrics: EpochMetrics, loss_scale: float) -> None:
    """Raises Diverged where an evaluation of an epoch is not finite although its steps' losses were, or where no
    gradient was finite in fp16: the scaler has halved `loss_scale` step by step, to less than SMALLEST_SCALE."""
    for split, loss in (("test", metrics.test_loss), ("validation", metrics.validation_loss)):
        if loss is not None and not math.isfinite(loss):
            said = f"The {split} loss was {loss} after epoch {metrics.epoch}, though its training losses were finite"
            raise Diverged(metrics, said)
    if loss_scale < SMALLEST_SCALE:
        raise Diverged(metrics, f"No gradient was finite in fp16 at the end of epoch {metrics.epoch}")


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over the steps of one epoch so far, or of one step.

    `first_nonfinite_step` is the first step whose loss was not a finite number, infinity where there is none.
    """

    loss: float  # summed over images, cross-entropy in nats
    correct: float
    first_nonfinite_step: float


class RunningTotals:
    """Summed loss, correct answers, and the first step whose loss was not finite: float64 [3] on `device`."""

    def __init__(self, device: torch.device, team: Team) -> None:
        self._team = team
        self._values = torch.tensor([0.0, 0.0, math.inf], dtype=torch.float64, device=device)
        self._broken_loss = self._values.new_full((1,), math.nan)  # of the first step whose loss was not finite

    def add(self, losses: Tensor, step: int) -> None:
        """A step's summed loss and correct answers: float64 [2], of this process's images."""
        self._values[:2] += losses
        first, is_finite = self._values[2:], losses[:1].isfinite()
        self._broken_loss.copy_(torch.where(is_finite | first.isfinite(), self._broken_loss, losses[:1]))
        first.copy_(torch.where(is_finite, first, first.clamp(max=step)))

    def read(self, latest: Tensor | None = None) -> Totals:
        """The sums of all processes, over the epoch so far; with `latest`, over that one step. Waits for the device."""
        sums = self._team.all_reduce_sum(self._values[:2] if latest is None else latest)
        broken = self._team.all_reduce_min(self._values[2:])
        return Totals(*torch.cat((sums, broken)).tolist())

    def first_nonfinite_loss(self, step: int) -> float:
        """The loss of `step`, summed over all processes, which `read` has returned as the first that was not finite.
        NaN where that was before this process resumed the run."""
        own = torch.where(self._values[2:] == step, self._broken_loss, 0.0)
        return float(self._team.all_reduce_sum(own))

    def reset(self) -> None:
        """For the next epoch."""
        self._values.copy_(torch.tensor([0.0, 0.0, math.inf], dtype=torch.float64))

    def state(self) -> Tensor:
        """What a checkpoint needs: float64 [processes, 3], a row of sums for each process, the same in all of them. All
        processes must call it. With one process, it is not a copy."""
        if self._team.size == 1:
            return self._values[None]
        everyone = self._values.new_zeros((self._team.size, 3))
        everyone[self._team.rank] = self._values
        return self._team.all_reduce_sum(everyone)  # exact: each entry is 0 in all processes but one

    def load_state(self, everyone: Tensor) -> None:
        """Go on from what `state` of a team of the same size returned."""
        self._values.copy_(everyone[self._team.rank])
