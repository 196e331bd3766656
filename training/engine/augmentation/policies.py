"""AutoAugment, RandAugment and TrivialAugment: they choose operations for each sample, and their magnitudes.

Operations, magnitudes, signs and probabilities are those of torchvision.transforms.v2.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from training.engine.augmentation.learned import LEARNED
from training.engine.augmentation.operations import Operation, apply
from training.engine.counter_rng import Purpose, integers, uniforms
from training.spec import AutoAugment, Policy, RandAugment, TrivialAugment

STEPS = 31  # magnitudes from none to the strongest, of RandAugment and TrivialAugment
LEARNED_STEPS = 10  # those of AutoAugment
SIGNED = range(Operation.SHEAR_X, Operation.SHARPNESS + 1)  # operations that go either way, each as often


@dataclass(frozen=True, slots=True)
class Strongest:
    """What an operation's magnitude ends at; all begin at none."""

    shear: float  # tangent
    translate: float  # pixels
    rotate: float  # degrees
    factor: float  # of brightness, colour, contrast and sharpness, from 1
    posterize: int  # bits that are dropped

    def magnitudes(self, steps: int) -> Tensor:
        """Each operation's magnitudes, from none to the strongest: float64 [operations, steps]."""
        by_operation = torch.zeros(len(Operation), steps, dtype=torch.float64)
        factor = torch.linspace(0.0, self.factor, steps)
        for operations, values in (
            ((Operation.SHEAR_X, Operation.SHEAR_Y), torch.linspace(0.0, self.shear, steps)),
            ((Operation.TRANSLATE_X, Operation.TRANSLATE_Y), torch.linspace(0.0, self.translate, steps)),
            ((Operation.ROTATE,), torch.linspace(0.0, self.rotate, steps)),
            ((Operation.BRIGHTNESS, Operation.COLOR, Operation.CONTRAST, Operation.SHARPNESS), factor),
            ((Operation.POSTERIZE,), (8 - torch.arange(steps) / ((steps - 1) / self.posterize)).round()),
            ((Operation.SOLARIZE,), torch.linspace(1.0, 0.0, steps)),
        ):
            by_operation[list(operations)] = values.double()
        return by_operation


def usual(image_size: int) -> Strongest:
    """AutoAugment's and RandAugment's."""
    return Strongest(shear=0.3, translate=150 / 331 * image_size, rotate=30.0, factor=0.9, posterize=4)


WIDE = Strongest(shear=0.99, translate=32.0, rotate=135.0, factor=0.99, posterize=6)  # TrivialAugment's

Round = tuple[Tensor, Tensor]  # the operation of each sample, int64 [B], and its magnitude, float64 [B]


class Rounds(Protocol):
    """Draws what each sample goes through, one operation after the other."""

    def __call__(self, samples: Tensor, epoch: int) -> Iterator[Round]:
        """For `samples`, int64 [B], on the host."""
        ...


class TrivialRound:
    """One operation of 14, of any magnitude."""

    def __init__(self, seed: int) -> None:
        self._magnitudes = WIDE.magnitudes(STEPS)
        self._seed = seed

    def __call__(self, samples: Tensor, epoch: int) -> Iterator[Round]:
        """See Rounds."""
        operations = draw_operations(samples, self._seed, epoch)
        steps = integers(samples, STEPS, self._seed, epoch, Purpose.POLICY_MAGNITUDE)
        yield operations, self._magnitudes[operations, steps] * draw_signs(operations, samples, self._seed, epoch)


class RandomRounds:
    """Several operations of 14, all of one magnitude."""

    def __init__(self, spec: RandAugment, image_size: int, seed: int) -> None:
        self._magnitudes = usual(image_size).magnitudes(STEPS)[:, spec.magnitude]
        self._operations, self._seed = spec.operations, seed

    def __call__(self, samples: Tensor, epoch: int) -> Iterator[Round]:
        """See Rounds."""
        for number in range(self._operations):
            operations = draw_operations(samples, self._seed, epoch, number)
            signs = draw_signs(operations, samples, self._seed, epoch, number)
            yield operations, self._magnitudes[operations] * signs


class LearnedRounds:
    """One of 25 learned pairs, each operation with its probability."""

    def __init__(self, spec: AutoAugment, image_size: int, seed: int) -> None:
        pairs = LEARNED[spec.learned_on]
        self._operations = torch.tensor([[step.operation for step in pair] for pair in pairs])
        self._probabilities = torch.tensor([[step.probability for step in pair] for pair in pairs], dtype=torch.float64)
        steps = torch.tensor([[step.magnitude for step in pair] for pair in pairs])
        self._magnitudes = usual(image_size).magnitudes(LEARNED_STEPS)[self._operations, steps]
        self._seed = seed

    def __call__(self, samples: Tensor, epoch: int) -> Iterator[Round]:
        """See Rounds."""
        pairs = integers(samples, len(self._operations), self._seed, epoch, Purpose.POLICY_CHOICE)
        for number in range(2):
            operations = self._operations[pairs, number]
            signs = draw_signs(operations, samples, self._seed, epoch, number)
            chances = uniforms(samples, self._seed, epoch, Purpose.POLICY_CHANCE, number)
            happens = chances < self._probabilities[pairs, number]
            yield torch.where(happens, operations, Operation.IDENTITY), self._magnitudes[pairs, number] * signs


class RandomPolicy:
    """Puts a batch through what a policy draws."""

    def __init__(self, spec: Policy, image_size: int, seed: int) -> None:
        self.rounds: Rounds
        match spec:
            case TrivialAugment():
                self.rounds = TrivialRound(seed)
            case RandAugment():
                self.rounds = RandomRounds(spec, image_size, seed)
            case AutoAugment():
                self.rounds = LearnedRounds(spec, image_size, seed)

    def __call__(self, images: Tensor, samples: Tensor, epoch: int) -> Tensor:
        """See Change."""
        for operations, magnitudes in self.rounds(samples, epoch):
            images = apply(images, operations, magnitudes)
        return images


def draw_operations(samples: Tensor, seed: int, epoch: int, number: int = 0) -> Tensor:
    """One of the 14 of RandAugment and TrivialAugment, which do not invert: int64 [B]."""
    drawn = integers(samples, len(Operation) - 1, seed, epoch, Purpose.POLICY_CHOICE, number)
    return torch.where(drawn == Operation.INVERT, Operation.IDENTITY, drawn)


def draw_signs(operations: Tensor, samples: Tensor, seed: int, epoch: int, number: int = 0) -> Tensor:
    """1 or -1, and 1 for operations that go one way only: int64 [B]."""
    negative = integers(samples, 2, seed, epoch, Purpose.POLICY_SIGN, number).bool()
    return torch.where(negative & (operations < SIGNED.stop), -1, 1)
