"""What, in a spec, does not go with what else it says, or with the data: each with its path and what would be right.

A field that would have no effect is a conflict, too: nothing that was asked for is ignored.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from training.spec.architecture import SMALLEST_IMAGE_FOR_IMAGENET_STEM, ResNet, ResNext
from training.spec.hyperparameters import Hyperparameters
from training.spec.optimizer import GradientDescent
from training.spec.part import Conflict
from training.spec.schedule import (
    AnySchedule,
    Cosine,
    Linear,
    MultiStep,
    OneCycle,
    Plateau,
    Polynomial,
    StepDecay,
    WarmRestarts,
)

NO_VALIDATION = "nothing is split off to validate on: set validation_fraction"


@dataclass(frozen=True, slots=True)
class DataShape:
    """A data set as far as a spec may not fit it. Its images are square."""

    train_images: int  # those that a spec splits off for validation included
    test_images: int
    classes: int
    image_size: int  # side in pixels
    channels: int  # 1 for grey, 3 for RGB


def inner_conflicts(spec: Hyperparameters) -> Iterator[Conflict]:
    """What cannot be whatever the data is."""
    yield from _schedule(spec)
    yield from _batch(spec)
    yield from _evaluation(spec)
    yield from _stochastic_average(spec)


def data_conflicts(spec: Hyperparameters, data: DataShape) -> Iterator[Conflict]:
    """What cannot be with data of this shape."""
    yield from _splits(spec, data.train_images, data.test_images)
    yield from _sizes(spec, data.image_size)
    if data.channels == 1:
        yield from _grey(spec)
    if data.classes == 1:
        yield from _one_class(spec)


def count_conflicts(spec: Hyperparameters, train_images: int, test_images: int) -> Iterator[Conflict]:
    """What cannot be with so many images, or fewer, of which no more is known than the size that `spec` gives them."""
    yield from _splits(spec, train_images, test_images)
    if spec.image_size is not None:
        yield from _sizes(spec, spec.image_size)


def _schedule(spec: Hyperparameters) -> Iterator[Conflict]:
    schedule, epochs, peak = spec.schedule, spec.epochs, spec.optimizer.learning_rate
    warmup = schedule.warmup_epochs
    if warmup >= epochs:
        reason = f"a warm-up of {warmup} epochs leaves none of {epochs}: at most {epochs - 1}"
        yield ("schedule", "warmup_epochs"), warmup, reason
        return
    match schedule:
        case OneCycle() if warmup:
            yield ("schedule", "warmup_epochs"), warmup, "one_cycle rises by itself: set rise"
        case StepDecay(step_epochs=each) if warmup + each >= epochs:
            reason = f"the first step, at epoch {warmup + each}, never comes: the epochs are 0 to {epochs - 1}"
            yield ("schedule", "step_epochs"), each, reason
        case WarmRestarts(first_cycle_epochs=each) if warmup + each > epochs:
            yield ("schedule", "first_cycle_epochs"), each, f"does not end within the run: at most {epochs - warmup}"
        case _:
            yield from _milestones(schedule, epochs)
    match schedule:
        case Cosine() | WarmRestarts() | Linear() | Polynomial() if schedule.final_learning_rate > peak:
            reason = f"above the optimizer's learning rate of {peak}, from which {schedule.name} descends"
            yield ("schedule", "final_learning_rate"), schedule.final_learning_rate, reason
        case Plateau(watch=watch, minimum=minimum, patience=patience):
            if watch == "validation_loss" and not spec.validation_fraction:
                yield ("schedule", "watch"), watch, NO_VALIDATION
            if watch != "train_loss" and spec.evaluation_interval > 1:
                reason = f"is measured every {spec.evaluation_interval} epochs: set evaluation_interval to 1"
                yield ("schedule", "watch"), watch, f"{watch} {reason}, or watch train_loss"
            if patience + 1 >= epochs:
                reason = f"the run is over before it acts: at most {epochs - 2}, or another schedule"
                yield ("schedule", "patience"), patience, reason
            if minimum > peak:
                yield ("schedule", "minimum"), minimum, f"above the optimizer's learning rate of {peak}"


def _milestones(schedule: AnySchedule, epochs: int) -> Iterator[Conflict]:
    if not isinstance(schedule, MultiStep):
        return
    warmup, milestones = schedule.warmup_epochs, schedule.milestones
    last, first = len(milestones) - 1, milestones[0]
    if milestones[last] >= epochs:
        reason = f"epoch {milestones[last]} never comes: the epochs are 0 to {epochs - 1}"
        yield ("schedule", "milestones", last), milestones[last], reason
    if first < warmup:
        yield ("schedule", "milestones", 0), first, f"epoch {first} lies within the warm-up: at least {warmup}"


def _batch(spec: Hyperparameters) -> Iterator[Conflict]:
    batch, micro, needed = spec.batch_size, spec.micro_batch_size, 2 * spec.devices
    if isinstance(spec.optimizer, GradientDescent) and batch != "full":
        yield ("batch_size",), batch, 'gd takes all training images a step: set "full", or take sgd'
    if isinstance(batch, int) and batch < needed:
        yield ("devices",), spec.devices, f"a batch of {batch} does not give two images to each of {spec.devices}"
    mixed = spec.augmentation.mixup or spec.augmentation.cutmix
    for field, size in (("batch_size", batch), ("micro_batch_size", micro)):
        if mixed and isinstance(size, int) and size % 2:
            reason = "images are mixed in pairs, and an odd number would leave one out: take an even one"
            yield (field,), size, reason
    if spec.devices > 1 and spec.compile == "on":
        yield (
            ("compile",),
            spec.compile,
            "what devices say to each other is not compiled: take auto or off, or one device",
        )
    if micro is None:
        return
    if isinstance(batch, int) and micro > batch:
        yield ("micro_batch_size",), micro, f"larger than the batch: at most {batch}"
    if micro < needed:
        reason = f"does not give two images to each of {spec.devices} devices: at least {needed}"
        yield ("micro_batch_size",), micro, reason


def _evaluation(spec: Hyperparameters) -> Iterator[Conflict]:
    """What follows the figures of the validation split."""
    stopping = spec.regularisation.early_stopping
    if not stopping:
        return
    path = ("regularisation", "early_stopping")
    if not spec.validation_fraction:
        yield path, stopping.model_dump(), NO_VALIDATION
    elif stopping.patience >= spec.epochs:
        reason = f"the run of {spec.epochs} epochs is over before it acts: at most {spec.epochs - 1}"
        yield (*path, "patience"), stopping.patience, reason
    if spec.evaluation_interval >= spec.epochs:
        reason = f"only the last of {spec.epochs} epochs is evaluated, and nothing is left to stop"
        yield path, stopping.model_dump(), f"{reason}: lower evaluation_interval, or set it to null"


def _stochastic_average(spec: Hyperparameters) -> Iterator[Conflict]:
    swa = spec.regularisation.swa
    if not swa:
        return
    path, warmup = ("regularisation", "swa", "start_epoch"), spec.schedule.warmup_epochs
    if swa.start_epoch >= spec.epochs:
        yield path, swa.start_epoch, f"epoch {swa.start_epoch} never comes: the epochs are 0 to {spec.epochs - 1}"
    if swa.learning_rate is not None and swa.start_epoch == 0:
        reason = "takes the schedule's place from the first epoch on: start later, or leave it out"
        yield ("regularisation", "swa", "learning_rate"), swa.learning_rate, reason
    if swa.start_epoch < warmup:
        yield path, swa.start_epoch, f"epoch {swa.start_epoch} lies within the warm-up: at least {warmup}"


def _splits(spec: Hyperparameters, train_images: int, test_images: int) -> Iterator[Conflict]:
    validation = round(train_images * spec.validation_fraction)
    train, batch, devices = train_images - validation, spec.batch_size, spec.devices
    if train < 2:
        yield ("dataset",), spec.dataset, f"{train} training image is not enough: two, for batches to be normalised"
        return
    if isinstance(batch, int) and batch > train:
        yield ("batch_size",), batch, f"a batch of {batch} is larger than the training set: at most {train}"
    if spec.validation_fraction and validation < 1:
        reason = f"leaves no validation image of {train_images}"
        yield ("validation_fraction",), spec.validation_fraction, reason
    # Whatever is learned of or evaluated is shared out in pairs.
    for images, kind in ((train, "training"), (test_images, "test"), (validation, "validation")):
        if images < 2 * devices and (devices > 1 or kind == "training") and (images or kind != "validation"):
            yield ("devices",), devices, f"{images} {kind} images do not give two to each of {devices} devices"


def _sizes(spec: Hyperparameters, image_size: int) -> Iterator[Conflict]:
    yield from _stem(spec, image_size)
    yield from _pixels(spec, image_size)
    yield from _erasing(spec, image_size)


def _stem(spec: Hyperparameters, image_size: int) -> Iterator[Conflict]:
    """The stem and three strides of 2 must find something to halve."""
    architecture = spec.architecture
    if not isinstance(architecture, ResNet | ResNext) or architecture.stem_for(image_size) == "cifar":
        return
    if image_size < SMALLEST_IMAGE_FOR_IMAGENET_STEM:
        reason = f"{image_size} x {image_size} pixels are a single one before the last stage: take the cifar stem, or"
        yield ("architecture", "stem"), architecture.stem, f"{reason} images of {SMALLEST_IMAGE_FOR_IMAGENET_STEM}"


def _pixels(spec: Hyperparameters, image_size: int) -> Iterator[Conflict]:
    crop, cutout = spec.augmentation.crop, spec.augmentation.cutout
    if crop and crop.padding >= image_size:
        reason = f"{crop.padding} pixels are as large as the image: at most {image_size - 1}"
        yield ("augmentation", "crop", "padding"), crop.padding, reason
    if cutout and cutout.size > 2 * image_size - 2:
        reason = f"{cutout.size} pixels always wipe out the whole image: at most {2 * image_size - 2}"
        yield ("augmentation", "cutout", "size"), cutout.size, reason


def _erasing(spec: Hyperparameters, image_size: int) -> Iterator[Conflict]:
    """A rectangle is at least one pixel high and wide, and at least one pixel less than the image."""
    erasing = spec.augmentation.erasing
    if not erasing:
        return
    most = ((image_size - 1) / image_size) ** 2
    least = 1 / image_size**2
    if erasing.smallest_area > most:
        reason = f"no rectangle so large lies within {image_size} x {image_size} pixels: at most {most:.4g}"
        yield ("augmentation", "erasing", "smallest_area"), erasing.smallest_area, reason
    if erasing.largest_area < least:
        reason = f"less than a pixel of {image_size} x {image_size}: at least {math.ceil(1e6 * least) / 1e6:.4g}"
        yield ("augmentation", "erasing", "largest_area"), erasing.largest_area, reason


def _grey(spec: Hyperparameters) -> Iterator[Conflict]:
    colour = spec.augmentation.colour
    for field, value in (("saturation", colour.saturation), ("hue", colour.hue)) if colour else ():
        if value:
            yield ("augmentation", "colour", field), value, f"the images are grey and have no {field}: set it to 0"


def _one_class(spec: Hyperparameters) -> Iterator[Conflict]:
    """Where every label is the same, mixing and smoothing labels does nothing."""
    reason = "the data has one class, whose label cannot be mixed with another's: leave it out"
    for field, part in (("mixup", spec.augmentation.mixup), ("cutmix", spec.augmentation.cutmix)):
        if part:
            yield ("augmentation", field), part.model_dump(), reason
    if smoothing := spec.regularisation.label_smoothing:
        yield ("regularisation", "label_smoothing"), smoothing, reason
