import math
from pathlib import Path

import pytest
import torch
from torch.nn.functional import cross_entropy

from training.data import Dataset, Split, load_dataset
from training.draws import permutation
from training.evaluation import evaluate
from training.metrics import EpochMetrics, StepMetrics
from training.normalisation import Normalisation
from training.precision import choose_precision
from training.spec import TrainingSpec
from training.trainer import Diverged, SpecConflict, Trainer, batch_bounds


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load_dataset("digits", datasets_dir=Path("nowhere"), downloads_dir=Path("nowhere"))


def small(dataset: Dataset, train: int, test: int = 40) -> Dataset:
    return Dataset(
        dataset.name,
        dataset.classes,
        Split(dataset.train.images[:train], dataset.train.labels[:train]),
        Split(dataset.test.images[:test], dataset.test.labels[:test]),
        dataset.source,
    )


def spec(**fields: object) -> TrainingSpec:
    defaults = {"dataset": "digits", "architecture": "resnet20", "epochs": 2, "batch_size": 64}
    return TrainingSpec.model_validate({**defaults, "precision": "fp32", **fields})


def test_a_few_epochs_learn_digits(digits: Dataset) -> None:
    run = Trainer(spec(epochs=4, schedule={"name": "cosine", "warmup_epochs": 1}), digits)
    epochs = [metrics for metrics in run.epochs() if isinstance(metrics, EpochMetrics)]
    assert [metrics.epoch for metrics in epochs] == [0, 1, 2, 3]
    assert epochs[-1].train_loss < epochs[0].train_loss / 2
    assert epochs[-1].test_accuracy > 0.9
    assert epochs[-1].test_top5_accuracy is not None
    assert epochs[-1].test_top5_accuracy >= epochs[-1].test_accuracy


def test_steps_are_reported_at_their_interval_and_epochs_after_them(digits: Dataset) -> None:
    run = Trainer(spec(batch_size=32, logging_interval=3), small(digits, 200))
    seen = [(type(m), m.epoch, m.step if isinstance(m, StepMetrics) else None) for m in run.epochs()]
    one_epoch = [(StepMetrics, 0), (StepMetrics, 3), (StepMetrics, 6), (EpochMetrics, None)]
    assert seen == [(kind, epoch, step) for epoch in (0, 1) for kind, step in one_epoch]


def test_metrics_are_those_of_a_plain_loop(digits: Dataset) -> None:
    """The first epoch, written as a tutorial would, gives the same numbers."""
    data = small(digits, 150)
    run = Trainer(spec(batch_size=50, optimizer={"name": "sgd", "learning_rate": 0.05, "momentum": 0.0}), data)
    network = Trainer(run.spec, data).network
    order = permutation(150, run.spec.seed, 0, torch.device("cpu"))
    images = data.train.images.double() / 255
    mean, deviation = images.mean((0, 1, 2)), images.std((0, 1, 2), unbiased=False)
    inputs = ((images - mean) / deviation).float().permute(0, 3, 1, 2)
    optimizer = torch.optim.SGD(network.parameters(), 0.05, weight_decay=5e-4)
    losses, correct = [], 0
    for step, batch in enumerate(order.split(50)):
        for group in optimizer.param_groups:
            group["lr"] = 0.05 * (1 + math.cos(math.pi * step / 6)) / 2
        logits = network(inputs[batch])
        loss = cross_entropy(logits, data.train.labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        correct += int((logits.argmax(1) == data.train.labels[batch]).sum())

    first = next(metrics for metrics in run.epochs() if isinstance(metrics, EpochMetrics))
    assert first.train_loss == pytest.approx(sum(losses) / 3, rel=1e-3)
    assert first.train_accuracy == pytest.approx(correct / 150, abs=2 / 150)


def test_the_same_spec_and_data_give_the_same_weights(digits: Dataset) -> None:
    data = small(digits, 128)
    augmentation = {"crop": {"padding": 2}, "flip": True}

    def weights(seed: int) -> torch.Tensor:
        run = Trainer(spec(seed=seed, augmentation=augmentation), data)
        list(run.epochs())
        return torch.cat([parameter.detach().flatten() for parameter in run.network.parameters()])

    assert weights(0).equal(weights(0))
    assert not weights(0).equal(weights(1))


def test_starting_leaves_torch_s_own_generator_alone(digits: Dataset) -> None:
    before = torch.random.get_rng_state()
    Trainer(spec(), small(digits, 128))
    assert torch.random.get_rng_state().equal(before)


def test_it_stops_between_two_steps_when_asked(digits: Dataset) -> None:
    asked = iter([False] * 3 + [True])
    run = Trainer(spec(batch_size=32, logging_interval=1), small(digits, 320))
    assert [metrics.epoch for metrics in run.epochs(lambda: next(asked))] == [0, 0, 0]


def test_a_loss_that_is_no_number_ends_the_run(digits: Dataset) -> None:
    run = Trainer(spec(optimizer={"name": "sgd", "learning_rate": 100.0}, epochs=20), small(digits, 256))
    with pytest.raises(Diverged, match=r"The loss was \S+ at step \d+ of epoch \d+, with a learning rate of"):
        list(run.epochs())


def test_a_spec_that_does_not_fit_its_data_is_refused(digits: Dataset) -> None:
    with pytest.raises(SpecConflict, match="at most 30") as refused:
        Trainer(spec(), small(digits, 30))
    assert refused.value.path == ("batch_size",)


@pytest.mark.parametrize(
    ("images", "batch_size", "bounds"),
    [
        (10, 5, [(0, 5), (5, 10)]),
        (12, 5, [(0, 5), (5, 10), (10, 12)]),
        (11, 5, [(0, 5), (5, 11)]),
        (3, 3, [(0, 3)]),
        (3, 2, [(0, 3)]),
    ],
)
def test_every_image_is_in_one_batch_and_none_is_alone(
    images: int, batch_size: int, bounds: list[tuple[int, int]]
) -> None:
    assert batch_bounds(images, batch_size) == bounds


@pytest.mark.parametrize("train", [129, 2])
@pytest.mark.parametrize("architecture", ["resnet20", "resnet18"])
def test_odd_numbers_of_images_train(digits: Dataset, train: int, architecture: str) -> None:
    run = Trainer(
        spec(architecture=architecture, batch_size=2 if train == 2 else 64, epochs=1), small(digits, train, 3)
    )
    assert [metrics.epoch for metrics in run.epochs()][-1] == 0


def test_bf16_computes_in_bf16_and_keeps_weights_in_fp32(digits: Dataset) -> None:
    run = Trainer(spec(precision="bf16", epochs=3), small(digits, 512))
    epochs = [metrics for metrics in run.epochs() if isinstance(metrics, EpochMetrics)]
    assert run.facts.precision == "bf16"
    assert {parameter.dtype for parameter in run.network.parameters()} == {torch.float32}
    assert epochs[-1].train_loss < epochs[0].train_loss
    full = Trainer(spec(epochs=3), small(digits, 512))
    first = next(metrics for metrics in full.epochs() if isinstance(metrics, EpochMetrics))
    assert epochs[0].train_loss != first.train_loss
    assert epochs[0].train_loss == pytest.approx(first.train_loss, rel=0.2)


def test_auto_is_bf16_only_where_the_processor_multiplies_it() -> None:
    capabilities = torch.cpu.get_capabilities()
    native = capabilities.get("avx512_bf16") or capabilities.get("amx_bf16")
    assert choose_precision("auto", torch.device("cpu")) == ("bf16" if native else "fp32")
    assert choose_precision("bf16", torch.device("cpu")) == "bf16"


def test_normalisation_is_exact_and_forgives_a_constant_channel() -> None:
    images = torch.randint(0, 256, (50, 6, 6, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    images[..., 2] = 90
    normalised = Normalisation.of(images)(images)
    assert normalised.shape == (50, 3, 6, 6)
    assert normalised.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(normalised[:, :2].mean((0, 2, 3)), torch.zeros(2), atol=1e-5, rtol=0)
    torch.testing.assert_close(normalised[:, :2].std((0, 2, 3), unbiased=False), torch.ones(2))
    assert normalised[:, 2].count_nonzero() == 0


def test_evaluation_is_the_mean_over_every_image_whatever_the_batches(
    digits: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Trainer(spec(), digits)
    whole = evaluate(run.network, run.test, run.normalise, "fp32")
    monkeypatch.setattr("training.evaluation.BATCH_PIXELS", 7 * 8 * 8)
    parts = evaluate(run.network, run.test, run.normalise, "fp32")
    assert parts.accuracy == whole.accuracy
    assert parts.loss == pytest.approx(whole.loss, rel=1e-6)
    with torch.no_grad():
        logits = run.network(run.normalise(run.test.images))
    assert whole.loss == pytest.approx(cross_entropy(logits, run.test.labels).item(), rel=1e-5)
    assert whole.accuracy == (logits.argmax(1) == run.test.labels).double().mean().item()
