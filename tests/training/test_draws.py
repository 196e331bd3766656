import torch

from training.draws import Purpose, integers, permutation

CPU = torch.device("cpu")


def test_an_order_is_a_permutation_and_differs_by_seed_and_epoch() -> None:
    orders = [permutation(1000, seed, epoch, CPU) for seed, epoch in [(0, 0), (0, 1), (1, 0)]]
    for order in orders:
        assert order.sort().values.equal(torch.arange(1000))
    assert not orders[0].equal(orders[1])
    assert not orders[0].equal(orders[2])
    assert orders[0].equal(permutation(1000, 0, 0, CPU))


def test_an_order_never_changes_between_releases() -> None:
    """A job that resumes under a newer release must see the order it began with."""
    assert permutation(8, seed=1, epoch=2, device=CPU).tolist() == [3, 1, 5, 4, 6, 2, 0, 7]


def test_a_sample_draws_the_same_whatever_is_drawn_beside_it() -> None:
    together = integers(torch.arange(1000), 9, seed=3, epoch=4, purpose=Purpose.CROP_ROW)
    alone = integers(torch.tensor([17]), 9, seed=3, epoch=4, purpose=Purpose.CROP_ROW)
    assert together[17] == alone[0]


def test_draws_are_uniform() -> None:
    draws = integers(torch.arange(90_000), 9, seed=0, epoch=0, purpose=Purpose.CROP_ROW)
    counts = torch.bincount(draws, minlength=9)
    assert len(counts) == 9
    chi_squared = ((counts - 10_000) ** 2 / 10_000).sum().item()
    assert chi_squared < 26.1  # the 99.9 % quantile with 8 degrees of freedom


def test_purposes_and_neighbouring_epochs_are_independent() -> None:
    samples = torch.arange(10_000)
    rows, columns = (integers(samples, 2, 0, 0, purpose) for purpose in (Purpose.CROP_ROW, Purpose.CROP_COLUMN))
    next_epoch = integers(samples, 2, 0, 1, Purpose.CROP_ROW)
    for other in (columns, next_epoch):
        agreement = (rows == other).double().mean().item()
        assert abs(agreement - 0.5) < 0.02  # four standard deviations
