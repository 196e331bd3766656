"""What a training epoch adds up, on the device, so that nobody waits for it step by step; and what it is called when
that is no longer a number."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from training.engine.team import Team
from training.metrics import EpochMetrics, StepMetrics

SMALLEST_SCALE = 2.0**-24  # of fp16's losses: what is left of 2**16 after 40 steps in a row that overflowed


class Diverged(ArithmeticError):
    """Something that training goes by is no longer a finite number. `metrics` is the step or the epoch that shows it,
    which nobody has been given before."""

    def __init__(self, metrics: StepMetrics | EpochMetrics, said: str) -> None:
        super().__init__(f"{said}, with a learning rate of {metrics.learning_rate:.6g}.")
        self.metrics = metrics


def require_finite(metrics: EpochMetrics, loss_scale: float) -> None:
    """Raises Diverged where an epoch, whose steps had finite losses, has evaluated to something else, or has had
    no gradient that fp16 could hold: `loss_scale` has fallen, step by step, to nothing."""
    for split, loss in (("test", metrics.test_loss), ("validation", metrics.validation_loss)):
        if loss is not None and not math.isfinite(loss):
            said = f"The {split} loss was {loss} after epoch {metrics.epoch}, though its training losses were finite"
            raise Diverged(metrics, said)
    if loss_scale < SMALLEST_SCALE:
        raise Diverged(metrics, f"No gradient was finite in fp16 at the end of epoch {metrics.epoch}")


@dataclass(frozen=True, slots=True)
class Totals:
    """Of the steps of one epoch so far, or of one step.

    `broken_at` is the first step whose loss was not a finite number, infinity where there was none.
    """

    loss: float  # summed over images, cross-entropy in nats
    correct: float
    broken_at: float


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
        """The whole team's, of the epoch so far; or, with `latest`, a step's losses in place of the sums. Waits for the
        device."""
        sums = self._team.add_up(self._values[:2] if latest is None else latest)
        broken = self._team.smallest(self._values[2:])
        return Totals(*torch.cat((sums, broken)).tolist())

    def broken_loss(self, step: int) -> float:
        """The whole team's summed loss of `step`, which `read` has named as the first that was broken. NaN where that
        was before this process took the run over."""
        own = torch.where(self._values[2:] == step, self._broken_loss, 0.0)
        return float(self._team.add_up(own))

    def reset(self) -> None:
        """For the next epoch."""
        self._values.copy_(torch.tensor([0.0, 0.0, math.inf], dtype=torch.float64))

    def state(self) -> Tensor:
        """All that is needed to go on: float64 [processes, 3], each one's own, the same for all of them; not a copy
        of what is one process's alone. All must call it."""
        if self._team.size == 1:
            return self._values[None]
        everyone = self._values.new_zeros((self._team.size, 3))
        everyone[self._team.rank] = self._values
        return self._team.add_up(everyone)  # exact: of each number, all others are 0

    def load_state(self, everyone: Tensor) -> None:
        """Go on from what `state` of a team of the same size returned."""
        self._values.copy_(everyone[self._team.rank])
