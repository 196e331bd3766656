"""What a run's network is tried on, and what happens to a run that is told to stop meanwhile."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tests.training.samples import digits, epochs_of, figures_of, spec, weights_of
from training.engine.averages import StochasticAverage
from training.engine.batches import Batches
from training.engine.checkpoints import pack, unpack
from training.engine.data import Dataset, Split
from training.engine.evaluation import Evaluation
from training.engine.evaluator import Evaluator
from training.engine.team import Team
from training.engine.totals import Diverged
from training.engine.trainer import Trainer
from training.metrics import EpochMetrics, StepMetrics

AVERAGED: dict[str, Any] = {
    "batch_size": 32,
    "epochs": 3,
    "deterministic": True,
    "regularisation": {"swa": {"start_epoch": 0}},
    "validation_fraction": 0.25,
}


def in_order_of_classes() -> Dataset:
    """As a folder's images are."""
    data = digits(128)
    rows = data.train.labels.argsort(stable=True)
    return Dataset(
        data.name, data.classes, Split(data.train.images[rows], data.train.labels[rows]), data.test, data.source
    )


def statistics(network: nn.Module) -> list[torch.Tensor]:
    return [buffer.clone() for buffer in network.buffers()]


def stopped_in_an_evaluation(run: Trainer, question: int) -> None:
    """In the first epoch's, when it asks for the `question`th time."""
    asked = 0

    def should_stop() -> bool:
        nonlocal asked
        asked += run.progress.step == len(run.batches)
        return asked >= question

    seen = list(run.epochs(should_stop))
    assert [measured for measured in seen if isinstance(measured, EpochMetrics)] == []
    assert (run.progress.epoch, run.progress.step) == (0, len(run.batches))


@pytest.mark.parametrize("question", [1, 2, 4, 5])  # measuring statistics takes 3 batches, each split 1
def test_a_run_that_stops_in_an_evaluation_goes_on_with_it(question: int) -> None:
    unbroken = Trainer(spec(**AVERAGED), digits(128))
    figures = figures_of(unbroken)
    run = Trainer(spec(**AVERAGED), digits(128))
    stopped_in_an_evaluation(run, question)
    resumed = Trainer(spec(**AVERAGED), digits(128))
    resumed.load_state_dict(unpack(pack(run.state_dict())))
    assert figures_of(resumed) == figures[1:], "but for step 0's, which was reported before"
    assert resumed.packed_weights() == unbroken.packed_weights()
    assert epochs_of(run)[0].epoch == 0, "in the same process, too"
    assert weights_of(run).equal(weights_of(unbroken))


def test_whoever_watches_a_run_hears_of_every_batch_of_an_evaluation_and_every_part_of_a_step(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("training.engine.evaluation.BATCH_PIXELS", 10 * 8 * 8)
    run, asked = Trainer(spec(batch_size=64, micro_batch_size=16, epochs=1), digits(64, 40)), []

    def goes_on() -> bool:
        asked.append(run.progress.step)
        return False

    list(run.epochs(goes_on))
    assert asked == [0, 0, 0, 0, *[1] * (len(run.dataset.test.labels) // 10)]


def test_an_average_is_measured_on_batches_of_every_class() -> None:
    run = Trainer(spec(**AVERAGED), in_order_of_classes())
    first = next(iter(run.batches.unaugmented()))
    again = next(iter(run.batches.unaugmented()))
    assert first.equal(again)
    ordered = run.batches.normalise(run.dataset.train.images[run.batches.rows[: len(first)]])
    assert (ordered - first).abs().max() > 0
    places = {place for place, image in enumerate(run.dataset.train.images) for seen in first if _is(run, image, seen)}
    assert len({int(run.dataset.train.labels[place]) for place in places}) > 5


def _is(run: Trainer, image: torch.Tensor, seen: torch.Tensor) -> bool:
    return bool(run.batches.normalise(image[None])[0].equal(seen))


@pytest.mark.parametrize("size", [2, 3, 5])
def test_a_team_measures_every_image_once_in_the_batches_of_one(size: int) -> None:
    asked = spec(batch_size=32)
    data = digits(130)
    alone = list(Trainer(asked, data).batches.unaugmented())
    members = [list(Batches(asked, data, torch.device("cpu"), Team(rank, size)).unaugmented()) for rank in range(size)]
    assert [len(batch) for batch in alone] == [32, 32, 32, 32, 2]
    for whole, *shares in zip(alone, *members, strict=True):
        assert torch.cat(shares).equal(whole)


@pytest.mark.parametrize("interval", [1, 9])
def test_a_stopped_run_s_average_has_statistics_of_its_own(interval: int) -> None:
    """Whether or not an evaluation has measured them, and whichever process makes the weights."""
    asked = spec(**{**AVERAGED, "epochs": 10, "evaluation_interval": interval})
    run = Trainer(asked, digits(128))
    list(run.epochs(lambda: (run.progress.epoch, run.progress.step) == (2, 1)))
    assert isinstance(run.average, StochasticAverage)
    state = pack(run.state_dict())
    weights = run.packed_weights()
    resumed = Trainer(asked, digits(128))
    resumed.load_state_dict(unpack(state))
    assert resumed.packed_weights() == weights
    found = statistics(run.average.network)
    run.average.measure_statistics(run.batches.unaugmented())
    for ours, measured in zip(found, statistics(run.average.network), strict=True):
        assert ours.equal(measured)


def test_a_stopped_run_is_measured_on_a_part_of_a_large_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.engine.trainer.STOPPED_IMAGES", 40)
    run, seen = Trainer(spec(**{**AVERAGED, "evaluation_interval": 3}), digits(128)), []
    list(run.epochs(lambda: run.progress.epoch == 1))
    assert isinstance(run.average, StochasticAverage)
    run.average.network.register_forward_pre_hook(lambda module, images: seen.append(len(images[0])))
    run.prepare_weights()
    assert sum(seen) == 40
    run.prepare_weights()
    assert sum(seen) == 40, "once is enough"


def test_weights_that_nobody_waits_for_any_more_are_not_measured() -> None:
    run = Trainer(spec(**{**AVERAGED, "evaluation_interval": 3}), digits(128))
    list(run.epochs(lambda: run.progress.epoch == 1))
    run.prepare_weights(lambda: True)
    assert isinstance(run.average, StochasticAverage)
    assert not run.average.measured


def test_an_evaluation_that_is_no_number_is_named_and_its_row_shows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    evaluations = (Evaluation(0.5, 0.5, 1.0), Evaluation(math.inf, 0.1, 0.5))
    monkeypatch.setattr(Evaluator, "evaluate", lambda *arguments: evaluations)
    run = Trainer(spec(epochs=2, validation_fraction=0.5), digits(128))
    with pytest.raises(
        Diverged, match=r"The validation loss was inf after epoch 0, though its training losses were"
    ) as e:
        list(run.epochs())
    row = e.value.metrics
    assert isinstance(row, EpochMetrics)
    assert (row.epoch, row.validation_loss, math.isfinite(row.train_loss)) == (0, math.inf, True)


def test_gradients_that_fp16_cannot_hold_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Trainer(spec(epochs=1), digits(64))
    run.step.scaler = torch.amp.GradScaler("cpu", init_scale=2.0**-30)
    with pytest.raises(Diverged, match="No gradient was finite in fp16 at the end of epoch 0"):
        list(run.epochs())


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_the_step_that_broke_is_a_row_with_its_own_loss(value: float, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Trainer(spec(epochs=1, batch_size=16, logging_interval=3), digits(64))
    step = type(run.step).__call__

    def breaks_at_one(*arguments: Any) -> torch.Tensor:
        totals = step(*arguments)
        return totals * (value if arguments[4] == 1 else 1.0)

    monkeypatch.setattr(type(run.step), "__call__", breaks_at_one)
    with pytest.raises(Diverged, match=f"The training loss was {value} at step 1 of epoch 0") as diverged:
        list(run.epochs())
    row = diverged.value.metrics
    assert isinstance(row, StepMetrics)
    assert (row.step, repr(row.loss)) == (1, repr(value))


def test_a_confusion_matrix_is_made_when_it_is_asked_for(tmp_path: Path) -> None:
    run = Trainer(spec(epochs=1), digits(64))
    [metrics] = epochs_of(run)
    matrix = run.confusion()
    assert matrix.sum() == len(run.dataset.test.labels)
    assert metrics.test_accuracy == pytest.approx(float(matrix.diagonal().sum() / matrix.sum()))
