"""What a run can go on from, and that it is left as it is by everything else."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.training.pets import load
from tests.training.samples import digits, epochs_of, figures_of, some, spec
from training.engine.checkpoints import AnotherRun, CheckpointInvalid, pack, unpack
from training.engine.data import Dataset
from training.engine.resuming import DatasetChanged
from training.engine.trainer import Trainer
from training.engine.weights import weights_of_state
from training.metrics import EpochMetrics

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
        (fewer_images, "3 images of train/1 are gone; 1 image of train/4 is gone; "),
        (fewer_classes, "5 classes went: 5, 6, 7 and 2 more"),
    ],
)
def test_a_run_on_other_data_is_refused(data: Callable[[], Dataset], reason: str, content: bytes) -> None:
    assert reason in refused(trainer(data()), unpack(content))


def test_data_that_has_changed_is_said_so_and_another_run_is_told_from_a_damaged_state(content: bytes) -> None:
    with pytest.raises(DatasetChanged, match=r"^The data set digits is not the one that .* 5 classes went") as error:
        trainer(fewer_classes()).load_state_dict(unpack(content))
    assert str(error.value) == f"{error.value.detail} {error.value.hint}"
    with pytest.raises(AnotherRun, match="another seed"):
        trainer(seed=1).load_state_dict(unpack(content))
    with pytest.raises(CheckpointInvalid) as damaged:
        trainer().load_state_dict({**unpack(content), "progress": {"odd": 2}})
    assert not isinstance(damaged.value, AnotherRun)


def test_a_state_of_the_release_before_is_judged_by_the_number_of_its_images(content: bytes) -> None:
    state = unpack(content)
    del state["data"], state["inputs"]
    trainer().load_state_dict(state)
    with pytest.raises(DatasetChanged, match="it had 64 images to train on, and has 48"):
        trainer(fewer_images()).load_state_dict(state)
    assert weights_of_state(state) is None


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"regularisation": {}},
        {"regularisation": {"swa": {"start_epoch": 0}}, "schedule": "constant"},
        {"regularisation": {"swa": {"start_epoch": 1}}, "schedule": "constant"},
        {"regularisation": {"early_stopping": {"patience": 1}}, "validation_fraction": 0.5},
    ],
    ids=["ema", "none", "swa", "swa to come", "early stopping"],
)
def test_weights_can_be_made_of_a_state_alone(fields: dict[str, Any]) -> None:
    run = trainer(**fields)
    next(measured for measured in run.epochs() if isinstance(measured, EpochMetrics))
    assert weights_of_state(unpack(pack(run.state_dict()))) == run.packed_weights()


def shuffled(data: Dataset) -> Dataset:
    """The same images, which lie in another order."""
    draw = torch.Generator().manual_seed(1)
    train, test = (torch.randperm(len(split.labels), generator=draw) for split in (data.train, data.test))
    return Dataset(data.name, data.classes, some(data.train, train), some(data.test, test), data.source)


@pytest.mark.parametrize("placement", ["resident", "streamed"])
def test_a_run_goes_on_over_the_same_images_wherever_they_lie(placement: str) -> None:
    ways: dict[str, Any] = {"placement": placement, "augmentation": {"crop": {"padding": 2}}, "deterministic": True}
    first = trainer(**ways, validation_fraction=0.25)
    next(measured for measured in first.epochs() if isinstance(measured, EpochMetrics))
    state = pack(first.state_dict())
    second = trainer(shuffled(digits(64)), **ways, validation_fraction=0.25)
    assert second.dataset.identity == first.dataset.identity
    second.load_state_dict(unpack(state))
    assert pack(second.state_dict()) == state
    assert figures_of(second) == figures_of(first)
    assert second.packed_weights() == first.packed_weights()


def test_a_renamed_file_changes_nothing_of_a_run(pets: Path) -> None:
    asked: dict[str, Any] = {"dataset": "pets", "batch_size": 4, "epochs": 1, "deterministic": True}
    before = Trainer(spec(**asked), load(pets))
    (pets / "train/cat/0.png").rename(pets / "train/cat/9.png")
    after = Trainer(spec(**asked), load(pets))
    assert figures_of(after) == figures_of(before)
    assert after.packed_weights() == before.packed_weights()


def test_a_run_of_the_release_before_goes_on_in_the_order_of_names(pets: Path) -> None:
    run = Trainer(spec(dataset="pets", batch_size=4), load(pets))
    state = unpack(pack(run.state_dict()))
    del state["data"], state["inputs"]
    run.load_state_dict(state)
    assert (run.dataset.train.order, run.dataset.test.order) == (None, None)
    noted = pack(run.state_dict())
    (pets / "train/cat/0.png").rename(pets / "train/cat/9.png")
    after = Trainer(spec(dataset="pets", batch_size=4), load(pets))
    after.load_state_dict(unpack(noted))
    assert pack(after.state_dict()) == noted


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
        ("data", {"identity": ""}, "train"),
        ("spec", {}, "dataset"),
    ],
)
def test_a_state_that_is_not_whole_is_refused(part: str, value: object, reason: str, content: bytes) -> None:
    assert reason in refused(trainer(), {**unpack(content), part: value})
    if part == "data":  # which a state of the release before has not
        return
    left = unpack(content)
    del left[part]
    assert refused(trainer(), left).endswith(f"it has no {part}")
