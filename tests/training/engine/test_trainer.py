import math

import pytest
import torch
from torch.nn.functional import cross_entropy

from tests.training.samples import digits, epochs_of, spec, weights_of
from training.batching import batch_bounds
from training.engine.conflicts import SpecConflict
from training.engine.counter_rng import permutation
from training.engine.data import make_feed
from training.engine.device.precision import possible_precisions
from training.engine.evaluation import EvaluationData, confusion_matrix, evaluate
from training.engine.totals import Diverged
from training.engine.trainer import Trainer
from training.metrics import EpochMetrics, RunFacts, StepMetrics


def test_a_few_epochs_learn_digits() -> None:
    run = Trainer(spec(epochs=4, schedule={"name": "cosine", "warmup_epochs": 1}), digits(test=None))
    epochs = epochs_of(run)
    assert [metrics.epoch for metrics in epochs] == [0, 1, 2, 3]
    assert epochs[-1].train_loss < epochs[0].train_loss / 2
    assert epochs[-1].test_accuracy is not None
    assert epochs[-1].test_accuracy > 0.9
    assert epochs[-1].test_top5_accuracy is not None
    assert epochs[-1].test_top5_accuracy >= epochs[-1].test_accuracy


def test_steps_are_reported_at_their_interval_and_epochs_after_them() -> None:
    run = Trainer(spec(batch_size=32, logging_interval=3), digits(200))
    seen = [
        (type(m), m.epoch, m.step if isinstance(m, StepMetrics) else None)
        for m in run.epochs()
        if not isinstance(m, RunFacts)
    ]
    one_epoch = [(StepMetrics, 0), (StepMetrics, 3), (StepMetrics, 6), (EpochMetrics, None)]
    assert seen == [(kind, epoch, step) for epoch in (0, 1) for kind, step in one_epoch]


def test_metrics_are_those_of_a_plain_loop() -> None:
    """The first epoch, written as a tutorial would, gives the same numbers."""
    data = digits(150)
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


def test_a_batch_in_parts_has_the_gradient_of_the_parts_together() -> None:
    """Parts of 20, 20 and 10 of a batch of 50: what each contributes is weighted by its images."""
    data = digits(50)
    plain = {"name": "sgd", "learning_rate": 1.0, "momentum": 0.0, "weight_decay": 0.0}
    run = Trainer(spec(batch_size="full", micro_batch_size=20, optimizer=plain, schedule="constant", epochs=1), data)
    network = Trainer(run.spec, data).network
    order = permutation(50, 0, 0, torch.device("cpu"))
    inputs, labels = run.batches.normalise(data.train.images[order]), data.train.labels[order]
    for first, end in ((0, 20), (20, 40), (40, 50)):
        loss = cross_entropy(
            network(inputs[first:end].contiguous(memory_format=torch.channels_last)), labels[first:end]
        )
        (loss * (end - first) / 50).backward()
    wanted = [parameter.detach() - parameter.grad for parameter in network.parameters() if parameter.grad is not None]
    assert epochs_of(run)[0].learning_rate == 1.0
    for trained, expected in zip(run.network.parameters(), wanted, strict=True):
        torch.testing.assert_close(trained.detach(), expected, atol=1e-4, rtol=1e-3)


def test_gradient_clipping_bounds_the_step() -> None:
    plain = {"name": "sgd", "learning_rate": 1.0, "momentum": 0.0, "weight_decay": 0.0}
    asked = {"batch_size": "full", "micro_batch_size": 50, "optimizer": plain, "schedule": "constant", "epochs": 1}
    run = Trainer(spec(**asked, regularisation={"gradient_clipping": 0.01}), digits(50))
    before = torch.cat([parameter.detach().clone().flatten() for parameter in run.network.parameters()])
    epochs_of(run)
    after = torch.cat([parameter.detach().flatten() for parameter in run.network.parameters()])
    assert (after - before).norm().item() == pytest.approx(0.01, rel=1e-3)


def test_label_smoothing_and_mixed_labels_weigh_the_loss_as_their_papers_say() -> None:
    data = digits(60)
    run = Trainer(
        spec(batch_size=60, augmentation={"mixup": {}}, regularisation={"label_smoothing": 0.2}, logging_interval=1),
        data,
    )
    examples = next(next(run.batches.epoch(0))())
    assert examples.other_labels is not None
    assert examples.shares is not None
    targets = torch.zeros(60, 10, dtype=torch.float64)
    shares = examples.shares.double()
    targets[torch.arange(60), examples.labels] += shares
    targets[torch.arange(60), examples.other_labels] += 1 - shares
    targets = 0.8 * targets + 0.2 / 10
    logits = Trainer(run.spec, data).network(examples.images).double()
    wanted = -(targets * logits.log_softmax(1)).sum(1).mean().item()
    first = next(iter(run.epochs()))
    assert isinstance(first, StepMetrics)
    assert first.loss == pytest.approx(wanted, rel=1e-5)


def test_the_same_spec_and_data_give_the_same_weights() -> None:
    def weights(seed: int) -> torch.Tensor:
        run = Trainer(spec(seed=seed, augmentation={"crop": {"padding": 2}, "flip": True}), digits(128))
        epochs_of(run)
        return weights_of(run)

    assert weights(0).equal(weights(0))
    assert not weights(0).equal(weights(1))


def test_starting_leaves_torch_s_own_generator_alone() -> None:
    before = torch.random.get_rng_state()
    Trainer(spec(), digits(128))
    assert torch.random.get_rng_state().equal(before)


def test_it_stops_between_two_steps_when_asked() -> None:
    asked = iter([False] * 3 + [True])
    run = Trainer(spec(batch_size=32, logging_interval=1), digits(320))
    assert [metrics.epoch for metrics in run.epochs(lambda: next(asked)) if isinstance(metrics, StepMetrics)] == [0] * 3


def test_a_loss_that_is_no_number_ends_the_run_and_says_where() -> None:
    optimizer = {"name": "sgd", "learning_rate": 100.0}
    run = Trainer(spec(optimizer=optimizer, schedule="constant", epochs=20), digits(256))
    with pytest.raises(Diverged, match=r"The (training|test) loss was \S+ .*, with a learning rate of 100\."):
        list(run.epochs())


def test_the_first_step_that_went_wrong_is_named_though_nobody_looked_at_it() -> None:
    run = Trainer(spec(batch_size=32, logging_interval=5, epochs=1), digits(320))
    seen: list[int] = []
    with pytest.raises(Diverged) as diverged:
        for measured in run.epochs():
            if isinstance(measured, StepMetrics):
                seen.append(measured.step)
                with torch.no_grad():  # before step 1, which is not reported, breaks it
                    next(run.network.parameters()).fill_(math.nan)
    assert seen == [0]
    metrics = diverged.value.metrics
    assert isinstance(metrics, StepMetrics)
    assert (metrics.epoch, metrics.step, math.isnan(metrics.loss)) == (0, 1, True)


def test_a_spec_that_does_not_fit_its_data_is_refused() -> None:
    with pytest.raises(SpecConflict, match="at most 30") as refused:
        Trainer(spec(), digits(30))
    assert refused.value.path == ("batch_size",)


def test_fp16_is_refused_on_a_processor() -> None:
    with pytest.raises(SpecConflict, match="CUDA") as refused:
        Trainer(spec(precision="fp16"), digits(128))
    assert refused.value.path == ("precision",)


@pytest.mark.parametrize(
    ("places", "size", "bounds"),
    [
        ((0, 10), 5, [(0, 5), (5, 10)]),
        ((0, 12), 5, [(0, 5), (5, 10), (10, 12)]),
        ((0, 11), 5, [(0, 5), (5, 11)]),
        ((0, 3), 3, [(0, 3)]),
        ((0, 3), 2, [(0, 3)]),
        ((20, 33), 5, [(20, 25), (25, 30), (30, 33)]),
    ],
)
def test_every_image_is_in_one_batch_and_none_is_alone(
    places: tuple[int, int], size: int, bounds: list[tuple[int, int]]
) -> None:
    assert batch_bounds(*places, size) == bounds


@pytest.mark.parametrize("train", [129, 2])
@pytest.mark.parametrize("architecture", ["resnet20", "resnet18"])
def test_odd_numbers_of_images_train(train: int, architecture: str) -> None:
    asked = spec(architecture=architecture, batch_size=2 if train == 2 else 64, epochs=1)
    assert [metrics.epoch for metrics in epochs_of(Trainer(asked, digits(train, 3)))] == [0]


def test_bf16_computes_in_bf16_and_keeps_weights_in_fp32() -> None:
    run = Trainer(spec(precision="bf16", epochs=3), digits(512))
    epochs = epochs_of(run)
    assert run.facts.precision == "bf16"
    assert {parameter.dtype for parameter in run.network.parameters()} == {torch.float32}
    assert epochs[-1].train_loss < epochs[0].train_loss
    full = epochs_of(Trainer(spec(epochs=3), digits(512)))[0]
    assert epochs[0].train_loss != full.train_loss
    assert epochs[0].train_loss == pytest.approx(full.train_loss, rel=0.2)


def test_auto_is_bf16_only_where_the_processor_multiplies_it() -> None:
    capabilities = torch.cpu.get_capabilities()
    native = capabilities.get("avx512_bf16") or capabilities.get("amx_bf16")
    assert possible_precisions("auto", torch.device("cpu")) == (("bf16", "fp32") if native else ("fp32",))
    assert possible_precisions("bf16", torch.device("cpu")) == ("bf16",)


def test_evaluation_is_the_mean_over_every_image_whatever_the_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    data = digits(64, None)
    run = Trainer(spec(), data)
    feed, rows = make_feed(data.test, torch.device("cpu"), "auto"), torch.arange(len(data.test.labels))
    examined = EvaluationData(feed, rows, run.batches.normalise, 10)
    whole, confusion = evaluate(run.network, examined), confusion_matrix(run.network, examined)
    monkeypatch.setattr("training.engine.evaluation.BATCH_PIXELS", 7 * 8 * 8)
    parts = evaluate(run.network, examined)
    assert parts.accuracy == whole.accuracy
    assert parts.loss == pytest.approx(whole.loss, rel=1e-6)
    assert confusion_matrix(run.network, examined).equal(confusion)
    with torch.no_grad():
        logits = run.network(run.batches.normalise(data.test.images))
    guesses = logits.argmax(1)
    assert whole.loss == pytest.approx(cross_entropy(logits, data.test.labels).item(), rel=1e-5)
    assert whole.accuracy == (guesses == data.test.labels).double().mean().item()
    assert confusion.sum() == len(rows)
    assert confusion.equal(run.confusion())
    assert confusion[3, 5] == ((data.test.labels == 3) & (guesses == 5)).sum()


def test_epochs_are_evaluated_at_their_interval_and_at_the_end() -> None:
    epochs = epochs_of(Trainer(spec(epochs=5, evaluation_interval=2), digits(128)))
    assert [metrics.test_accuracy is not None for metrics in epochs] == [False, True, False, True, True]
    assert [metrics.test_loss is not None for metrics in epochs] == [False, True, False, True, True]
