"""Averages of weights against torch's AveragedModel and update_bn."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, update_bn

from training.engine.averages import ExponentialAverage, StochasticAverage, build_average
from training.spec import Ema, Regularisation, Swa


def small_network(*, dropout: float = 0.0) -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Conv2d(3, 6, 3, bias=False),
            nn.BatchNorm2d(6, momentum=0.3),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Conv2d(6, 4, 3),
            nn.BatchNorm2d(4),
            nn.Flatten(),
            nn.Linear(4 * 4 * 4, 3),
        )


def images(number: int, count: int = 8) -> Tensor:
    return torch.randn(count, 3, 8, 8, generator=torch.Generator().manual_seed(number)) * (1 + number)


def steps(network: nn.Sequential, count: int, first: int = 0) -> Iterator[int]:
    """Change every weight and every buffer of `network` as training does, `count` times."""
    network.train()
    for step in range(first, first + count):
        for weight in network.parameters():
            weight.grad = torch.randn(weight.shape, generator=torch.Generator().manual_seed(step))
        torch.optim.SGD(network.parameters(), 0.1).step()
        with torch.no_grad():
            network(images(step))
        yield step


def assert_same(ours: nn.Module, reference: nn.Module, *, tolerance: float = 1e-6) -> None:
    expected = reference.state_dict()
    found = ours.state_dict()
    assert list(found) == list(expected)
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("decay", [0.05, 0.5, 0.99])
def test_an_exponential_average_is_torch_s_with_a_decay_that_grows(decay: float) -> None:
    network = small_network()
    average = ExponentialAverage(Ema(decay=decay), network)

    def grown(averaged: Tensor, current: Tensor, taken_in: Tensor | int) -> Tensor:
        number = int(taken_in) - 1  # torch's first is the copy of the start
        kept = min(decay, (1 + number) / (10 + number))
        return kept * averaged + (1 - kept) * current

    reference = AveragedModel(network, avg_fn=grown, use_buffers=True)
    reference.update_parameters(network)
    for step in steps(network, 30):
        average.update(step)
        reference.update_parameters(network)
        for name, count in network.named_buffers():
            if not count.is_floating_point():  # counts are no matter of averages
                reference.module.get_buffer(name).copy_(count)
        assert_same(average.network, reference.module)


def test_an_exponential_average_forgets_as_its_decay_says() -> None:
    """Of weights that jump from 0 to 1, 1 - decay ** steps is there after as many steps, once the start is over."""
    network = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(network.weight)
    average = ExponentialAverage(Ema(decay=0.9), network)
    nn.init.ones_(network.weight)
    for steps_made in range(1, 20):
        average.update(10_000 + steps_made)
        assert average.network.get_parameter("weight").item() == pytest.approx(1 - 0.9**steps_made, rel=1e-5)


@pytest.mark.parametrize("start", [0, 2])
def test_a_stochastic_average_is_torch_s(start: int) -> None:
    network = small_network()
    average = StochasticAverage(Swa(start_epoch=start), network)
    reference = AveragedModel(network)
    for epoch in steps(network, 7):
        average.update(epoch)
        if epoch >= start:
            reference.update_parameters(network)
            assert_same(average.network, reference.module)
    batches = [images(number, count) for number, count in enumerate((8, 8, 5))]
    update_bn(batches, reference.train())
    average.measure_statistics(batches)
    assert_same(average.network, reference.module)
    torch.testing.assert_close(average.network(images(9)), reference.eval()(images(9)))


def test_a_stochastic_average_starts_at_its_epoch() -> None:
    network = small_network()
    average = StochasticAverage(Swa(start_epoch=2), network)
    started = []
    for epoch in steps(network, 4):
        average.update(epoch)
        started.append(average.started)
    assert started == [False, False, True, True]


def test_an_exponential_average_has_started_from_the_start() -> None:
    network = small_network()
    average = ExponentialAverage(Ema(), network)
    assert average.started
    assert_same(average.network, network, tolerance=0)


def test_measuring_statistics_leaves_everything_else_alone() -> None:
    network = small_network(dropout=0.5)
    average = StochasticAverage(Swa(start_epoch=0), network)
    average.update(0)
    weights = [weight.clone() for weight in average.network.parameters()]
    momenta = [norm.momentum for norm in average.network.modules() if isinstance(norm, nn.BatchNorm2d)]
    original = [buffer.clone() for buffer in network.buffers()]
    average.measure_statistics([images(1), images(2)])
    assert not any(module.training for module in average.network.modules())
    assert [norm.momentum for norm in average.network.modules() if isinstance(norm, nn.BatchNorm2d)] == momenta
    assert all(now.equal(then) for now, then in zip(average.network.parameters(), weights, strict=True))
    assert all(now.equal(then) for now, then in zip(network.buffers(), original, strict=True))
    rested = StochasticAverage(Swa(start_epoch=0), small_network())
    rested.measure_statistics([images(1), images(2)])
    assert_same(average.network, rested.network, tolerance=0)  # dropout rested


def test_a_failure_while_measuring_leaves_the_average_in_evaluation_mode() -> None:
    average = StochasticAverage(Swa(start_epoch=0), small_network())
    with pytest.raises(RuntimeError, match="channels"):
        average.measure_statistics([images(1), torch.zeros(2, 5, 8, 8)])
    assert not any(module.training for module in average.network.modules())
    assert [norm.momentum for norm in average.network.modules() if isinstance(norm, nn.BatchNorm2d)] == [0.3, 0.1]


def test_a_network_without_statistics_has_none_to_measure() -> None:
    average = StochasticAverage(Swa(start_epoch=0), nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, 2)))

    def batches() -> Iterator[Tensor]:
        yield pytest.fail("nothing was to be read")

    average.measure_statistics(batches())


@pytest.mark.parametrize(
    "asked", [Regularisation(ema=Ema(decay=0.7)), Regularisation(swa=Swa(start_epoch=1))], ids=repr
)
def test_an_average_follows_its_network_and_nothing_follows_it(asked: Regularisation) -> None:
    network = small_network()
    average = build_average(asked, network)
    assert average
    assert not any(weight.requires_grad for weight in average.network.parameters())
    alone = small_network()
    for step, _ in zip(steps(network, 3), steps(alone, 3), strict=True):
        average.update(step)
        assert network.training
        assert not average.network.training
    assert_same(network, alone, tolerance=0)


@pytest.mark.parametrize(
    "asked", [Regularisation(ema=Ema(decay=0.7)), Regularisation(swa=Swa(start_epoch=1))], ids=repr
)
def test_an_average_goes_on_from_its_state_to_the_bit(asked: Regularisation) -> None:
    network = small_network()
    whole, resumed = build_average(asked, network), build_average(asked, network)
    assert whole
    assert resumed
    for step in steps(network, 4):
        whole.update(step)
    resumed.load_state_dict(whole.state_dict())
    for step in steps(network, 3, first=4):
        whole.update(step)
        resumed.update(step)
    assert_same(resumed.network, whole.network, tolerance=0)
    assert whole.started
    assert resumed.started


@pytest.mark.parametrize(
    "asked", [Regularisation(ema=Ema(decay=0.7)), Regularisation(swa=Swa(start_epoch=1))], ids=repr
)
def test_an_average_takes_over_a_change_of_memory_format(asked: Regularisation) -> None:
    network, other = small_network(), small_network()
    average, reference = build_average(asked, network), build_average(asked, other)
    assert average
    assert reference
    formats = [torch.contiguous_format, torch.channels_last, torch.channels_last, torch.contiguous_format]
    for step, _ in zip(steps(network, 4), steps(other, 4), strict=True):
        network.to(memory_format=formats[step])
        average.update(step)
        reference.update(step)
        assert_same(average.network, reference.network)
        if average.started:
            for ours, theirs in zip(average.network.parameters(), network.parameters(), strict=True):
                assert ours.stride() == theirs.stride()


def test_no_average_unless_asked_for() -> None:
    network = small_network()
    assert build_average(Regularisation(), network) is None
    assert isinstance(build_average(Regularisation(ema=Ema()), network), ExponentialAverage)
    assert isinstance(build_average(Regularisation(swa=Swa(start_epoch=3)), network), StochasticAverage)
