"""AutoAugment's learned pairs of operations (Cubuk et al. 2018, arXiv:1805.09501, tables 7 to 9), as in torchvision."""

from typing import NamedTuple

from training.engine.augmentation.operations import Operation


class Step(NamedTuple):
    """One of a pair."""

    operation: Operation
    probability: float
    magnitude: int = 0  # of ten, from none to the strongest; nothing where the operation has none


(
    SHEAR_X,
    SHEAR_Y,
    TRANSLATE_X,
    TRANSLATE_Y,
    ROTATE,
    BRIGHTNESS,
    COLOR,
    CONTRAST,
    SHARPNESS,
    POSTERIZE,
    SOLARIZE,
    AUTO_CONTRAST,
    EQUALIZE,
    INVERT,
    _,
) = Operation

Pairs = tuple[tuple[Step, Step], ...]

CIFAR10: Pairs = (
    (Step(INVERT, 0.1), Step(CONTRAST, 0.2, 6)),
    (Step(ROTATE, 0.7, 2), Step(TRANSLATE_X, 0.3, 9)),
    (Step(SHARPNESS, 0.8, 1), Step(SHARPNESS, 0.9, 3)),
    (Step(SHEAR_Y, 0.5, 8), Step(TRANSLATE_Y, 0.7, 9)),
    (Step(AUTO_CONTRAST, 0.5), Step(EQUALIZE, 0.9)),
    (Step(SHEAR_Y, 0.2, 7), Step(POSTERIZE, 0.3, 7)),
    (Step(COLOR, 0.4, 3), Step(BRIGHTNESS, 0.6, 7)),
    (Step(SHARPNESS, 0.3, 9), Step(BRIGHTNESS, 0.7, 9)),
    (Step(EQUALIZE, 0.6), Step(EQUALIZE, 0.5)),
    (Step(CONTRAST, 0.6, 7), Step(SHARPNESS, 0.6, 5)),
    (Step(COLOR, 0.7, 7), Step(TRANSLATE_X, 0.5, 8)),
    (Step(EQUALIZE, 0.3), Step(AUTO_CONTRAST, 0.4)),
    (Step(TRANSLATE_Y, 0.4, 3), Step(SHARPNESS, 0.2, 6)),
    (Step(BRIGHTNESS, 0.9, 6), Step(COLOR, 0.2, 8)),
    (Step(SOLARIZE, 0.5, 2), Step(INVERT, 0.0)),
    (Step(EQUALIZE, 0.2), Step(AUTO_CONTRAST, 0.6)),
    (Step(EQUALIZE, 0.2), Step(EQUALIZE, 0.6)),
    (Step(COLOR, 0.9, 9), Step(EQUALIZE, 0.6)),
    (Step(AUTO_CONTRAST, 0.8), Step(SOLARIZE, 0.2, 8)),
    (Step(BRIGHTNESS, 0.1, 3), Step(COLOR, 0.7, 0)),
    (Step(SOLARIZE, 0.4, 5), Step(AUTO_CONTRAST, 0.9)),
    (Step(TRANSLATE_Y, 0.9, 9), Step(TRANSLATE_Y, 0.7, 9)),
    (Step(AUTO_CONTRAST, 0.9), Step(SOLARIZE, 0.8, 3)),
    (Step(EQUALIZE, 0.8), Step(INVERT, 0.1)),
    (Step(TRANSLATE_Y, 0.7, 9), Step(AUTO_CONTRAST, 0.9)),
)
IMAGENET: Pairs = (
    (Step(POSTERIZE, 0.4, 8), Step(ROTATE, 0.6, 9)),
    (Step(SOLARIZE, 0.6, 5), Step(AUTO_CONTRAST, 0.6)),
    (Step(EQUALIZE, 0.8), Step(EQUALIZE, 0.6)),
    (Step(POSTERIZE, 0.6, 7), Step(POSTERIZE, 0.6, 6)),
    (Step(EQUALIZE, 0.4), Step(SOLARIZE, 0.2, 4)),
    (Step(EQUALIZE, 0.4), Step(ROTATE, 0.8, 8)),
    (Step(SOLARIZE, 0.6, 3), Step(EQUALIZE, 0.6)),
    (Step(POSTERIZE, 0.8, 5), Step(EQUALIZE, 1.0)),
    (Step(ROTATE, 0.2, 3), Step(SOLARIZE, 0.6, 8)),
    (Step(EQUALIZE, 0.6), Step(POSTERIZE, 0.4, 6)),
    (Step(ROTATE, 0.8, 8), Step(COLOR, 0.4, 0)),
    (Step(ROTATE, 0.4, 9), Step(EQUALIZE, 0.6)),
    (Step(EQUALIZE, 0.0), Step(EQUALIZE, 0.8)),
    (Step(INVERT, 0.6), Step(EQUALIZE, 1.0)),
    (Step(COLOR, 0.6, 4), Step(CONTRAST, 1.0, 8)),
    (Step(ROTATE, 0.8, 8), Step(COLOR, 1.0, 2)),
    (Step(COLOR, 0.8, 8), Step(SOLARIZE, 0.8, 7)),
    (Step(SHARPNESS, 0.4, 7), Step(INVERT, 0.6)),
    (Step(SHEAR_X, 0.6, 5), Step(EQUALIZE, 1.0)),
    (Step(COLOR, 0.4, 0), Step(EQUALIZE, 0.6)),
    (Step(EQUALIZE, 0.4), Step(SOLARIZE, 0.2, 4)),
    (Step(SOLARIZE, 0.6, 5), Step(AUTO_CONTRAST, 0.6)),
    (Step(INVERT, 0.6), Step(EQUALIZE, 1.0)),
    (Step(COLOR, 0.6, 4), Step(CONTRAST, 1.0, 8)),
    (Step(EQUALIZE, 0.8), Step(EQUALIZE, 0.6)),
)
SVHN: Pairs = (
    (Step(SHEAR_X, 0.9, 4), Step(INVERT, 0.2)),
    (Step(SHEAR_Y, 0.9, 8), Step(INVERT, 0.7)),
    (Step(EQUALIZE, 0.6), Step(SOLARIZE, 0.6, 6)),
    (Step(INVERT, 0.9), Step(EQUALIZE, 0.6)),
    (Step(EQUALIZE, 0.6), Step(ROTATE, 0.9, 3)),
    (Step(SHEAR_X, 0.9, 4), Step(AUTO_CONTRAST, 0.8)),
    (Step(SHEAR_Y, 0.9, 8), Step(INVERT, 0.4)),
    (Step(SHEAR_Y, 0.9, 5), Step(SOLARIZE, 0.2, 6)),
    (Step(INVERT, 0.9), Step(AUTO_CONTRAST, 0.8)),
    (Step(EQUALIZE, 0.6), Step(ROTATE, 0.9, 3)),
    (Step(SHEAR_X, 0.9, 4), Step(SOLARIZE, 0.3, 3)),
    (Step(SHEAR_Y, 0.8, 8), Step(INVERT, 0.7)),
    (Step(EQUALIZE, 0.9), Step(TRANSLATE_Y, 0.6, 6)),
    (Step(INVERT, 0.9), Step(EQUALIZE, 0.6)),
    (Step(CONTRAST, 0.3, 3), Step(ROTATE, 0.8, 4)),
    (Step(INVERT, 0.8), Step(TRANSLATE_Y, 0.0, 2)),
    (Step(SHEAR_Y, 0.7, 6), Step(SOLARIZE, 0.4, 8)),
    (Step(INVERT, 0.6), Step(ROTATE, 0.8, 4)),
    (Step(SHEAR_Y, 0.3, 7), Step(TRANSLATE_X, 0.9, 3)),
    (Step(SHEAR_X, 0.1, 6), Step(INVERT, 0.6)),
    (Step(SOLARIZE, 0.7, 2), Step(TRANSLATE_Y, 0.6, 7)),
    (Step(SHEAR_Y, 0.8, 4), Step(INVERT, 0.8)),
    (Step(SHEAR_X, 0.7, 9), Step(TRANSLATE_Y, 0.8, 3)),
    (Step(SHEAR_Y, 0.8, 5), Step(AUTO_CONTRAST, 0.7)),
    (Step(SHEAR_X, 0.7, 2), Step(INVERT, 0.1)),
)

LEARNED = {"cifar10": CIFAR10, "imagenet": IMAGENET, "svhn": SVHN}
