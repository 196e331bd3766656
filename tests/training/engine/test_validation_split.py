import pytest
import torch
from hypothesis import given
from hypothesis import strategies as some

from training.engine.data import split_off

LABELS = some.lists(some.integers(0, 6), min_size=1, max_size=300).map(lambda labels: torch.tensor(labels))


@given(labels=LABELS, fraction=some.floats(0, 1), seed=some.integers(0, 2**32 - 1))
def test_every_class_gives_its_share_to_within_one_image(labels: torch.Tensor, fraction: float, seed: int) -> None:
    train, validation = split_off(labels, fraction, seed)
    assert len(validation) == round(fraction * len(labels))
    assert torch.equal(torch.cat((train, validation)).sort().values, torch.arange(len(labels)))
    for rows in (train, validation):
        assert rows.dtype == torch.int64
        assert (rows.diff() > 0).all()
    shares = labels.bincount() * (len(validation) / len(labels))
    assert ((labels[validation].bincount(minlength=len(shares)) - shares).abs() < 1).all()


def test_the_seed_alone_chooses() -> None:
    labels = torch.arange(1000) % 10
    one, again, other = (split_off(labels, 0.1, seed)[1] for seed in (3, 3, 4))
    assert torch.equal(one, again)
    assert len(set(one.tolist()) & set(other.tolist())) < 40  # 10 of 100 by chance


def test_images_are_chosen_at_random_within_their_class() -> None:
    """Each of a class's images is as likely as another, wherever it lies."""
    labels = torch.arange(3).repeat_interleave(20)
    chosen = torch.stack(
        [labels.new_zeros(60).index_fill(0, split_off(labels, 0.25, seed)[1], 1) for seed in range(400)]
    )
    assert chosen.double().mean(0) == pytest.approx(torch.full((60,), 0.25, dtype=torch.float64), abs=0.1)


def test_nothing_is_split_off_by_default() -> None:
    train, validation = split_off(torch.arange(7), 0.0, 0)
    assert (train.tolist(), validation.tolist()) == (list(range(7)), [])
