"""Places between two steps at which a run can be saved."""

import time

import pytest

from tests.training.samples import digits, spec
from training.engine.checkpoints import pack
from training.engine.progress import SavePoint
from training.engine.trainer import Trainer
from training.metrics import EpochMetrics

STEPS = 3  # an epoch: 96 images in batches of 32


def trainer() -> Trainer:
    return Trainer(spec(batch_size=32, deterministic=True), digits(96))


def test_a_run_that_is_told_to_save_says_where_it_is_between_all_steps() -> None:
    run = trainer()
    found = [seen for seen in run.epochs(should_save=lambda: True) if isinstance(seen, EpochMetrics | SavePoint)]
    one, other = ([SavePoint(epoch, step) for step in range(STEPS)] for epoch in (0, 1))
    assert [seen if isinstance(seen, SavePoint) else seen.epoch for seen in found] == [*one, 0, *other, 1]


def test_the_step_it_names_is_the_next() -> None:
    run = trainer()
    for seen in run.epochs(should_save=lambda: True):
        if isinstance(seen, SavePoint):
            assert (run.progress.epoch, run.progress.step) == (seen.epoch, seen.step)
            assert float(run.totals.state()[0, 0]) > 0 or seen.step == 0, "the sums of the steps before"


def test_who_does_not_ask_gets_none_and_who_stops_does_not_save() -> None:
    assert not [seen for seen in trainer().epochs() if isinstance(seen, SavePoint)]
    run = trainer()
    assert not list(run.epochs(should_stop=lambda: True, should_save=lambda: True))


def test_saving_changes_nothing() -> None:
    saved, other = trainer(), trainer()
    for seen in saved.epochs(should_save=lambda: True):
        if isinstance(seen, SavePoint):
            pack(saved.state_dict())
    list(other.epochs())
    assert saved.packed_weights() == other.packed_weights()


def test_saving_counts_neither_as_training_nor_as_part_of_the_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    spent, clock = [0.0], time.perf_counter
    monkeypatch.setattr("training.engine.progress.time.perf_counter", lambda: clock() + spent[0])
    found = []
    for seen in trainer().epochs(should_save=lambda: True):
        if isinstance(seen, SavePoint):
            spent[0] += 1000
        if isinstance(seen, EpochMetrics):
            found.append(seen)
    assert spent == [1000 * 2 * STEPS]
    for metrics in found:
        assert metrics.seconds < 1000
        assert 96 / metrics.images_per_second <= metrics.seconds
