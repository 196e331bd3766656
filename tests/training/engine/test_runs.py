"""What a run decides on the way: its best epoch, when to stop, which weights it is evaluated by and starts from."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load, load_file

from tests.training.samples import digits, epochs_of, spec, weights_of
from training.engine.checkpoints import pack, unpack
from training.engine.conflicts import SpecConflict
from training.engine.data import make_feed
from training.engine.evaluation import EvaluationData, evaluate
from training.engine.trainer import Trainer
from training.engine.weights import weights_of_state
from training.images.packs import SPLITS
from training.metrics import EpochMetrics


def accuracy_of(run: Trainer, network: torch.nn.Module) -> float:
    feed = make_feed(run.dataset.test, torch.device("cpu"), "auto")
    rows = torch.arange(len(run.dataset.test.labels))
    return evaluate(network, EvaluationData(feed, rows, run.batches.normalise, len(run.dataset.classes))).accuracy


def test_what_is_split_off_is_validated_on_and_never_trained_on() -> None:
    run = Trainer(spec(validation_fraction=0.25, epochs=2, batch_size=32), digits(200))
    facts = run.facts
    assert (facts.train_images, facts.validation_images) == (150, 50)
    assert not set(run.batches.rows.tolist()) & set(run.batches.validation_rows.tolist())
    for metrics in epochs_of(run):
        assert metrics.validation_accuracy is not None
        assert metrics.validation_loss is not None
        assert metrics.validation_accuracy * 50 == pytest.approx(round(metrics.validation_accuracy * 50))
    without = epochs_of(Trainer(spec(epochs=1), digits(200)))
    assert without[0].validation_accuracy is None


def test_early_stopping_ends_the_run_and_keeps_the_best_epoch_s_weights(tmp_path: Path) -> None:
    patience = {"early_stopping": {"patience": 2}}
    optimizer = {"name": "sgd", "learning_rate": 0.3}
    asked = spec(validation_fraction=0.3, epochs=60, regularisation=patience, optimizer=optimizer, schedule="constant")
    run = Trainer(asked, digits(200))
    epochs = epochs_of(run)
    accuracies = [metrics.validation_accuracy or 0.0 for metrics in epochs]
    best = accuracies.index(max(accuracies))
    assert len(epochs) < 60
    assert len(epochs) - 1 == best + 2
    assert (run.progress.best_epoch, run.progress.stopped_early) == (best, True)
    assert run.progress.finished(asked)
    run.save_weights(tmp_path / "kept.safetensors")
    fresh = Trainer(asked, digits(200))
    fresh.network.load_state_dict(load_file(tmp_path / "kept.safetensors"))
    feed, rows = run.batches.feed, run.batches.validation_rows
    kept = evaluate(fresh.network, EvaluationData(feed, rows, run.batches.normalise, 10))
    assert kept.accuracy == accuracies[best]
    last = weights_of(run)
    found = run.predictions()
    of_test = found.splits == SPLITS.index("test")
    taken = found.probabilities[of_test].argmax(1)
    assert float((taken == found.labels[of_test]).mean()) == pytest.approx(epochs[best].test_accuracy)
    assert epochs[best].test_accuracy != epochs[-1].test_accuracy, "an easier task would not tell them apart"
    assert weights_of(run).equal(last)


def test_a_validation_split_keeps_the_best_epoch_s_weights_beside_the_last() -> None:
    asked = spec(
        validation_fraction=0.3, epochs=8, optimizer={"name": "sgd", "learning_rate": 0.3}, schedule="constant"
    )
    run = Trainer(asked, digits(200))
    accuracies = [metrics.validation_accuracy or 0.0 for metrics in epochs_of(run)]
    best = accuracies.index(max(accuracies))
    assert best < 7, "an easier task would keep none"
    content = run.packed_best_weights()
    assert content is not None
    assert content != run.packed_weights()
    fresh = Trainer(asked, digits(200))
    fresh.network.load_state_dict(load(content))
    feed, rows = run.batches.feed, run.batches.validation_rows
    kept = evaluate(fresh.network, EvaluationData(feed, rows, run.batches.normalise, 10))
    assert kept.accuracy == accuracies[best]
    resumed = Trainer(asked, digits(200))
    resumed.load_state_dict(unpack(pack(run.state_dict())))
    assert resumed.packed_best_weights() == content
    assert weights_of_state(run.state_dict()) == run.packed_weights()


def test_no_best_weights_are_kept_where_the_last_are_the_best_or_only_test_images_could_choose() -> None:
    one = Trainer(spec(validation_fraction=0.3, epochs=1), digits(200))
    epochs_of(one)
    assert one.packed_best_weights() is None
    untold = Trainer(spec(epochs=3), digits(200))
    epochs_of(untold)
    assert untold.packed_best_weights() is None


def test_the_average_is_what_is_evaluated_and_kept(tmp_path: Path) -> None:
    run = Trainer(spec(regularisation={"ema": {"decay": 0.9}}, epochs=2), digits(256))
    epochs = epochs_of(run)
    assert run.average is not None
    assert epochs[-1].test_accuracy == accuracy_of(run, run.average.network)
    run.save_weights(tmp_path / "kept.safetensors")
    kept = load_file(tmp_path / "kept.safetensors")
    assert all(kept[name].equal(value) for name, value in run.average.network.state_dict().items())
    assert not all(kept[name].equal(value) for name, value in run.network.state_dict().items())


def test_equal_weights_are_equal_files_wherever_and_whenever_they_are_written(tmp_path: Path) -> None:
    files = [tmp_path / "job_1" / "attempt-0001" / "weights", tmp_path / "job_2" / "weights"]
    for file in files:
        run = Trainer(spec(epochs=1, deterministic=True), digits(64))
        epochs_of(run)
        run.save_weights(file)
        assert file.read_bytes() == run.packed_weights()
    assert files[0].read_bytes() == files[1].read_bytes()
    assert Trainer(spec(), digits(64)).packed_weights() != files[0].read_bytes()


def test_stochastic_weight_averaging_averages_the_ends_of_epochs() -> None:
    swa = {"swa": {"start_epoch": 1, "learning_rate": 0.05}}
    run = Trainer(spec(regularisation=swa, epochs=4), digits(128))
    ends, evaluated, rates = [], [], []
    for metrics in run.epochs():
        if isinstance(metrics, EpochMetrics):
            ends.append([parameter.detach().clone() for parameter in run.network.parameters()])
            evaluated.append(metrics.test_accuracy)
            rates.append(metrics.learning_rate)
    assert run.average is not None
    for place, averaged in enumerate(run.average.network.parameters()):
        torch.testing.assert_close(averaged, torch.stack([end[place] for end in ends[1:]]).mean(0))
    assert evaluated[-1] == accuracy_of(run, run.average.network)
    assert rates[1:] == [0.05] * 3


def test_an_average_is_measured_on_parts_that_can_be_normalised() -> None:
    """Five images in batches of four, whose feature maps end at one pixel: the last would be alone."""
    swa = {"swa": {"start_epoch": 1}}
    run = Trainer(spec(architecture="resnet18", batch_size=4, regularisation=swa), digits(5))
    assert len(epochs_of(run)) == 2


def test_a_plateau_lowers_the_learning_rate_when_the_loss_no_longer_falls() -> None:
    schedule = {"name": "plateau", "gamma": 0.5, "patience": 0, "threshold": 0.9}  # no fall is ever enough
    rates = [metrics.learning_rate for metrics in epochs_of(Trainer(spec(epochs=4, schedule=schedule), digits(64)))]
    assert rates == [0.1, 0.1, 0.05, 0.025]


def test_a_run_starts_from_an_earlier_one_s_weights(tmp_path: Path) -> None:
    first = Trainer(spec(epochs=3), digits(512, None))
    epochs_of(first)
    first.save_weights(tmp_path / "earlier.safetensors")
    second = Trainer(spec(starting_weights="earlier"), digits(512, None), weights_dir=tmp_path)
    assert weights_of(second).equal(weights_of(first))


def test_with_other_classes_only_the_last_layer_starts_anew(tmp_path: Path) -> None:
    first = Trainer(spec(), digits(64))
    first.save_weights(tmp_path / "earlier.safetensors")
    data = digits(64)
    rows = data.train.labels < 5
    test_rows = data.test.labels < 5
    fewer = type(data).of_arrays(
        "fewer",
        data.train.images[rows].numpy(),
        data.train.labels[rows].numpy(),
        data.test.images[test_rows].numpy(),
        data.test.labels[test_rows].numpy(),
        data.classes[:5],
    )
    asked = spec(dataset="fewer", batch_size=16)
    second = Trainer(asked.model_copy(update={"starting_weights": "earlier"}), fewer, weights_dir=tmp_path)
    fresh = Trainer(asked, fewer)
    for name, value in second.network.state_dict().items():
        source = fresh if name.startswith("head.linear") else first
        assert value.equal(source.network.state_dict()[name]), name


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "has no trained weights here"), (b"garbage", "cannot be used")],
)
def test_weights_that_are_not_there_or_damaged_are_named(tmp_path: Path, content: bytes | None, reason: str) -> None:
    if content:
        (tmp_path / "earlier.safetensors").write_bytes(content)
    with pytest.raises(SpecConflict, match=reason) as refused:
        Trainer(spec(starting_weights="earlier"), digits(64), weights_dir=tmp_path)
    assert refused.value.path == ("starting_weights",)


def test_weights_of_another_architecture_are_refused(tmp_path: Path) -> None:
    Trainer(spec(), digits(64)).save_weights(tmp_path / "earlier.safetensors")
    other = {"name": "resnet20", "activation": "tanh"}
    with pytest.raises(
        SpecConflict, match=r'is a resnet20, and the job asks for a resnet20 with \{"activation": "tanh"\}'
    ):
        Trainer(spec(architecture=other, starting_weights="earlier"), digits(64), weights_dir=tmp_path)
