"""A run that starts from another's weights: what it takes, what it leaves as it is, and how fast the rest learns."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from tests.training.samples import spec, weights_of
from training.engine.checkpoints import load_checkpoint, save_checkpoint
from training.engine.conflicts import SpecConflict
from training.engine.data import Dataset
from training.engine.frozen import FrozenBatchNorm
from training.engine.trainer import Trainer
from training.engine.weights import weights_of_state
from training.spec import ResolvedSpec

OPTIMIZERS: dict[str, dict[str, Any]] = {
    "sgd": {"name": "sgd", "weight_decay": 0.1, "norm_weight_decay": 0.1},
    "adamw": {"name": "adamw", "weight_decay": 0.1},
    "lion": {"name": "lion", "weight_decay": 0.1},
    "lamb": {"name": "lamb", "weight_decay": 0.1},
    "muon": {"name": "muon", "weight_decay": 0.1},
    "sam": {"name": "sgd", "weight_decay": 0.1, "sam": {"rho": 0.1}},
}


@cache
def noise(size: int = 8, classes: str = "abcd", channels: int = 3) -> Dataset:
    drawn = np.random.default_rng(0)
    labels = np.arange(32) % len(classes)
    shade = (labels * 32)[:, None, None, None].astype(np.uint8)
    images = drawn.integers(0, 256, (32, size, size, channels), np.uint8) // 2 + shade
    return Dataset.of_arrays("noise", images, labels, images[:8], labels[:8], list(classes))


def asked(**fields: Any) -> ResolvedSpec:
    defaults = {"dataset": "noise", "batch_size": 8, "epochs": 1, "compile": "off", "deterministic": True}
    return spec(**{**defaults, **fields})


def ended(run: Trainer) -> Trainer:
    for _ in run.epochs():
        pass
    return run


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With weights of three networks that were trained on other classes."""
    found = tmp_path_factory.mktemp("weights")
    for name in ("resnet20", "wrn-16-1", "resnet18"):
        ended(Trainer(asked(architecture=name), noise(classes="wxyz"))).save_weights(found / f"{name}.safetensors")
    return found


def starting(folder: Path, name: str = "resnet20", data: Dataset | None = None, **fields: Any) -> Trainer:
    wanted = asked(**{"architecture": name, "starting_weights": name, **fields})
    return Trainer(wanted, data or noise(), weights_dir=folder)


def copied(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in network.state_dict().items()}


def changed(before: dict[str, Tensor], network: nn.Module) -> set[str]:
    return {name for name, value in network.state_dict().items() if not value.equal(before[name])}


def frozen_names(names: set[str], freeze: str) -> set[str]:
    begins = {"none": ("nothing",), "stem": ("stem.",), "all-but-head": ("stem.", "stage", "head.norm")}[freeze]
    return {name for name in names if name.startswith(begins)}


@pytest.mark.parametrize("averaged", [{}, {"ema": {"decay": 0.5}}, {"swa": {"start_epoch": 0}}], ids=str)
@pytest.mark.parametrize("freeze", ["none", "stem", "all-but-head"])
@pytest.mark.parametrize("name", ["resnet20", "wrn-16-1"])
def test_what_is_frozen_stays_to_the_bit_and_the_rest_learns(
    folder: Path, name: str, freeze: str, averaged: dict[str, Any]
) -> None:
    run = starting(folder, name, freeze=freeze, regularisation=averaged, epochs=2)
    before = copied(run.network)
    ended(run)
    frozen = frozen_names(set(before), freeze)
    assert changed(before, run.network) == before.keys() - frozen
    if run.average:
        learning = {name for name in before.keys() - frozen if not name.endswith("num_batches_tracked")}
        found = changed(before, run.average.network)
        assert found >= learning
        assert not found & frozen


@pytest.mark.parametrize("freeze", ["stem", "all-but-head"])
@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_frozen_weights_cost_no_gradient_and_no_state_and_decay_with_no_optimizer(
    folder: Path, kind: str, freeze: str
) -> None:
    run = starting(folder, freeze=freeze, optimizer=OPTIMIZERS[kind])
    before = copied(run.network)
    frozen = frozen_names(set(before), freeze)
    parts = next(iter(run.batches.epoch(0)))
    run.step.forward_backward(next(parts()), 1.0)
    parameters = dict(run.network.named_parameters())
    assert {name for name, each in parameters.items() if each.grad is None} == frozen & parameters.keys()
    run.optimizer.zero_grad()
    ended(run)
    assert not changed(before, run.network) & frozen
    held = {id(each) for group in run.optimizer.param_groups for each in group["params"]}
    assert held == {id(each) for name, each in parameters.items() if name not in frozen}
    assert {id(each) for each in run.optimizer.state} <= held


def test_an_average_measures_no_statistics_of_what_is_frozen(folder: Path) -> None:
    run = starting(folder, freeze="stem", regularisation={"swa": {"start_epoch": 0}})
    before = copied(run.network)
    ended(run)
    assert run.average is not None
    norms = {name: each for name, each in run.average.network.named_modules() if isinstance(each, _BatchNorm)}
    assert [name for name, norm in norms.items() if isinstance(norm, FrozenBatchNorm)] == ["stem.norm"]
    for name, norm in norms.items():
        assert norm.running_mean is not None
        assert norm.running_mean.equal(before[f"{name}.running_mean"]) == (name == "stem.norm")


@pytest.mark.parametrize("optimizer", [{"name": "sgd", "weight_decay": 0.0}, {"name": "muon", "weight_decay": 0.0}])
@pytest.mark.parametrize("factor", [0.5, 0.125])
def test_the_factor_scales_the_update_of_given_layers_alone(
    folder: Path, factor: float, optimizer: dict[str, Any]
) -> None:
    moved = []
    for share in (1.0, factor):
        run = starting(folder, optimizer=optimizer, batch_size="full", starting_weights_learning_rate_factor=share)
        before = copied(run.network)
        ended(run)  # a single step
        moved.append({name: value - before[name] for name, value in run.network.named_parameters()})
    for name, whole in moved[0].items():
        wanted = whole if name.startswith("head.linear") else factor * whole
        torch.testing.assert_close(moved[1][name], wanted, rtol=1e-2, atol=1e-6)
        assert whole.any(), name


def test_a_schedule_scales_both_learning_rates(folder: Path) -> None:
    run = starting(folder, starting_weights_learning_rate_factor=0.1, optimizer={"name": "adamw"}, epochs=2)
    for _ in run.epochs(lambda: run.progress.epoch == 1):
        pass
    given, head = (group["lr"] for group in run.optimizer.param_groups)
    assert given == pytest.approx(0.1 * head)
    assert 0 < head < run.spec.optimizer.learning_rate


@pytest.mark.parametrize(
    "fields",
    [
        {"freeze": "stem"},
        {"freeze": "all-but-head"},
        {"starting_weights_learning_rate_factor": 0.3},
    ],
    ids=str,
)
def test_each_option_changes_what_is_learned(folder: Path, fields: dict[str, Any]) -> None:
    assert not weights_of(ended(starting(folder, **fields))).equal(weights_of(ended(starting(folder))))


@pytest.mark.parametrize("averaged", [{"ema": {"decay": 0.5}}, {"swa": {"start_epoch": 0}}], ids=str)
@pytest.mark.parametrize(
    "fields",
    [
        {"freeze": "stem", "starting_weights_learning_rate_factor": 0.3, "optimizer": "muon"},
        {"freeze": "all-but-head", "optimizer": "lamb"},
    ],
    ids=str,
)
def test_a_run_goes_on_to_the_bit(
    folder: Path, tmp_path: Path, fields: dict[str, Any], averaged: dict[str, Any]
) -> None:
    fields = {**fields, "epochs": 2, "regularisation": averaged}
    unbroken = ended(starting(folder, **fields))
    stopped = starting(folder, **fields)
    for _ in stopped.epochs(lambda: (stopped.progress.epoch, stopped.progress.step) >= (1, 2)):
        pass
    save_checkpoint(stopped.state_dict(), tmp_path / "state")
    resumed = starting(folder, **fields)
    resumed.load_state_dict(load_checkpoint(tmp_path / "state"))
    assert (resumed.progress.epoch, resumed.progress.step) == (1, 2)
    assert weights_of(ended(resumed)).equal(weights_of(unbroken))


def test_the_head_is_new_where_the_classes_are_others_by_name(folder: Path) -> None:
    same, other = starting(folder, data=noise(classes="wxyz")), starting(folder)
    fresh = Trainer(asked(), noise())
    name = "head.linear.weight"
    assert other.network.state_dict()[name].equal(fresh.network.state_dict()[name])
    assert not same.network.state_dict()[name].equal(fresh.network.state_dict()[name])
    in_other_order = starting(folder, data=noise(classes="xwyz"))
    assert in_other_order.network.state_dict()[name].equal(fresh.network.state_dict()[name])


def test_the_stem_is_the_one_that_the_weights_have_and_the_new_weights_say_so(folder: Path, tmp_path: Path) -> None:
    first = starting(folder, "resnet18", noise(72), batch_size="full")
    assert first.network.state_dict()["stem.convolution.weight"].shape[-1] == 3
    assert first.spec.architecture == asked(architecture={"name": "resnet18", "stem": "cifar"}).architecture
    ended(first)
    packed = weights_of_state(first.state_dict())
    assert packed == first.packed_weights()
    (tmp_path / "second.safetensors").write_bytes(packed)
    second = starting(tmp_path, "resnet18", noise(72), starting_weights="second")
    assert weights_of(second).equal(weights_of(first))
    again = starting(folder, "resnet18", noise(72), batch_size="full")
    again.load_state_dict(first.state_dict())
    explicit = starting(folder, "resnet18", noise(72), architecture={"name": "resnet18", "stem": "cifar"})
    assert explicit.spec.architecture == first.spec.architecture


def test_another_stem_is_refused_and_one_that_the_images_are_too_small_for(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(SpecConflict, match="has the cifar stem, and the job asks for the imagenet stem: take cifar"):
        starting(folder, "resnet18", noise(32), architecture={"name": "resnet18", "stem": "imagenet"})
    large = Trainer(asked(architecture={"name": "resnet18", "stem": "imagenet"}), noise(32))
    large.save_weights(tmp_path / "large.safetensors")
    assert starting(tmp_path, "resnet18", noise(32), starting_weights="large").plan.stem == large.plan.stem
    with pytest.raises(SpecConflict, match="single one before the last stage") as refused:
        starting(tmp_path, "resnet18", noise(8), starting_weights="large")
    assert refused.value.path == ("architecture", "stem")


def test_noise_is_no_part_of_what_weights_are_of(folder: Path) -> None:
    noisy = starting(folder, architecture={"name": "resnet20", "dropout": 0.5, "stochastic_depth": 0.2})
    assert weights_of(noisy).equal(weights_of(starting(folder)))


def test_weights_for_other_channels_are_refused_by_name(folder: Path) -> None:
    with pytest.raises(SpecConflict, match=r"resnet20 does not fit: stem\.convolution.weight has another shape"):
        starting(folder, data=noise(channels=1))


def test_no_path_is_in_what_is_said_of_missing_weights(tmp_path: Path) -> None:
    with pytest.raises(SpecConflict, match="has no trained weights here") as refused:
        starting(tmp_path)
    assert str(tmp_path) not in str(refused.value)
