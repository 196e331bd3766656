import math

import pytest
import torch
from scipy import stats
from torch import Tensor

from training.engine.counter_rng import Purpose, betas, integers, permutation, uniforms

CPU = torch.device("cpu")
SAMPLES = torch.arange(20_000)
FEW = torch.tensor([0, 1, 2, 49_999, 2**40])
EVERY_PURPOSE = pytest.mark.parametrize("purpose", Purpose, ids=lambda purpose: purpose.name.lower())


def mixed(number: int) -> int:
    """splitmix64's finaliser, in Python's own whole numbers."""
    number %= 2**64
    number = (number ^ (number >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    number = (number ^ (number >> 27)) * 0x94D049BB133111EB % 2**64
    return number ^ (number >> 31)


def bits(sample: int, seed: int, epoch: int, purpose: Purpose, number: int = 0) -> int:
    golden = 0x9E3779B97F4A7C15
    return mixed(sample * golden + mixed(mixed(mixed(seed + golden) + epoch) + purpose + (number << 32)))


@pytest.mark.parametrize("count", [1, 2, 7, 1000])
def test_an_order_is_a_permutation_and_differs_by_seed_and_epoch(count: int) -> None:
    orders = [permutation(count, seed, epoch, CPU) for seed, epoch in [(0, 0), (0, 1), (1, 0)]]
    for order in orders:
        assert order.sort().values.equal(torch.arange(count))
    assert orders[0].equal(permutation(count, 0, 0, CPU))
    if count == 1000:
        assert not orders[0].equal(orders[1])
        assert not orders[0].equal(orders[2])


def test_every_order_is_equally_likely() -> None:
    orders = torch.stack([permutation(4, seed, 3, CPU) for seed in range(4800)])
    _, counts = (orders * torch.tensor([64, 16, 4, 1])).sum(1).unique(return_counts=True)
    assert len(counts) == 24
    assert stats.chisquare(counts.numpy()).pvalue > 0.001


def test_draws_never_change_between_releases() -> None:
    """A job that resumes under a newer release must see the order and the images that it began with."""
    assert permutation(8, seed=1, epoch=2, device=CPU).tolist() == [3, 1, 5, 4, 6, 2, 0, 7]
    assert integers(FEW, 1000, 3, 4, Purpose.CROP_ROW).tolist() == [464, 484, 845, 816, 362]
    assert integers(FEW, 1000, 3, 4, Purpose.CUTMIX_COLUMN).tolist() == [880, 222, 631, 292, 646]
    assert integers(FEW, 1000, 3, 4, Purpose.POLICY_CHOICE, number=1).tolist() == [522, 369, 346, 245, 257]
    assert uniforms(FEW, 3, 4, Purpose.HUE).tolist() == [
        0.37113774790824217,
        0.794589184996323,
        0.08682392900662406,
        0.5683142536133753,
        0.18369868047383175,
    ]
    # Powers and cosines may differ in the last bits.
    assert betas(FEW, 0.4, 3, 4, Purpose.MIXUP_SHARE).tolist() == pytest.approx(
        [0.9801339926895296, 0.9995914476257087, 0.5952575300295802, 0.7410799545984371, 0.9758510874591795], abs=1e-14
    )


def test_a_purpose_keeps_its_number_between_releases() -> None:
    assert [purpose.value for purpose in Purpose] == list(range(29))
    assert (Purpose.ORDER, Purpose.FLIP, Purpose.POLICY_CHOICE, Purpose.HUE, Purpose.CUTMIX_COLUMN) == (0, 3, 8, 16, 28)


@pytest.mark.parametrize(("seed", "epoch", "number"), [(0, 0, 0), (3, 4, 1), (2**32 - 1, 100_000, 9), (-5, 2, 0)])
def test_draws_are_splitmix64_s_in_whole_numbers(seed: int, epoch: int, number: int) -> None:
    for purpose in (Purpose.ORDER, Purpose.ERASING_AREA):
        for below in (1, 9, 2**31):
            expected = [(bits(sample, seed, epoch, purpose, number) >> 32) * below >> 32 for sample in FEW.tolist()]
            assert integers(FEW, below, seed, epoch, purpose, number).tolist() == expected
        shares = [((bits(sample, seed, epoch, purpose, number) >> 12) + 0.5) / 2**52 for sample in FEW.tolist()]
        assert uniforms(FEW, seed, epoch, purpose, number).tolist() == shares


def test_a_sample_draws_the_same_whatever_is_drawn_beside_it() -> None:
    together = integers(torch.arange(1000), 9, seed=3, epoch=4, purpose=Purpose.CROP_ROW)
    alone = integers(torch.tensor([17]), 9, seed=3, epoch=4, purpose=Purpose.CROP_ROW)
    assert together[17] == alone[0]
    for alpha in (0.3, 1.0):
        many = betas(torch.arange(999), alpha, 3, 4, Purpose.MIXUP_SHARE)
        for first, end in ((17, 18), (3, 9), (100, 117), (500, 999)):
            assert betas(torch.arange(first, end), alpha, 3, 4, Purpose.MIXUP_SHARE).equal(many[first:end])


@EVERY_PURPOSE
def test_draws_are_uniform(purpose: Purpose) -> None:
    counts = integers(SAMPLES, 9, seed=0, epoch=0, purpose=purpose).bincount(minlength=9)
    assert len(counts) == 9
    assert stats.chisquare(counts.numpy()).pvalue > 0.001
    shares = uniforms(SAMPLES, seed=0, epoch=1, purpose=purpose)
    assert 0 < shares.min() < shares.max() < 1
    assert stats.kstest(shares.numpy(), "uniform").pvalue > 0.001


def sample_with(wanted: int, seed: int, epoch: int, purpose: Purpose) -> int:
    """The sample whose bits are these: the hash run backwards."""
    wanted = (wanted ^ (wanted >> 31) ^ (wanted >> 62)) * pow(0x94D049BB133111EB, -1, 2**64) % 2**64
    wanted = (wanted ^ (wanted >> 27) ^ (wanted >> 54)) * pow(0xBF58476D1CE4E5B9, -1, 2**64) % 2**64
    wanted ^= (wanted >> 30) ^ (wanted >> 60)
    golden = 0x9E3779B97F4A7C15
    stream = mixed(mixed(mixed(seed + golden) + epoch) + purpose)
    sample = (wanted - stream) * pow(golden, -1, 2**64) % 2**64
    return sample - 2**64 if sample >> 63 else sample


def test_uniforms_never_reach_0_or_1_and_integers_never_their_bound() -> None:
    """Of uniforms, logarithms and powers are taken, which the ends would make infinite."""
    ends = torch.tensor([sample_with(wanted, 3, 4, Purpose.HUE) for wanted in (0, 2**64 - 1)])
    assert uniforms(ends, 3, 4, Purpose.HUE).tolist() == [2.0**-53, 1 - 2.0**-53]
    for below in (1, 9, 2**31):
        assert integers(ends, below, 3, 4, Purpose.HUE).tolist() == [0, below - 1]


def test_bounds_may_be_a_sample_s_own() -> None:
    below = torch.arange(1, 20_001)
    drawn = integers(SAMPLES, below, 0, 0, Purpose.ERASING_ROW)
    assert (drawn >= 0).all()
    assert (drawn < below).all()
    assert drawn[17] == integers(SAMPLES[17:18], 18, 0, 0, Purpose.ERASING_ROW)[0]
    assert stats.kstest(((drawn + 0.5) / below)[1000:].numpy(), "uniform").pvalue > 0.001


def correlation(streams: list[Tensor]) -> float:
    """The largest, between two different streams."""
    return (torch.stack(streams).corrcoef() - torch.eye(len(streams), dtype=torch.float64)).abs().max().item()


def test_purposes_numbers_epochs_seeds_and_neighbours_are_independent() -> None:
    streams = [uniforms(SAMPLES, 5, 6, purpose) for purpose in Purpose]
    streams += [uniforms(SAMPLES, 5, 6, Purpose.FLIP, number) for number in range(1, 10)]
    streams += [uniforms(SAMPLES, 5, epoch, Purpose.FLIP) for epoch in (0, 5, 7, 8)]
    streams += [uniforms(SAMPLES, seed, 6, Purpose.FLIP) for seed in (0, 4, 6, 7)]
    streams += [uniforms(SAMPLES + shift, 5, 6, Purpose.FLIP) for shift in (1, 2, 32)]
    assert correlation(streams) < 5 / math.sqrt(len(SAMPLES))
    parities = [(stream * 2**52).long() % 2 * 1.0 for stream in streams]  # the lowest bit, too
    assert correlation([parity.double() for parity in parities]) < 5 / math.sqrt(len(SAMPLES))


@pytest.mark.parametrize("alpha", [0.01, 0.05, 0.2, 0.5, 1.0, 3.0, 100.0])
def test_betas_have_the_beta_distribution(alpha: float) -> None:
    """Between 1e-9 and 1 - 1e-9, and how many lie there: floats are no finer than 1e-16 at 1, and a small alpha has
    many shares beyond."""
    shares = betas(SAMPLES, alpha, 7, 3, Purpose.MIXUP_SHARE)
    assert 0 <= shares.min() < shares.max() <= 1
    inner = shares[(shares > 1e-9) & (shares < 1 - 1e-9)].numpy()
    beta = stats.beta(alpha, alpha)
    outside = beta.cdf(1e-9)
    assert stats.kstest(inner, lambda share: (beta.cdf(share) - outside) / (1 - 2 * outside)).pvalue > 0.001
    assert stats.binomtest(len(inner), len(SAMPLES), 1 - 2 * outside).pvalue > 0.001
    assert stats.binomtest(int((shares < 0.5).sum()), len(SAMPLES), 0.5).pvalue > 0.001


@pytest.mark.parametrize("alpha", [1e-300, 1e-3, 100.0])
def test_betas_of_any_alpha_are_numbers_from_0_to_1(alpha: float) -> None:
    shares = betas(SAMPLES, alpha, 7, 3, Purpose.CUTMIX_SHARE)
    assert ((shares >= 0) & (shares <= 1)).all()
    assert shares.mean().item() == pytest.approx(0.5, abs=0.02)
