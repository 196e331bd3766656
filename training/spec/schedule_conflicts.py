"""Conflicts of the schedule and of averaged weights with the rest of a spec, and fields of theirs without effect."""

from collections.abc import Iterator

from training.number_format import plain
from training.spec.hyperparameters import Hyperparameters
from training.spec.part import Conflict, at_most
from training.spec.schedule import (
    AnySchedule,
    Constant,
    Cosine,
    Exponential,
    Linear,
    MultiStep,
    OneCycle,
    Plateau,
    Polynomial,
    RangeTest,
    StepDecay,
    WarmRestarts,
)

NO_VALIDATION = "nothing is split off to validate on: set validation_fraction"
NO_CHOICE_BY_FOLD = "what validation_fold holds out must not guide the training that it is to judge: leave it out"
CONSTANT_INSTEAD = "so the learning rate never changes: take the schedule constant"
LOWER_OR_CONSTANT = "take a lower one, or the schedule constant"
ROUNDING = 1e-9  # of rates that are multiplied, so that 0.1 * 0.1 reaches 0.01
TOO_FEW_EPOCHS = "more epochs, a shorter warm-up or another schedule"


def schedule_conflicts(spec: Hyperparameters) -> Iterator[Conflict]:
    """Conflicts of the schedule. It decides the learning rate of the epochs before `end`: there the run is over, or the
    constant learning rate of SWA begins."""
    schedule, warmup, end = spec.schedule, spec.schedule.warmup_epochs, _end(spec)
    if isinstance(schedule, RangeTest):
        yield from _range_test(schedule, spec)
        return
    if warmup >= spec.epochs:
        reason = f"a warm-up of {warmup} epochs leaves none of {spec.epochs}: at most {spec.epochs - 1}"
        yield ("schedule", "warmup_epochs"), warmup, reason
        return
    if warmup >= end:
        return  # averaging_conflicts reports it
    longest = at_most(end - 1 - warmup, 1, TOO_FEW_EPOCHS)
    match schedule:
        case OneCycle():
            yield from _one_cycle(schedule, spec.epochs, end)
        case StepDecay(step_epochs=each) if warmup + each >= end:
            reason = f"the first step, at epoch {warmup + each}, {_never(spec)}: {longest}"
            yield ("schedule", "step_epochs"), each, reason
        case WarmRestarts(first_cycle_epochs=each) if warmup + each >= end:
            reason = f"the first restart, at epoch {warmup + each}, {_never(spec)}: {longest}"
            yield ("schedule", "first_cycle_epochs"), each, reason
        case Exponential() if warmup + 1 >= end:
            reason = f"the first fall, at epoch {warmup + 1}, {_never(spec)}: {TOO_FEW_EPOCHS}"
            yield ("schedule", "gamma"), schedule.gamma, reason
        case MultiStep():
            yield from _milestones(schedule, spec, end)
        case Plateau():
            yield from _plateau(schedule, spec, end)
    yield from _flat(schedule, spec.optimizer.learning_rate)
    if spec.batch_size == "full":
        yield from one_step_conflicts(spec)


def one_step_conflicts(spec: Hyperparameters) -> Iterator[Conflict]:
    """For runs whose epoch is a single step. A warm-up of one epoch then has no effect, and a fall of one epoch shows
    only its first value."""
    schedule, warmup = spec.schedule, spec.schedule.warmup_epochs
    if isinstance(schedule, Constant | MultiStep) and warmup == 1 < _end(spec):
        reason = "has no effect: an epoch is one step here, which already takes the whole learning rate: leave it out"
        yield ("schedule", "warmup_epochs"), warmup, reason
    if not isinstance(schedule, Cosine | Linear | Polynomial) or not _end(spec) == warmup + 1 == spec.epochs:
        return
    if schedule.final_learning_rate > 0:
        reason = f"the one step behind the warm-up takes the whole learning rate: {TOO_FEW_EPOCHS}"
        yield ("schedule", "final_learning_rate"), schedule.final_learning_rate, reason


def averaging_conflicts(spec: Hyperparameters) -> Iterator[Conflict]:
    """Of stochastic weight averaging."""
    swa, warmup = spec.regularisation.swa, spec.schedule.warmup_epochs
    if not swa:
        return
    path, start, last = ("regularisation", "swa", "start_epoch"), swa.start_epoch, spec.epochs - 1
    # A constant learning rate leaves the schedule an epoch before it; without one, two epochs are needed to average.
    least, most = (warmup, last - 1) if swa.learning_rate is None else (warmup + 1, last)
    mended = at_most(most, least, "set swa to null, or more epochs")
    if start > last:
        yield path, start, f"epoch {start} never comes: the epochs are 0 to {last}: {mended}"
    elif start == last and swa.learning_rate is None:
        yield path, start, f"the weights of one epoch are no average: {mended}"
    if start < warmup < spec.epochs:
        right = f"at least {least}" if least <= most else mended
        yield path, start, f"epoch {start} lies within the warm-up: {right}"
    elif start == warmup and swa.learning_rate is not None:
        when = "before it begins" if warmup else "from the first epoch on"
        later = "start later, or leave it out" if start < last else "leave it out"
        reason = f"takes the schedule's place {when}: {later}"
        yield ("regularisation", "swa", "learning_rate"), swa.learning_rate, reason
    elif isinstance(spec.schedule, Constant) and swa.learning_rate == spec.optimizer.learning_rate:
        reason = "the schedule constant has this learning rate anyway: take another, or leave it out"
        yield ("regularisation", "swa", "learning_rate"), swa.learning_rate, reason


def _end(spec: Hyperparameters) -> int:
    swa = spec.regularisation.swa
    return spec.epochs if swa is None or swa.learning_rate is None else min(swa.start_epoch, spec.epochs)


def _never(spec: Hyperparameters) -> str:
    """Why an epoch of the schedule's comes too late."""
    end = _end(spec)
    if end < spec.epochs:
        return f"never comes: from epoch {end} on, swa.learning_rate takes the schedule's place"
    return f"never comes: the epochs are 0 to {spec.epochs - 1}"


def _milestones(schedule: MultiStep, spec: Hyperparameters, end: int) -> Iterator[Conflict]:
    warmup, milestones = schedule.warmup_epochs, schedule.milestones
    last, first = len(milestones) - 1, milestones[0]
    if milestones[last] >= end:
        instead = "leave it out" if last else "more epochs, or another schedule"
        yield ("schedule", "milestones", last), milestones[last], f"epoch {milestones[last]} {_never(spec)}: {instead}"
    if first < warmup:
        reason = f"epoch {first} lies within the warm-up, which ends at {warmup}"
        yield ("schedule", "milestones", 0), first, f"{reason}: leave it out, or a shorter warm-up"


def _one_cycle(schedule: OneCycle, epochs: int, end: int) -> Iterator[Conflict]:
    if schedule.warmup_epochs:
        yield ("schedule", "warmup_epochs"), schedule.warmup_epochs, "one_cycle rises by itself: set rise"
    if end <= schedule.rise * epochs:
        reason = f"the learning rate would not have begun to fall at epoch {end}, where swa.learning_rate takes over"
        yield ("schedule", "rise"), schedule.rise, f"{reason}: lower it, or start swa later"
    if schedule.start_divisor == schedule.final_divisor == 1:
        yield ("schedule", "start_divisor"), 1.0, f"final_divisor is 1, too, {CONSTANT_INSTEAD}"


def _range_test(schedule: RangeTest, spec: Hyperparameters) -> Iterator[Conflict]:
    """It needs the loss of each step, and evaluates nothing."""
    peak, averaged = spec.optimizer.learning_rate, spec.regularisation
    if schedule.first_learning_rate >= peak:
        reason = f"not below the optimizer's learning rate of {plain(peak)}, to which it rises: raise that"
        yield ("schedule", "first_learning_rate"), schedule.first_learning_rate, reason
    if schedule.warmup_epochs:
        yield ("schedule", "warmup_epochs"), schedule.warmup_epochs, "range_test rises by itself: leave it out"
    if spec.logging_interval > 1:
        yield ("logging_interval",), spec.logging_interval, "range_test is read from the loss of each step: set it to 1"
    nothing = "a range test evaluates nothing: leave it out"
    if spec.evaluation_interval > 1:
        yield ("evaluation_interval",), spec.evaluation_interval, nothing
    if spec.validation_fraction:
        yield ("validation_fraction",), spec.validation_fraction, nothing
    if spec.validation_fold:
        yield ("validation_fold",), spec.validation_fold.model_dump(), nothing
    for name, part in (("ema", averaged.ema), ("swa", averaged.swa)):
        if part:
            yield ("regularisation", name), part.model_dump(), nothing


def _plateau(schedule: Plateau, spec: Hyperparameters, end: int) -> Iterator[Conflict]:
    """It acts after an epoch, and only the next one shows it. The first epoch after the warm-up sets what the loss must
    fall below; of the epochs behind it, `patience` are borne."""
    if schedule.watch == "validation_loss" and spec.validation_fold:
        yield ("schedule", "watch"), schedule.watch, NO_CHOICE_BY_FOLD
    elif schedule.watch == "validation_loss" and not spec.validation_fraction:
        yield ("schedule", "watch"), schedule.watch, NO_VALIDATION
    if schedule.watch != "train_loss" and spec.evaluation_interval > 1:
        reason = f"is measured every {spec.evaluation_interval} epochs: set evaluation_interval to 1"
        yield ("schedule", "watch"), schedule.watch, f"{schedule.watch} {reason}, or watch train_loss"
    most = end - schedule.warmup_epochs - 3
    if schedule.patience > most:
        reason = f"the run is over before it acts: {at_most(most, 0, TOO_FEW_EPOCHS)}"
        yield ("schedule", "patience"), schedule.patience, reason
        return
    if schedule.cooldown and 2 * schedule.patience + 1 > most:
        reason = "the run is over before the learning rate could fall twice: set it to 0, or lower patience"
        yield ("schedule", "cooldown"), schedule.cooldown, reason
    first = spec.optimizer.learning_rate * schedule.gamma
    if schedule.cooldown and first <= schedule.minimum * (1 + ROUNDING) < spec.optimizer.learning_rate:
        reason = f"the first fall reaches the minimum of {plain(schedule.minimum)}, and no other follows: set it to 0"
        yield ("schedule", "cooldown"), schedule.cooldown, reason


def _flat(schedule: AnySchedule, peak: float) -> Iterator[Conflict]:
    """A schedule that would not change the learning rate, or would raise it."""
    above = f"not below the optimizer's learning rate of {plain(peak)}, from which {{}}: {LOWER_OR_CONSTANT}"
    match schedule:
        case StepDecay(gamma=gamma) | MultiStep(gamma=gamma) | Exponential(gamma=gamma) if gamma == 1:
            yield ("schedule", "gamma"), gamma, f"1 changes nothing, {CONSTANT_INSTEAD}"
        case Cosine() | WarmRestarts() | Linear() | Polynomial() if schedule.final_learning_rate >= peak:
            reason = above.format(f"{schedule.name} descends")
            yield ("schedule", "final_learning_rate"), schedule.final_learning_rate, reason
        case Plateau(minimum=minimum) if minimum >= peak:
            yield ("schedule", "minimum"), minimum, above.format("it is lowered")
