"""What a spec says about its curves: what lifts the train loss, which learning rate is usual, what the schedule does.

The usual learning rate is the default of the optimizer, from its paper (training/spec/optimizer.py), at a batch of 128.
For another batch it is scaled: linearly for those that follow the gradient (Goyal et al. 2017, arXiv:1706.02677), by
the root for those that divide by its size (Malladi et al. 2022, arXiv:2205.10287); by a factor of 8 at most, since
larger ones do not hold.
"""

from collections.abc import Iterator
from typing import Any

from training.spec import ResolvedSpec

USUAL_BATCH = 128
LARGEST_SCALE = 8.0
# Whose step grows with the gradient. Their rate also has to make up for a momentum that they do not have.
FOLLOW_GRADIENT = ("gd", "sgd", "momentum", "nesterov")
USUAL_MOMENTUM = 0.9
# Schedules that bring the learning rate down to almost nothing by the end of the planned run.
ANNEALING = ("cosine", "linear", "polynomial", "one_cycle")


def lifts_train_loss(spec: ResolvedSpec) -> list[str]:
    """What makes this spec's training images harder than its test images, in words."""
    return [*_augmentations(spec), *_regularisations(spec)]


def _augmentations(spec: ResolvedSpec) -> Iterator[str]:
    augmentation = spec.augmentation
    if augmentation.mixup:
        yield "mixup"
    if augmentation.cutmix:
        yield "CutMix"
    light = (augmentation.crop, augmentation.flip, augmentation.rotation, augmentation.colour)
    heavy = (augmentation.resized_crop, augmentation.policy, augmentation.cutout, augmentation.erasing)
    if any(light) or any(heavy):
        yield "augmentation"


def _regularisations(spec: ResolvedSpec) -> Iterator[str]:
    if spec.regularisation.label_smoothing:
        yield "label smoothing"
    architecture = spec.architecture
    for field, name in (
        ("dropout", "dropout"),
        ("stochastic_depth", "stochastic depth"),
        ("shake_drop", "ShakeDrop"),
        ("block_dropout", "dropout in blocks"),
    ):
        if getattr(architecture, field, 0):
            yield name
    if spec.regularisation.ema or spec.regularisation.swa:
        yield "averaged weights, which are tested and not trained"


def mixes_labels(spec: ResolvedSpec | None) -> bool:
    """Whether its train loss cannot come near 0, and its train accuracy is of mixed images."""
    return bool(spec and (spec.augmentation.mixup or spec.augmentation.cutmix or spec.regularisation.label_smoothing))


def usual_learning_rate(spec: ResolvedSpec, train_images: int | None) -> float:
    """The one that is usual for its optimizer and its batch size."""
    optimizer = spec.optimizer
    default = float(type(optimizer).model_fields["learning_rate"].default)
    batch = spec.batch_size if isinstance(spec.batch_size, int) else (train_images or USUAL_BATCH)
    scale = batch / USUAL_BATCH
    if optimizer.name not in FOLLOW_GRADIENT:
        scale **= 0.5
    else:
        momentum = float(getattr(optimizer, "momentum", 0.0))
        default *= min(5.0, (1 - momentum) / (1 - USUAL_MOMENTUM))
    return default * min(LARGEST_SCALE, max(1 / LARGEST_SCALE, scale))


def learning_rate_ratio(spec: ResolvedSpec | None, train_images: int | None) -> float | None:
    """How many times the usual one its learning rate is; None: unknown."""
    return spec.optimizer.learning_rate / usual_learning_rate(spec, train_images) if spec else None


def is_annealed(spec: ResolvedSpec) -> bool:
    """Whether its schedule ends near 0, so that a curve that is flat at the end says nothing."""
    schedule: Any = spec.schedule
    final = getattr(schedule, "final_learning_rate", 0.0)
    return schedule.name in ANNEALING and final <= 0.1 * spec.optimizer.learning_rate
