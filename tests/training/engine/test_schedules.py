"""Schedules against torch's own, stepped once a step or once an epoch as each is meant to be."""

import json
import math
from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn, optim
from torch.optim import lr_scheduler

from training.engine.schedules import PlateauWatch, learning_rate_factor
from training.metrics import EpochMetrics
from training.spec import (
    Constant,
    Cosine,
    Exponential,
    Linear,
    MultiStep,
    OneCycle,
    Plateau,
    Polynomial,
    Schedule,
    StepDecay,
    Swa,
    WarmRestarts,
)

STEPS, EPOCHS, PEAK = 7, 10, 0.4
RUN = STEPS * EPOCHS
Build = Callable[[optim.Optimizer], lr_scheduler.LRScheduler]


def rates(schedule: Schedule, *, swa: Swa | None = None, plateau: float = 1.0) -> list[float]:
    """Of every step of the run."""
    return [
        PEAK
        * learning_rate_factor(
            step, schedule=schedule, peak=PEAK, steps_per_epoch=STEPS, epochs=EPOCHS, plateau=plateau, swa=swa
        )
        for step in range(RUN)
    ]


def torch_rates(build: Build, count: int = RUN) -> list[float]:
    optimizer = optim.SGD([nn.Parameter(torch.zeros(1))], PEAK)
    scheduler = build(optimizer)
    found = []
    for _ in range(count):
        found.append(float(optimizer.param_groups[0]["lr"]))
        optimizer.step()
        scheduler.step()
    return found


BY_STEP: list[tuple[Schedule, Build]] = [
    (Constant(), lambda optimizer: lr_scheduler.ConstantLR(optimizer, factor=1)),
    (Cosine(), lambda optimizer: lr_scheduler.CosineAnnealingLR(optimizer, RUN)),
    (Cosine(final_learning_rate=0.05), lambda optimizer: lr_scheduler.CosineAnnealingLR(optimizer, RUN, 0.05)),
    (
        WarmRestarts(first_cycle_epochs=2, cycle_factor=2, final_learning_rate=0.01),
        lambda optimizer: lr_scheduler.CosineAnnealingWarmRestarts(optimizer, 2 * STEPS, 2, 0.01),
    ),
    (
        WarmRestarts(first_cycle_epochs=3, cycle_factor=1),
        lambda optimizer: lr_scheduler.CosineAnnealingWarmRestarts(optimizer, 3 * STEPS, 1),
    ),
    (
        WarmRestarts(first_cycle_epochs=1, cycle_factor=3),
        lambda optimizer: lr_scheduler.CosineAnnealingWarmRestarts(optimizer, STEPS, 3),
    ),
    (OneCycle(), lambda optimizer: lr_scheduler.OneCycleLR(optimizer, PEAK, RUN)),
    (
        OneCycle(rise=0.43, start_divisor=10, final_divisor=50, shape="linear"),
        lambda optimizer: lr_scheduler.OneCycleLR(
            optimizer, PEAK, RUN, pct_start=0.43, anneal_strategy="linear", div_factor=10, final_div_factor=50
        ),
    ),
    (
        OneCycle(rise=0.001, start_divisor=1, final_divisor=1),  # no step rises
        lambda optimizer: lr_scheduler.OneCycleLR(
            optimizer, PEAK, RUN, pct_start=0.001, div_factor=1, final_div_factor=1
        ),
    ),
    (Linear(), lambda optimizer: lr_scheduler.LinearLR(optimizer, 1, 0, RUN)),
    (Linear(final_learning_rate=0.1), lambda optimizer: lr_scheduler.LinearLR(optimizer, 1, 0.25, RUN)),
    (Polynomial(power=3.5), lambda optimizer: lr_scheduler.PolynomialLR(optimizer, RUN, 3.5)),
]

BY_EPOCH: list[tuple[Schedule, Build]] = [
    (StepDecay(step_epochs=3, gamma=0.2), lambda optimizer: lr_scheduler.StepLR(optimizer, 3, 0.2)),
    (MultiStep(milestones=(3, 4, 8), gamma=0.2), lambda optimizer: lr_scheduler.MultiStepLR(optimizer, [3, 4, 8], 0.2)),
    (Exponential(gamma=0.7), lambda optimizer: lr_scheduler.ExponentialLR(optimizer, 0.7)),
]


def described(value: object) -> str:
    return "torch" if callable(value) else repr(value)


@pytest.mark.filterwarnings("ignore:.*optimizer.step.*:UserWarning")
@pytest.mark.parametrize(("schedule", "build"), BY_STEP, ids=described)
def test_what_moves_each_step_is_torch_s(schedule: Schedule, build: Build) -> None:
    # OneCycleLR reaches its end with the last step and refuses another.
    reference = torch_rates(build, RUN - 1)
    assert rates(schedule)[: RUN - 1] == pytest.approx(reference, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(("schedule", "build"), BY_EPOCH, ids=described)
def test_what_moves_each_epoch_is_torch_s(schedule: Schedule, build: Build) -> None:
    reference = [rate for rate in torch_rates(build, EPOCHS) for _ in range(STEPS)]
    assert rates(schedule) == pytest.approx(reference, rel=1e-9)


def test_one_cycle_ends_at_the_first_rate_over_the_final_divisor() -> None:
    found = rates(OneCycle(start_divisor=20, final_divisor=100))
    assert found[0] == pytest.approx(PEAK / 20)
    assert found[-1] == pytest.approx(PEAK / 2000)


def test_a_polynomial_ends_at_the_final_learning_rate() -> None:
    found = rates(Polynomial(power=2, final_learning_rate=0.1))
    assert found == pytest.approx([0.1 + 0.3 * (1 - step / RUN) ** 2 for step in range(RUN)])


@pytest.mark.parametrize("schedule", [Cosine(), Linear(), Polynomial(), WarmRestarts(first_cycle_epochs=3)])
def test_behind_a_warm_up_a_schedule_takes_the_steps_that_remain(schedule: Schedule) -> None:
    warm = rates(schedule.model_copy(update={"warmup_epochs": 2}))
    assert warm[:14] == pytest.approx([PEAK * (step + 1) / 14 for step in range(14)])
    shorter = [
        PEAK * learning_rate_factor(step, schedule=schedule, peak=PEAK, steps_per_epoch=STEPS, epochs=EPOCHS - 2)
        for step in range(RUN - 14)
    ]
    assert warm[14:] == pytest.approx(shorter)
    assert warm[13] == warm[14] == PEAK


def test_a_warm_up_is_torch_s_linear_rise() -> None:
    def build(optimizer: optim.Optimizer) -> lr_scheduler.LRScheduler:
        rise = lr_scheduler.LinearLR(optimizer, 1 / 14, 1, 13)
        return lr_scheduler.SequentialLR(optimizer, [rise, lr_scheduler.StepLR(optimizer, 3 * STEPS, 0.1)], [14])

    assert rates(StepDecay(step_epochs=3, warmup_epochs=2)) == pytest.approx(torch_rates(build))


def test_epochs_of_step_and_exponential_schedules_count_from_the_warm_up_s_end() -> None:
    assert rates(StepDecay(step_epochs=2, warmup_epochs=3))[::STEPS][3:] == pytest.approx(
        [0.4, 0.4, 0.04, 0.04, 0.004, 0.004, 0.0004]
    )
    assert rates(Exponential(gamma=0.5, warmup_epochs=6))[::STEPS][6:] == pytest.approx([0.4, 0.2, 0.1, 0.05])


def test_milestones_name_epochs_of_the_run_whatever_the_warm_up() -> None:
    assert rates(MultiStep(milestones=(4,), warmup_epochs=2))[27:29] == pytest.approx([0.4, 0.04])


def test_from_its_start_epoch_on_swa_s_learning_rate_takes_over() -> None:
    found = rates(Cosine(), swa=Swa(start_epoch=6, learning_rate=0.5))
    assert found[: 6 * STEPS] == rates(Cosine())[: 6 * STEPS]
    assert found[6 * STEPS :] == pytest.approx([0.5] * 4 * STEPS)
    assert rates(Cosine(), swa=Swa(start_epoch=6)) == rates(Cosine())


LOSSES = [2.0, 1.5, 1.6, 1.5, 1.499, 1.52, 1.51, 1.4, 1.4, 1.4, 1.45, 1.5, 1.3, 1.31, 1.32, 1.33, 1.34, 1.35, 1.36] * 2


@pytest.mark.parametrize(
    "schedule",
    [
        Plateau(patience=0),
        Plateau(patience=2, gamma=0.5),
        Plateau(patience=1, gamma=0.5, cooldown=2),
        Plateau(patience=1, gamma=0.3, threshold=0.05),
        Plateau(patience=0, gamma=0.2, threshold=0.0, minimum=0.03),
        Plateau(patience=3, gamma=0.5, cooldown=4, threshold=0.01, minimum=0.1),
    ],
    ids=repr,
)
def test_a_plateau_is_torch_s(schedule: Plateau) -> None:
    optimizer = optim.SGD([nn.Parameter(torch.zeros(1))], PEAK)
    reference = lr_scheduler.ReduceLROnPlateau(
        optimizer,
        factor=schedule.gamma,
        patience=schedule.patience,
        threshold=schedule.threshold,
        cooldown=schedule.cooldown,
        min_lr=schedule.minimum,
        eps=0,
    )
    watch = PlateauWatch(schedule)
    seen = set()
    for loss in LOSSES:
        watch.observe(loss)
        reference.step(loss)
        assert rates(schedule, plateau=watch.factor) == pytest.approx([optimizer.param_groups[0]["lr"]] * RUN)
        seen.add(watch.factor)
    assert len(seen) > 2


@given(
    st.lists(st.floats(0, 10), max_size=30),
    st.lists(st.floats(0, 10), max_size=30),
    st.builds(
        Plateau,
        patience=st.integers(0, 4),
        cooldown=st.integers(0, 4),
        threshold=st.floats(0, 0.5),
        gamma=st.floats(0.1, 0.9),
    ),
)
def test_a_plateau_goes_on_from_its_state_as_json(before: list[float], after: list[float], schedule: Plateau) -> None:
    whole, stopped, resumed = PlateauWatch(schedule), PlateauWatch(schedule), PlateauWatch(schedule)
    for loss in before:
        whole.observe(loss)
        stopped.observe(loss)
    resumed.load_state_dict(json.loads(json.dumps(stopped.state_dict())))
    for loss in after:
        whole.observe(loss)
        resumed.observe(loss)
        assert resumed.state_dict() == whole.state_dict()
    assert resumed.state_dict() == whole.state_dict()


def test_a_plateau_counts_from_the_first_epoch_after_the_warm_up() -> None:
    schedule = Plateau(patience=0, gamma=0.1, threshold=0.5, warmup_epochs=3)
    watch, found = PlateauWatch(schedule), []
    for epoch, loss in enumerate((1.0, 0.99, 0.98, 0.97, 0.96, 0.95)):  # no fall is ever enough
        step = epoch * STEPS + STEPS - 1
        found.append(
            0.1
            * learning_rate_factor(
                step, schedule=schedule, peak=0.1, steps_per_epoch=STEPS, epochs=EPOCHS, plateau=watch.factor
            )
        )
        watch.learn_from(
            EpochMetrics(
                epoch=epoch,
                train_loss=loss,
                train_accuracy=0.5,
                test_loss=None,
                test_accuracy=None,
                test_top5_accuracy=None,
                learning_rate=found[-1],
                seconds=1.0,
                images_per_second=1.0,
                device_memory_bytes=None,
            )
        )
    assert found == pytest.approx([0.1 / 3, 0.2 / 3, 0.1, 0.1, 0.1, 0.01])


def test_a_loss_that_is_infinite_at_first_can_still_fall() -> None:
    watch = PlateauWatch(Plateau(patience=1))
    for loss in (math.inf, 3.0, 2.0, 1.0):
        watch.observe(loss)
    assert watch.factor == 1.0


RATE = st.floats(0, 1)
GAMMA = st.floats(1e-3, 1)
WARMUP = st.integers(0, 5)
ANY_SCHEDULE = st.one_of(
    st.builds(Constant, warmup_epochs=WARMUP),
    st.builds(StepDecay, step_epochs=st.integers(1, 8), gamma=GAMMA, warmup_epochs=WARMUP),
    st.builds(MultiStep, milestones=st.sets(st.integers(1, 20), min_size=1).map(lambda epochs: tuple(sorted(epochs)))),
    st.builds(Exponential, gamma=GAMMA, warmup_epochs=WARMUP),
    st.builds(Cosine, final_learning_rate=RATE, warmup_epochs=WARMUP),
    st.builds(
        WarmRestarts,
        first_cycle_epochs=st.integers(1, 5),
        cycle_factor=st.integers(1, 3),
        final_learning_rate=RATE,
        warmup_epochs=WARMUP,
    ),
    st.builds(
        OneCycle,
        rise=st.floats(1e-6, 1 - 1e-6),
        start_divisor=st.floats(1, 1e9),
        final_divisor=st.floats(1, 1e9),
        shape=st.sampled_from(["cosine", "linear"]),
    ),
    st.builds(Linear, final_learning_rate=RATE, warmup_epochs=WARMUP),
    st.builds(Polynomial, power=st.floats(1e-3, 10), final_learning_rate=RATE, warmup_epochs=WARMUP),
    st.builds(Plateau, minimum=RATE, warmup_epochs=WARMUP),
)


@settings(max_examples=500)
@given(ANY_SCHEDULE, st.integers(1, 30), st.integers(6, 12), st.floats(1, 100), st.floats(0, 1))
def test_a_factor_is_a_share(
    schedule: Schedule, steps_per_epoch: int, epochs: int, peak: float, plateau: float
) -> None:
    for step in range(steps_per_epoch * epochs):
        factor = learning_rate_factor(
            step,
            schedule=schedule,
            peak=peak,
            steps_per_epoch=steps_per_epoch,
            epochs=epochs,
            plateau=plateau,
        )
        assert 0 <= factor <= 1, step


SMOOTH: list[Schedule] = [
    Cosine(),
    Cosine(final_learning_rate=0.1, warmup_epochs=3),
    OneCycle(),
    OneCycle(shape="linear"),
    Linear(warmup_epochs=1),
    Polynomial(power=1.5, warmup_epochs=2),
]


@pytest.mark.parametrize("schedule", SMOOTH, ids=repr)
def test_what_moves_each_step_never_jumps(schedule: Schedule) -> None:
    """Also from the warm-up to what follows: twice the steps, half the largest change from one to the next."""

    def largest_change(steps_per_epoch: int) -> float:
        factors = [
            learning_rate_factor(step, schedule=schedule, peak=PEAK, steps_per_epoch=steps_per_epoch, epochs=EPOCHS)
            for step in range(steps_per_epoch * EPOCHS)
        ]
        return max(abs(later - earlier) for earlier, later in pairwise(factors))

    assert largest_change(400) == pytest.approx(largest_change(200) / 2, rel=0.02)
