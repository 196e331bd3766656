"""The learning rate as a function of the step alone, so that nothing needs saving to resume it."""

import math

from training.spec import Constant, Cosine, MultiStep, Schedule


def learning_rate_at(step: int, *, schedule: Schedule, peak: float, steps_per_epoch: int, epochs: int) -> float:
    """The learning rate of `step`, counted from 0 over the whole run.

    `peak` is the optimizer's own learning rate. A warm-up takes its first step at peak / warm-up steps and
    its last at `peak`; what follows is laid over the steps that remain.
    """
    warmup = schedule.warmup_epochs * steps_per_epoch
    if step < warmup:
        return peak * (step + 1) / warmup
    match schedule:
        case Constant():
            return peak
        case MultiStep():
            passed = sum(milestone <= step // steps_per_epoch for milestone in schedule.milestones)
            return peak * schedule.gamma**passed
        case Cosine():
            progress = (step - warmup) / (epochs * steps_per_epoch - warmup)
            low = schedule.final_learning_rate
            return low + (peak - low) * (1 + math.cos(math.pi * progress)) / 2
