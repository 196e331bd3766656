"""Cross-validation: which images a run holds out, and what its network takes them for."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.training.samples import digits, epochs_of, spec
from training.engine.checkpoints import pack, unpack
from training.engine.data import Dataset
from training.engine.evaluator import EvaluationStopped
from training.engine.normalisation import Normalisation
from training.engine.team import Team
from training.engine.trainer import Trainer
from training.images.predictions import Predictions
from training.metrics import StepMetrics

FOLDS = 4


def run_of(index: int = 1, data: Dataset | None = None, **fields: Any) -> Trainer:
    fold = {"index": index, "of": FOLDS}
    return Trainer(spec(validation_fold=fold, batch_size=32, **fields), data or digits(200))


def by_content(found: Predictions) -> dict[tuple[int, bytes], bytes]:
    keys = zip(found.splits.tolist(), map(bytes, found.digests), strict=True)
    return dict(zip(keys, map(bytes, found.probabilities), strict=True))


def test_the_folds_hold_out_every_training_image_once() -> None:
    data = digits(200)
    runs = [run_of(index, data) for index in range(FOLDS)]
    held_out = torch.cat([run.batches.validation_rows for run in runs])
    assert torch.equal(held_out.sort().values, torch.arange(200))
    for run in runs:
        assert (run.facts.train_images, run.facts.validation_images) == (150, 50)
        assert not set(run.batches.rows.tolist()) & set(run.batches.validation_rows.tolist())


def test_the_order_of_the_images_does_not_change_what_is_held_out() -> None:
    data = digits(200)
    order = torch.randperm(200, generator=torch.Generator().manual_seed(1))
    train = type(data.train)(data.train.images[order], data.train.labels[order])
    other = Dataset(data.name, data.classes, train, data.test, data.source)
    one, two = run_of(data=data), run_of(data=other)
    assert torch.equal(order[two.batches.validation_rows].sort().values, one.batches.validation_rows)


@pytest.mark.parametrize("fields", [{}, {"regularisation": {"ema": {"decay": 0.5}}}, {"placement": "streamed"}])
def test_probabilities_are_those_of_the_trained_network(fields: dict[str, Any]) -> None:
    data = digits(200)
    run = run_of(data=data, **fields)
    last = epochs_of(run)[-1]
    found = run.predictions()
    assert found.probabilities.dtype == np.float32
    assert found.probabilities.sum(1) == pytest.approx(np.ones(90), abs=1e-6)
    assert np.bincount(found.splits).tolist() == [50, 40]
    held_out = run.batches.validation_rows
    assert np.array_equal(found.labels, torch.cat((data.train.labels[held_out], data.test.labels)).numpy())
    assert np.array_equal(found.digests[:50], data.sample_digests("train")[held_out.numpy()])
    right = found.probabilities.argmax(1) == found.labels
    assert (right[:50].mean(), right[50:].mean()) == pytest.approx((last.validation_accuracy, last.test_accuracy))
    images = torch.cat((data.train.images[held_out], data.test.images))
    normalise = Normalisation.of(data.train.images, run.batches.rows)
    with torch.no_grad():
        wanted = run.evaluated_network.eval()(normalise(images)).softmax(1)
    assert found.probabilities == pytest.approx(wanted.numpy(), abs=1e-5)


def test_a_run_that_was_interrupted_predicts_the_same() -> None:
    """Its images may lie in another order then: they are told by their content."""
    whole = run_of(deterministic=True)
    epochs_of(whole)
    first = run_of(deterministic=True)
    seen = 0

    def enough() -> bool:
        return seen >= 1

    for measured in first.epochs(enough):
        seen += isinstance(measured, StepMetrics)
    second = run_of(deterministic=True)
    second.load_state_dict(unpack(pack(first.state_dict())))
    epochs_of(second)
    assert by_content(second.predictions()) == by_content(whole.predictions())


def test_it_ends_early_once_it_is_told_to() -> None:
    run = run_of(epochs=1)
    epochs_of(run)
    with pytest.raises(EvaluationStopped):
        run.predictions(lambda: True)


def test_each_process_of_a_team_adds_its_share(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    run = run_of(epochs=1)
    epochs_of(run)
    parts = []
    whole = run.predictions().probabilities
    monkeypatch.setattr(Team, "all_reduce_sum", lambda _team, totals: totals)
    monkeypatch.setattr(Team, "any_process_says", lambda _team, *says, device: list(says))
    for rank in range(2):
        run.evaluator._team = Team(rank, 2)
        parts.append(run.predictions().probabilities)
    assert sum(parts) == pytest.approx(whole, abs=1e-6)
    assert all(0 < (part.sum(1) == 0).sum() < len(whole) for part in parts)
