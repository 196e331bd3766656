from collections.abc import Callable

import pytest
import torch
from scipy import stats
from torch import Tensor
from torchvision.transforms import v2
from torchvision.transforms.v2 import AutoAugmentPolicy, InterpolationMode

from tests.training.pictures import differences, pictures, planes
from training.engine.augmentation.learned import LEARNED
from training.engine.augmentation.operations import Operation, apply
from training.engine.augmentation.policies import (
    LEARNED_STEPS,
    SIGNED,
    STEPS,
    WIDE,
    LearnedRounds,
    RandomPolicy,
    RandomRounds,
    Strongest,
    TrivialRound,
    usual,
)
from training.spec import AutoAugment, Policy, RandAugment, TrivialAugment

SAMPLES = torch.arange(28_000)
NAMES = {operation: operation.name.title().replace("_", "") for operation in Operation}  # torchvision's: ShearX
POLICIES: list[Policy] = [
    TrivialAugment(),
    RandAugment(),
    RandAugment(operations=3, magnitude=30),
    AutoAugment(learned_on="cifar10"),
    AutoAugment(learned_on="imagenet"),
    AutoAugment(learned_on="svhn"),
]


def by_torchvision(image: Tensor, operation: Operation, magnitude: float) -> Tensor:
    """[C, H, W] of [C, H, W]."""
    if operation == Operation.IDENTITY:
        return image
    changed: Tensor = v2.AutoAugment()._apply_image_or_video_transform(
        image, NAMES[operation], magnitude, InterpolationMode.NEAREST, {torch.Tensor: None}
    )
    return changed


@pytest.mark.parametrize("size", [8, 32, 33, 224])
@pytest.mark.parametrize(
    ("reference", "strongest", "steps"),
    [
        (v2.TrivialAugmentWide, lambda _size: WIDE, STEPS),
        (v2.RandAugment, usual, STEPS),
        (v2.AutoAugment, usual, LEARNED_STEPS),
    ],
)
def test_operations_magnitudes_and_signs_are_torchvision_s(
    size: int, reference: type[v2.Transform], strongest: Callable[[int], Strongest], steps: int
) -> None:
    space = reference._AUGMENTATION_SPACE
    magnitudes = strongest(size).magnitudes(steps)
    used = {operation for operation in Operation if NAMES[operation] in space}
    assert len(used) == len(space) == 14
    for operation in used:
        theirs, signed = space[NAMES[operation]]
        expected = theirs(steps, size, size)
        expected = torch.zeros(steps) if expected is None else expected
        assert magnitudes[operation].equal(expected.double()), operation
        assert (operation in SIGNED) == signed


def test_torchvision_s_own_numbers_of_steps_are_ours() -> None:
    assert v2.TrivialAugmentWide().num_magnitude_bins == v2.RandAugment().num_magnitude_bins == STEPS


@pytest.mark.parametrize("learned_on", ["cifar10", "imagenet", "svhn"])
def test_learned_pairs_are_torchvision_s(learned_on: str) -> None:
    policy = v2.AutoAugment(AutoAugmentPolicy(learned_on))
    pairs = [
        tuple((NAMES[step.operation], step.probability, step.magnitude) for step in pair)
        for pair in LEARNED[learned_on]
    ]
    assert pairs == [
        tuple((name, probability, step or 0) for name, probability, step in pair) for pair in policy._policies
    ]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("operation", Operation)
def test_each_operation_does_what_torchvision_s_policies_do(operation: Operation, channels: int) -> None:
    """For every magnitude of every policy. What may differ is stated with the operations' own tests."""
    images = pictures(32, channels)
    magnitudes = torch.cat((WIDE.magnitudes(STEPS), usual(32).magnitudes(STEPS), usual(32).magnitudes(10)), 1)[
        operation
    ]
    if operation in SIGNED:
        magnitudes = torch.cat((magnitudes, -magnitudes))
    apart = []
    for place, magnitude in enumerate(magnitudes.unique().tolist()):
        few = images[place % 3 :: 3]  # one of each kind
        done = apply(few, torch.full((len(few),), operation), torch.full((len(few),), magnitude, dtype=torch.float64))
        apart.append(differences(done, [by_torchvision(planes(image), operation, magnitude) for image in few]))
    places = torch.stack(apart)
    moves = operation in {Operation.SHEAR_X, Operation.SHEAR_Y, Operation.ROTATE}
    blends = operation in {Operation.COLOR, Operation.CONTRAST, Operation.SHARPNESS}
    assert places.max() <= (255 if moves else 1 if blends else 0)
    assert (places > 0).double().mean() <= 0.01


def test_a_batch_goes_through_as_its_samples_do_one_by_one() -> None:
    images = pictures(33, 3).repeat(8, 1, 1, 1)
    operations = torch.arange(len(images)) * 7 % len(Operation)
    magnitudes = WIDE.magnitudes(STEPS)[operations, torch.arange(len(images)) % STEPS]
    assert operations.bincount().min() > 4
    together = apply(images, operations, magnitudes)
    alone = [
        apply(images[place : place + 1], operations[place : place + 1], magnitudes[place : place + 1])
        for place in range(len(images))
    ]
    assert together.equal(torch.cat(alone))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("policy", POLICIES, ids=str)
def test_a_policy_is_torchvision_s_operations_as_they_were_drawn(policy: Policy, channels: int) -> None:
    images = pictures(32, channels).repeat(4, 1, 1, 1)
    samples, changes = torch.arange(len(images)), RandomPolicy(policy, 32, 5)
    expected = [planes(image) for image in images]
    for operations, magnitudes in changes.rounds(samples, 2):
        drawn = zip(expected, operations.tolist(), magnitudes.tolist(), strict=True)
        expected = [by_torchvision(image, Operation(operation), magnitude) for image, operation, magnitude in drawn]
    done = changes(images, samples, 2)
    assert not done.equal(images)
    apart = differences(done, expected)
    assert (apart > 0).double().mean() <= 0.03
    assert (apart > 1).double().mean() <= 0.005  # pixels that are moved, or stretched after a rounding


def test_trivialaugment_draws_each_operation_and_each_magnitude_equally_often() -> None:
    (round_,) = TrivialRound(3)(SAMPLES, 1)
    operations, magnitudes = round_
    counts = operations.bincount(minlength=len(Operation))
    assert counts[Operation.INVERT] == 0
    counts = counts[counts > 0]
    assert len(counts) == 14
    assert stats.chisquare(counts.numpy()).pvalue > 0.001
    for operation in (Operation.ROTATE, Operation.SOLARIZE, Operation.SHARPNESS):
        drawn = magnitudes[operations == operation]
        steps = (drawn.abs()[:, None] == WIDE.magnitudes(STEPS)[operation]).nonzero()
        assert len(steps) == len(drawn)
        assert stats.chisquare(steps[:, 1].bincount(minlength=STEPS).numpy()).pvalue > 0.001


def test_signed_operations_go_either_way_equally_often_and_the_others_one() -> None:
    (round_,) = TrivialRound(4)(SAMPLES, 1)
    operations, magnitudes = round_
    for operation in Operation:
        drawn = magnitudes[(operations == operation) & (magnitudes != 0)]
        negative = (drawn < 0).sum().item()
        if operation in SIGNED:
            assert stats.binomtest(negative, len(drawn), 0.5).pvalue > 0.001
        else:
            assert negative == 0


def test_randaugment_draws_its_operations_anew_each_time_all_of_one_magnitude() -> None:
    rounds = list(RandomRounds(RandAugment(operations=3, magnitude=17), 32, 3)(SAMPLES, 1))
    assert len(rounds) == 3
    for operations, magnitudes in rounds:
        counts = operations.bincount(minlength=len(Operation))
        assert counts[Operation.INVERT] == 0
        assert stats.chisquare(counts[counts > 0].numpy()).pvalue > 0.001
        assert magnitudes.abs().equal(usual(32).magnitudes(STEPS)[operations, 17])
    pairs = rounds[0][0] * len(Operation) + rounds[1][0]
    counts = pairs.bincount()
    assert len(counts[counts > 0]) == 14 * 14
    assert stats.chisquare(counts[counts > 0].numpy()).pvalue > 0.001


@pytest.mark.parametrize("learned_on", ["cifar10", "imagenet", "svhn"])
def test_autoaugment_draws_each_pair_equally_often_and_its_operations_with_their_probabilities(learned_on: str) -> None:
    """A pair's two operations happen independently; expected counts are those of all 25 pairs together."""
    rounds = LearnedRounds(AutoAugment.model_validate({"learned_on": learned_on}), 32, 3)
    (first, first_magnitudes), (second, _) = rounds(SAMPLES, 1)
    expected = torch.zeros(len(Operation), len(Operation), dtype=torch.float64)
    for one, other in LEARNED[learned_on]:
        for a, chance_a in ((one.operation, one.probability), (Operation.IDENTITY, 1 - one.probability)):
            for b, chance_b in ((other.operation, other.probability), (Operation.IDENTITY, 1 - other.probability)):
                expected[a, b] += chance_a * chance_b / 25
    expected = expected.flatten()
    counts = (first * len(Operation) + second).bincount(minlength=len(expected))
    possible = expected > 1e-12
    assert counts[~possible].sum() == 0
    shares = expected[possible] / expected.sum()
    assert stats.chisquare(counts[possible].numpy(), (shares * len(SAMPLES)).numpy()).pvalue > 0.001
    table = usual(32).magnitudes(LEARNED_STEPS)
    allowed = {(step.operation, table[step.operation, step.magnitude].item()) for step, _ in LEARNED[learned_on]}
    happened = first != Operation.IDENTITY
    drawn = set(zip(first[happened].tolist(), first_magnitudes[happened].abs().tolist(), strict=True))
    certain = {
        (step.operation, table[step.operation, step.magnitude].item())
        for step, _ in LEARNED[learned_on]
        if step.probability
    }
    assert certain == drawn <= allowed
