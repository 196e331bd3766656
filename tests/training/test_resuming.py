"""What a run can go on from, and that it is left as it is by everything else."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch

from tests.training.samples import digits, epochs_of, some, spec
from training.checkpoints import CheckpointInvalid, pack, unpack
from training.data import Dataset
from training.metrics import EpochMetrics
from training.trainer import Trainer

ASKED: dict[str, Any] = {
    "batch_size": 32,
    "schedule": {"name": "plateau", "patience": 0},
    "optimizer": {"name": "sgd", "learning_rate": 0.1},
    "regularisation": {"ema": {}},
}


def trainer(data: Dataset | None = None, **fields: object) -> Trainer:
    return Trainer(spec(**{**ASKED, **fields}), data or digits(64))


@pytest.fixture(scope="module")
def content() -> bytes:
    """A checkpoint after the first of two epochs."""
    run = trainer()
    next(measured for measured in run.epochs() if isinstance(measured, EpochMetrics))
    return pack(run.state_dict())


def refused(run: Trainer, state: Mapping[str, Any]) -> str:
    """Why `run`, which stays as it was, does not go on from `state`."""
    before = pack(run.state_dict())
    with pytest.raises(CheckpointInvalid) as error:
        run.load_state_dict(state)
    assert pack(run.state_dict()) == before
    return str(error.value)


def test_what_is_loaded_is_what_was_saved(content: bytes) -> None:
    run = trainer()
    assert pack(run.state_dict()) != content
    run.load_state_dict(unpack(content))
    assert pack(run.state_dict()) == content


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"architecture": "resnet32"}, "architecture"),
        ({"optimizer": {"name": "sgd", "learning_rate": 0.2}}, "optimizer"),
        ({"optimizer": "adam"}, "optimizer"),
        ({"seed": 1}, "seed"),
        ({"epochs": 3}, "epochs"),
        ({"schedule": "cosine", "regularisation": {}}, "schedule, regularisation"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_run_of_another_spec_is_refused_by_what_differs(fields: dict[str, Any], named: str, content: bytes) -> None:
    assert refused(trainer(**fields), unpack(content)).endswith(f"it is of a spec with another {named}")


def test_what_changes_nothing_about_a_run_may_differ(content: bytes) -> None:
    beside: dict[str, Any] = {
        "placement": "streamed",
        "logging_interval": 3,
        "checkpoints": {"interval": 5, "minutes": None, "keep": 4, "keep_best": False},
        "time_limit_minutes": 3.0,
    }
    run, other = trainer(), trainer(**beside)
    for each in (run, other):
        each.load_state_dict(unpack(content))
        epochs_of(each)
    assert run.packed_weights() == other.packed_weights()


def test_a_field_that_a_later_release_adds_makes_no_checkpoint_another_run_s(content: bytes) -> None:
    state = unpack(content)
    del state["spec"]["deterministic"], state["spec"]["regularisation"]["swa"]
    trainer().load_state_dict(state)
    state["spec"]["of_a_later_release"] = 1
    assert "of_a_later_release" in refused(trainer(), state)


def fewer_images() -> Dataset:
    return digits(48)


def fewer_classes() -> Dataset:
    """Half of them, and as many images."""
    data = digits(256)
    train, test = ((split.labels < 5).nonzero().flatten() for split in (data.train, data.test))
    return Dataset(data.name, data.classes[:5], some(data.train, train[:64]), some(data.test, test), data.source)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (fewer_images, "it was trained on 64 images, and here are 48"),
        (fewer_classes, r"network.head.linear.weight is [10, 64], and here [5, 64]"),
    ],
)
def test_a_run_on_other_data_is_refused(data: Callable[[], Dataset], reason: str, content: bytes) -> None:
    assert reason in refused(trainer(data()), unpack(content))


def test_a_run_of_more_processes_is_refused(content: bytes) -> None:
    state = {**unpack(content), "totals": torch.zeros(2, 3, dtype=torch.float64)}
    assert refused(trainer(), state).endswith("it is of 2 processes, and here are 1")


@pytest.mark.parametrize(
    ("part", "value", "reason"),
    [
        ("network", {}, "network has other entries: head.linear.bias, for one"),
        ("network", [1], "keys"),
        ("average", None, "keys"),
        ("average", {"network": {}}, "average.network has other entries"),
        ("plateau", {"factor": 1.0}, "plateau has other entries: bad_epochs, for one"),
        ("best_weights", {"weight": torch.zeros(1)}, "best_weights has other entries"),
        ("optimizer", {"state": {}, "param_groups": [{"params": [0]}]}, "other parameters"),
        ("optimizer", {"state": {}}, "param_groups"),
        ("progress", {"epoch": 1, "odd": 2}, "odd"),
        ("choice", {"mode": "odd"}, "mode"),
        ("totals", [0.0], "shape"),
        ("spec", {}, "dataset"),
    ],
)
def test_a_state_that_is_not_whole_is_refused(part: str, value: object, reason: str, content: bytes) -> None:
    assert reason in refused(trainer(), {**unpack(content), part: value})
    left = unpack(content)
    del left[part]
    assert refused(trainer(), left).endswith(f"it has no {part}")
