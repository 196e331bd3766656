"""Where a schedule has lowered the learning rate in one step: what a curve gains there is not progress that goes on."""

from typing import Any

import numpy as np

from training.diagnosis.run import Curve, Floats, Run
from training.spec import ResolvedSpec

STEP = 0.75  # of the learning rate before, at most
SAME = 0.01  # of a learning rate: it stays
LEAST_RATES = 3
ROWS = 5  # on either side of a drop in a curve
LEAST_DROP = 0.1  # of the level before
TIMES_PROGRESS = 3.0  # of what the rows before it have brought: a curve that flattens gains less and less
TIMES_NOISE = 4.0  # of the median difference from row to row before it
SUDDEN = 0.5  # of the drop is between two rows


def last_drop(run: Run) -> int:
    """The first epoch behind the last drop of the learning rate in one step: by the learning rates, by the spec, or
    else by a sudden large step down of the curve itself. 0: there was none."""
    rate = run.curve("learning_rate").finite()
    if len(rate) >= LEAST_RATES:
        return _by_rates(rate)
    if run.spec is not None:
        return max((epoch for epoch in milestones(run.spec) if epoch <= run.last_epoch), default=0)
    return max((_by_curve(curve) for curve in _to_lower(run)), default=0)


def milestones(spec: ResolvedSpec) -> list[int]:
    """Epochs at whose start its schedule lowers the learning rate in one step."""
    schedule: Any = spec.schedule
    match schedule.name:
        case "multistep":
            return list(schedule.milestones)
        case "step":
            return list(range(schedule.step_epochs, spec.epochs, schedule.step_epochs))
    return []


def _by_rates(rate: Curve) -> int:
    values, found = rate.values, 0
    for place in range(1, len(values)):
        before, after = values[place - 1], values[place]
        if after > STEP * before:
            continue
        was_still = place == 1 or abs(values[place - 2] - before) <= SAME * before
        is_still = place == len(values) - 1 or abs(values[place + 1] - after) <= SAME * after
        if was_still and is_still:
            found = int(rate.epochs[place])
    return found


def _to_lower(run: Run) -> list[Curve]:
    """The train curve, and the other split's: losses, or errors where no loss was recorded."""
    pairs = (
        (run.train_loss.finite(), run.curve("train_accuracy").finite()),
        (run.held_out_loss.finite(), run.held_out_accuracy.finite()),
    )
    return [loss if len(loss) else Curve(accuracy.epochs, 1 - accuracy.values) for loss, accuracy in pairs]


def _by_curve(curve: Curve) -> int:
    values = curve.values
    places = [place for place in range(2 * ROWS, len(values) - 1) if _drops_at(values, place)]
    return int(curve.epochs[places[-1]]) if places else 0


def _drops_at(values: Floats, place: int) -> bool:
    earlier, before = np.median(values[place - 2 * ROWS : place - ROWS]), np.median(values[place - ROWS : place])
    drop = float(before - np.median(values[place : place + ROWS]))
    differences = float(np.median(np.abs(np.diff(values[place - 2 * ROWS : place]))))
    needed = max(LEAST_DROP * abs(before), TIMES_PROGRESS * (earlier - before), TIMES_NOISE * differences)
    return drop > needed and float(values[place - 1] - values[place]) > SUDDEN * drop
