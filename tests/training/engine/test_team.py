"""Several processes that train one network compute what one would."""

import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file
from torch import nn

from tests.training.samples import digits, spec
from training.batching import batch_bounds
from training.engine.batches import Batches
from training.engine.networks import build_network
from training.engine.optimizers import build_optimizer
from training.engine.step import TrainingStep
from training.engine.team import ALONE, Team
from training.engine.trainer import Trainer
from training.metrics import StepChoice
from training.plan import network_plan
from training.spec import TrainingSpec

ROOT = Path(__file__).parents[3]
CPU = torch.device("cpu")


@pytest.mark.parametrize("size", [2, 3])
@pytest.mark.parametrize("micro_batch_size", [None, 24])
@pytest.mark.parametrize("placement", ["resident", "streamed"])
def test_together_they_see_the_images_that_one_would(size: int, micro_batch_size: int | None, placement: str) -> None:
    augmentation = {"crop": {}, "policy": "trivialaugment", "mixup": {}, "cutmix": {}}
    asked = spec(batch_size=48, micro_batch_size=micro_batch_size, augmentation=augmentation, placement=placement)
    data = digits(150)
    alone = Batches(asked, data, CPU, Team())
    members = [Batches(asked, data, CPU, Team(rank, size)) for rank in range(size)]
    for epoch in (0, 1):
        for whole, *shares in zip(alone.epoch(epoch), *(member.epoch(epoch) for member in members), strict=True):
            for part, *parts in zip(whole(), *(share() for share in shares), strict=True):
                for name in ("images", "labels", "other_labels", "shares"):
                    together = torch.cat([getattr(examples, name) for examples in parts])
                    assert together.equal(getattr(part, name)), name


def test_shares_begin_at_even_distances_and_leave_nothing_out() -> None:
    for first, end in ((0, 10), (3, 10), (5, 128), (0, 7)):
        for size in (1, 2, 3, 5):
            shares = [Team(rank, size).share(first, end) for rank in range(size)]
            assert shares[0][0] == first
            assert shares[-1][1] == end
            assert all(before[1] == after[0] for before, after in pairwise(shares))
            assert all((start - first) % 2 == 0 for start, _ in shares)


@given(images=st.integers(4, 400), batch_size=st.integers(4, 130), parts=st.integers(1, 5), size=st.integers(2, 8))
def test_however_many_share_a_batch_there_are_as_many_steps_of_the_same_images(
    images: int, batch_size: int, parts: int, size: int
) -> None:
    bounds = batch_bounds(0, images, batch_size)
    assert len(bounds) == max(1, images // batch_size + (images % batch_size > 1))
    for first, end in bounds:
        for part in batch_bounds(first, end, max(2, batch_size // parts)):
            shares = [Team(rank, size).share(*part) for rank in range(size)]
            places = [place for share in shares for place in range(*share)]
            assert places == list(range(*part))


@pytest.mark.parametrize(
    "architecture",
    [{"name": "resnet20", "dropout": 0.1, "stochastic_depth": 0.1}, {"name": "resnet20", "activation": "maxout"}],
)
def test_an_empty_share_of_a_batch_adds_nothing_and_breaks_nothing(architecture: dict[str, Any]) -> None:
    augmentation = {
        "colour": {"brightness": 0.4},
        "cutout": {"size": 4},
        "flip": True,
        "policy": "randaugment",
        **{name: {} for name in ("resized_crop", "rotation", "erasing", "mixup", "cutmix")},
    }
    asked = spec(architecture=architecture, batch_size=32, devices=2, augmentation=augmentation)
    member = Batches(asked, digits(66), CPU, Team(0, 2))
    *_, [empty] = (list(parts()) for parts in member.epoch(0))
    assert len(empty.labels) == 0
    plan = network_plan(asked.architecture, 8, 1, 10)
    network = build_network(plan).train()
    for module in network.modules():  # which the others' images would fill
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
    step = TrainingStep(network, build_optimizer(asked.optimizer, network), plan, asked, CPU, ALONE)
    for choice in (StepChoice(memory_format="contiguous"), StepChoice(precision="bf16")):
        step.use(choice, empty.images.shape)
        assert step.forward_backward(empty, weight=0.0).tolist() == [0, 0]
        assert all(weight.grad is not None and not weight.grad.any() for weight in network.parameters())


def trained(body: dict[str, Any], folder: Path, processes: int) -> list[dict[str, Any]]:
    """Every line that a run by `processes` processes prints."""
    file = folder / f"{processes}.json"
    file.write_text(TrainingSpec.model_validate({**body, "devices": processes}).model_dump_json())
    launcher = (
        ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)] if processes > 1 else []
    )
    command = [sys.executable, *launcher, "-m", "training", str(file), "--threads", "1", "--cache-dir", str(folder)]
    command += ["--weights-dir", str(folder)]
    command += ["--save-weights", str(folder / f"{processes}.safetensors")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def test_a_team_leaves_what_is_frozen_as_it_is_and_learns_the_rest_as_one_process(tmp_path: Path) -> None:
    body: dict[str, Any] = {
        "dataset": "digits",
        "architecture": "resnet20",
        "epochs": 1,
        "logging_interval": 1,
        "batch_size": 164,
        "precision": "fp32",
        "optimizer": {"name": "nesterov", "learning_rate": 0.002},
    }
    Trainer(spec(), digits(64)).save_weights(tmp_path / "earlier.safetensors")
    earlier = load_file(tmp_path / "earlier.safetensors")
    body |= {"starting_weights": "earlier", "freeze": "all-but-head"}
    one, two = (trained(body, tmp_path, processes) for processes in (1, 2))
    for ours, theirs in zip(one, two, strict=True):
        for kind, name in (("step", "loss"), ("epoch", "test_loss")):
            if kind in ours:
                assert theirs[kind][name] == pytest.approx(ours[kind][name], rel=1e-3)
    for processes in (1, 2):
        kept = load_file(tmp_path / f"{processes}.safetensors")
        learned = {name for name in kept if not kept[name].equal(earlier[name])}
        assert learned == {"head.linear.weight", "head.linear.bias"}


def test_two_processes_lose_what_one_loses(tmp_path: Path) -> None:
    body: dict[str, Any] = {
        "dataset": "digits",
        "architecture": "resnet20",
        "epochs": 2,
        "logging_interval": 3,
        "batch_size": 164,  # the last batch, of 2, is one process's alone
        "precision": "fp32",
        "optimizer": {"name": "nesterov", "learning_rate": 0.002},  # rounding grows fast with it
        "augmentation": {"crop": {"padding": 1}, "mixup": {}},
        "regularisation": {"swa": {"start_epoch": 0}},
        "validation_fraction": 0.2,
    }
    one, two = (trained(body, tmp_path, processes) for processes in (1, 2))
    assert [line["facts"]["devices"] for line in (one[0], two[0])] == [1, 2]
    assert [set(line) for line in one] == [set(line) for line in two]
    assert one[0]["facts"]["steps_per_epoch"] == two[0]["facts"]["steps_per_epoch"] == 8
    weights, same = (load_file(tmp_path / f"{processes}.safetensors") for processes in (1, 2))
    for name, statistic in weights.items():
        if name.endswith("running_var"):
            torch.testing.assert_close(same[name], statistic, rtol=0.03, atol=1e-5)
    for kind, names in (
        ("step", ["loss"]),
        ("epoch", ["train_loss", "test_loss", "validation_loss"]),
    ):
        pairs = [(ours[kind], theirs[kind]) for ours, theirs in zip(one, two, strict=True) if kind in ours]
        assert len(pairs) >= 2
        for ours, theirs in pairs:
            for name in names:
                assert theirs[name] == pytest.approx(ours[name], rel=1e-3), (kind, name)
            if kind == "epoch":  # an image or two lie just between two classes
                assert theirs["train_accuracy"] == pytest.approx(ours["train_accuracy"], abs=4 / 1150)
                assert theirs["gradient_norm"] == pytest.approx(ours["gradient_norm"], rel=0.02)
                assert theirs["update_ratio"] == pytest.approx(ours["update_ratio"], rel=0.02)
                assert theirs["dead_units"] == ours["dead_units"] == 0
