"""Conflicts: fields of a spec that contradict other fields or the data, each with its path and what would be right.

A field that would have no effect is a conflict as well: nothing that was asked for is ignored.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from training.number_format import plain
from training.spec.architecture import SMALLEST_IMAGE_FOR_IMAGENET_STEM, ResNet, ResNext
from training.spec.hyperparameters import Hyperparameters
from training.spec.optimizer import GradientDescent
from training.spec.part import Conflict, at_most, conflicts_within
from training.spec.schedule_conflicts import (
    NO_CHOICE_BY_FOLD,
    NO_VALIDATION,
    averaging_conflicts,
    one_step_conflicts,
    schedule_conflicts,
)
from training.spec.starting_conflicts import starting_conflicts


@dataclass(frozen=True, slots=True)
class DataShape:
    """The numbers of a data set that a spec is checked against. Its images are square."""

    train_images: int  # those that a spec splits off for validation included
    test_images: int
    classes: int
    image_size: int  # side in pixels
    channels: int  # 1 for grey, 3 for RGB


def _even(number: int) -> int:
    return number - number % 2


def inner_conflicts(spec: Hyperparameters) -> Iterator[Conflict]:
    """Conflicts between fields of the spec, whatever the data is."""
    yield from conflicts_within(spec)
    yield from schedule_conflicts(spec)
    yield from averaging_conflicts(spec)
    yield from _batch(spec)
    yield from _early_stopping(spec)
    yield from _fold(spec)
    yield from starting_conflicts(spec)


def published_conflicts(spec: Hyperparameters) -> Iterator[Conflict]:
    """Fields without effect on a known data set: its images are square, and none is broken."""
    if spec.resize != "crop":
        yield ("resize",), spec.resize, f"the images of {spec.dataset} are square already: leave it out"
    if spec.unreadable_images != "refuse":
        yield ("unreadable_images",), spec.unreadable_images, f"{spec.dataset} has no broken image: leave it out"


def data_conflicts(spec: Hyperparameters, data: DataShape) -> Iterator[Conflict]:
    """Conflicts with data of this shape."""
    yield from _splits(spec, data.train_images, data.test_images)
    yield from _sizes(spec, data.image_size)
    if data.channels == 1:
        yield from _grey(spec)
    if data.classes == 1:
        yield from _one_class(spec)


def count_conflicts(spec: Hyperparameters, train_images: int, test_images: int) -> Iterator[Conflict]:
    """Conflicts with at most so many images, of which nothing else is known but the size that `spec` gives them."""
    yield from _splits(spec, train_images, test_images)
    if spec.image_size is not None:
        yield from _sizes(spec, spec.image_size)


def _batch(spec: Hyperparameters) -> Iterator[Conflict]:
    batch, micro, needed = spec.batch_size, spec.micro_batch_size, 2 * spec.devices
    if isinstance(spec.optimizer, GradientDescent) and batch != "full":
        yield ("batch_size",), batch, 'gd takes all training images a step: set "full", or take sgd'
    if isinstance(batch, int) and batch < needed:
        reason = f"a batch of {batch} does not give two images to each of {spec.devices}: at most {batch // 2}"
        yield ("devices",), spec.devices, reason
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
        yield ("micro_batch_size",), micro, f"larger than the batch: at most {_even(batch) if mixed else batch}"
    if micro < needed and not (isinstance(batch, int) and batch < needed):
        reason = f"does not give two images to each of {spec.devices} devices: at least {needed}"
        yield ("micro_batch_size",), micro, reason


def _early_stopping(spec: Hyperparameters) -> Iterator[Conflict]:
    """Early stopping follows the validation accuracy, and can only act between two evaluations."""
    stopping = spec.regularisation.early_stopping
    if not stopping:
        return
    path = ("regularisation", "early_stopping")
    if spec.validation_fold:
        yield path, stopping.model_dump(), NO_CHOICE_BY_FOLD
    elif not spec.validation_fraction:
        yield path, stopping.model_dump(), NO_VALIDATION
    interval = spec.evaluation_interval
    before_the_last = math.ceil(spec.epochs / interval) - 1  # evaluations, that of the last epoch left out
    most = (before_the_last - 1) * interval
    if most < 1:
        reason = f"of {spec.epochs} epochs, fewer than two are evaluated before the last, and nothing is left to stop"
        yield path, stopping.model_dump(), f"{reason}: more epochs, lower evaluation_interval, or set it to null"
    elif stopping.patience > most:
        reason = f"the run of {spec.epochs} epochs is over before it acts: at most {most}"
        yield (*path, "patience"), stopping.patience, reason


def _fold(spec: Hyperparameters) -> Iterator[Conflict]:
    if spec.validation_fold and spec.validation_fraction:
        reason = "validation_fold says already what is held out: leave one of them out"
        yield ("validation_fraction",), spec.validation_fraction, reason


def _splits(spec: Hyperparameters, train_images: int, test_images: int) -> Iterator[Conflict]:
    fold = spec.validation_fold
    if fold and train_images < fold.of:
        reason = f"{train_images} training images are not enough for {fold.of} parts: at most {train_images}"
        yield ("validation_fold", "of"), fold.of, reason
        return
    validation = spec.held_out_images(train_images)
    train, batch, devices = train_images - validation, spec.batch_size, spec.devices
    if train < 2 <= train_images:
        reason = f"leaves {train} of {train_images} images to train on"
        if fold:
            yield ("validation_fold",), fold.model_dump(), f"{reason}: leave it out"
        else:
            yield ("validation_fraction",), spec.validation_fraction, f"{reason}: take a smaller one, or 0"
        return
    if isinstance(batch, int) and train - batch in (0, 1):  # a single image that is left over joins the batch
        yield from one_step_conflicts(spec)
    if train < 2:
        are = "image is" if train == 1 else "images are"
        yield ("dataset",), spec.dataset, f"{train} training {are} not enough: two, for batches to be normalised"
        return
    if isinstance(batch, int) and batch > train:
        mixed = spec.augmentation.mixup or spec.augmentation.cutmix
        most = _even(train) if mixed else train
        yield ("batch_size",), batch, f"a batch of {batch} is larger than the training set: at most {most}"
    if spec.validation_fraction and validation < 1:
        reason = f"leaves no validation image of {train_images}: take a larger one, or 0"
        yield ("validation_fraction",), spec.validation_fraction, reason
    # The images of each split are distributed over devices in pairs.
    for images, kind in ((train, "training"), (test_images, "test"), (validation, "validation")):
        if images < 2 * devices and (devices > 1 or kind == "training") and (images or kind != "validation"):
            reason = f"{images} {kind} images do not give two to each of {devices} devices"
            yield ("devices",), devices, f"{reason}: at most {max(1, images // 2)}"


def _sizes(spec: Hyperparameters, image_size: int) -> Iterator[Conflict]:
    yield from _stem(spec, image_size)
    yield from _pixels(spec, image_size)
    yield from _erasing(spec, image_size)


def _stem(spec: Hyperparameters, image_size: int) -> Iterator[Conflict]:
    """The stem and three strides of 2 halve the image, which must be large enough."""
    architecture = spec.architecture
    if not isinstance(architecture, ResNet | ResNext) or architecture.stem_for(image_size) == "cifar":
        return
    if image_size < SMALLEST_IMAGE_FOR_IMAGENET_STEM:
        reason = f"{image_size} x {image_size} pixels are a single one before the last stage: take the cifar stem, or"
        yield ("architecture", "stem"), architecture.stem, f"{reason} images of {SMALLEST_IMAGE_FOR_IMAGENET_STEM}"


def _pixels(spec: Hyperparameters, image_size: int) -> Iterator[Conflict]:
    crop, cutout = spec.augmentation.crop, spec.augmentation.cutout
    if crop and crop.padding >= image_size:
        most = at_most(image_size - 1, 1, "leave crop out")
        reason = f"{crop.padding} pixels are as large as the image: {most}"
        yield ("augmentation", "crop", "padding"), crop.padding, reason
    if cutout and cutout.size > 2 * image_size - 2:
        most = at_most(2 * image_size - 2, 1, "leave cutout out")
        reason = f"{cutout.size} pixels always wipe out the whole image: {most}"
        yield ("augmentation", "cutout", "size"), cutout.size, reason


def _erasing(spec: Hyperparameters, image_size: int) -> Iterator[Conflict]:
    """A rectangle is at least one pixel high and wide, and at least one pixel less than the image."""
    erasing = spec.augmentation.erasing
    if not erasing:
        return
    pixels = f"{image_size} x {image_size} pixels"
    if image_size == 1:
        yield ("augmentation", "erasing"), erasing.model_dump(), f"{pixels} have no part to erase: leave erasing out"
        return
    # Rounded to where they still hold.
    most = math.floor(1e4 * ((image_size - 1) / image_size) ** 2) / 1e4
    least = math.ceil(1e6 / image_size**2) / 1e6
    if erasing.smallest_area > ((image_size - 1) / image_size) ** 2:
        reason = f"no rectangle so large lies within {pixels}: at most {plain(most)}"
        yield ("augmentation", "erasing", "smallest_area"), erasing.smallest_area, reason
    if erasing.largest_area < 1 / image_size**2:
        reason = f"less than a pixel of {image_size} x {image_size}: at least {plain(least)}"
        yield ("augmentation", "erasing", "largest_area"), erasing.largest_area, reason


def _grey(spec: Hyperparameters) -> Iterator[Conflict]:
    colour = spec.augmentation.colour
    for field, value in (("saturation", colour.saturation), ("hue", colour.hue)) if colour else ():
        if value:
            yield ("augmentation", "colour", field), value, f"the images are grey and have no {field}: set it to 0"


def _one_class(spec: Hyperparameters) -> Iterator[Conflict]:
    """With one class all labels are equal, so that mixing and smoothing them has no effect."""
    reason = "the data has one class, whose label cannot be mixed with another's: leave it out"
    for field, part in (("mixup", spec.augmentation.mixup), ("cutmix", spec.augmentation.cutmix)):
        if part:
            yield ("augmentation", field), part.model_dump(), reason
    if smoothing := spec.regularisation.label_smoothing:
        yield ("regularisation", "label_smoothing"), smoothing, reason
