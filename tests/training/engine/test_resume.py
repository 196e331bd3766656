"""A run that was stopped, and goes on from its checkpoint in another process, ends as one that was not: bit for bit."""

import random
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.training.samples import TIMED, digits, figures_of, spec, weights_of
from training.engine.checkpoints import load_checkpoint, pack, save_checkpoint, unpack
from training.engine.progress import SavePoint
from training.engine.trainer import Trainer
from training.metrics import EpochMetrics, StepMetrics
from training.spec import ResolvedSpec

STEPS = 4  # an epoch: 128 images in batches of 32
EVERYTHING: dict[str, Any] = {
    "architecture": {"name": "resnet20", "dropout": 0.2, "stochastic_depth": 0.2},
    "optimizer": {"name": "nesterov", "learning_rate": 0.05, "sam": {"rho": 0.05}},
    "schedule": {"name": "plateau", "patience": 0, "threshold": 0.9, "warmup_epochs": 1},
    "augmentation": {"crop": {"padding": 2}, "policy": "trivialaugment", "mixup": {}, "cutmix": {}},
    "regularisation": {"ema": {"decay": 0.9}, "label_smoothing": 0.1, "gradient_clipping": 1.0},
}


def asked(**fields: object) -> ResolvedSpec:
    return spec(**{"batch_size": 32, "epochs": 3, "deterministic": True, "logging_interval": 1, **fields})


def made(run: Trainer) -> int:
    return run.progress.epoch * STEPS + run.progress.step


def stop_after(run: Trainer, steps: int) -> list[Any]:
    """Train `steps` steps more, and stop in front of the next, or of what an epoch ends with."""
    first = made(run)
    return [
        measured.model_dump(exclude=TIMED)
        for measured in run.epochs(lambda: made(run) - first >= steps)
        if isinstance(measured, EpochMetrics | StepMetrics)
    ]


def interrupted(wanted: ResolvedSpec, stops: list[int], folder: Path) -> tuple[Trainer, list[Any]]:
    """A run that is stopped after each of `stops` steps, and goes on in a new trainer."""
    run, seen = Trainer(wanted, digits(128)), []
    for number, steps in enumerate(stops):
        seen += stop_after(run, steps)
        save_checkpoint(run.state_dict(), folder / f"{number}.safetensors")
        torch.manual_seed(random.randrange(2**32))  # whatever the new process has drawn before
        run = Trainer(wanted, digits(128))
        run.load_state_dict(load_checkpoint(folder / f"{number}.safetensors"))
    return run, seen + figures_of(run)


def place(run: Trainer) -> int:
    """Steps since the run's start."""
    return run.progress.epoch * STEPS + run.progress.step


def killed_after(run: Trainer, saved_at: int, killed_at: int, seen: dict[Any, Any]) -> bytes:
    """Train until `killed_at`, beyond `saved_at`, and never come back: the checkpoint, packed at a SavePoint. Losses
    and epochs go into `seen`, as rows that a resumed run writes anew."""
    content = b""
    for measured in run.epochs(should_save=lambda: place(run) == saved_at):
        if isinstance(measured, SavePoint):
            assert (measured.epoch, measured.step) == (saved_at // STEPS, saved_at % STEPS)
            content = pack(run.state_dict())
        note(measured, seen)
        if place(run) >= killed_at and content:
            break
    return content


def note(measured: object, seen: dict[Any, Any]) -> None:
    """Whatever is measured a second time is what it was."""
    if isinstance(measured, EpochMetrics | StepMetrics):
        key = measured.epoch, measured.step if isinstance(measured, StepMetrics) else None
        figures = measured.model_dump(exclude=TIMED)
        assert seen.setdefault(key, figures) == figures


@cache
def _unbroken(wanted: str) -> tuple[Trainer, list[Any]]:
    run = Trainer(ResolvedSpec.model_validate_json(wanted), digits(128))
    return run, figures_of(run)


def unbroken(wanted: ResolvedSpec) -> tuple[Trainer, list[Any]]:
    """A run without interruption, and its figures. Trained once for every test that compares with it."""
    return _unbroken(wanted.model_dump_json())


@pytest.fixture(scope="module", autouse=True)
def _references_given_back() -> Iterator[None]:
    yield
    _unbroken.cache_clear()


# In front of the first step and of the last, and behind an epoch; the next test stops in front of every other.
@pytest.mark.parametrize("steps", [0, 4, 11])
def test_with_everything_on_a_run_ends_alike_wherever_it_was_stopped(steps: int, tmp_path: Path) -> None:
    whole, wanted = unbroken(asked(**EVERYTHING))
    run, seen = interrupted(asked(**EVERYTHING), [steps], tmp_path)
    assert weights_of(run).equal(weights_of(whole))
    assert run.packed_weights() == whole.packed_weights()
    assert seen == wanted


def test_a_run_that_is_stopped_before_every_step_ends_alike(tmp_path: Path) -> None:
    whole, wanted = unbroken(asked(**EVERYTHING))
    run, seen = interrupted(asked(**EVERYTHING), [1] * (3 * STEPS - 1), tmp_path)
    assert weights_of(run).equal(weights_of(whole))
    assert run.packed_weights() == whole.packed_weights()
    assert seen == wanted


@pytest.mark.parametrize(
    ("fields", "seed"),
    [
        (EVERYTHING, 1),
        (
            {
                **EVERYTHING,
                "optimizer": {"name": "muon", "learning_rate": 0.02},
                "schedule": {"name": "plateau", "watch": "test_loss", "patience": 0, "threshold": 0.9},
            },
            2,
        ),
    ],
    ids=["nesterov", "muon"],
)
def test_a_run_that_is_killed_five_times_at_random_ends_in_the_same_bytes(fields: dict[str, Any], seed: int) -> None:
    whole, wanted = unbroken(asked(**fields))
    luck, seen = random.Random(seed), dict[Any, Any]()
    run = Trainer(asked(**fields), digits(128))
    for saved_at in sorted(luck.sample(range(1, 3 * STEPS), 5)):
        content = killed_after(run, saved_at, saved_at + luck.randrange(STEPS), seen)
        torch.manual_seed(luck.randrange(2**32))  # whatever the new process has drawn before
        run = Trainer(asked(**fields), digits(128))
        run.load_state_dict(unpack(content))
    for measured in run.epochs():
        note(measured, seen)
    assert run.packed_weights() == whole.packed_weights()
    assert list(seen.values()) == wanted


@pytest.mark.parametrize(
    "optimizer",
    ["sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adadelta", "adam", "adamw", "nadam", "lion", "lamb", "muon"],
)
def test_each_optimizer_goes_on_where_it_was(optimizer: str, tmp_path: Path) -> None:
    wanted = asked(optimizer=optimizer, epochs=2, precision="auto")
    whole, figures = unbroken(wanted)
    run, seen = interrupted(wanted, [3, 2], tmp_path)
    assert weights_of(run).equal(weights_of(whole))
    assert run.packed_weights() == whole.packed_weights()
    assert seen == figures


@pytest.mark.parametrize(
    "fields",
    [
        {"regularisation": {"swa": {"start_epoch": 1}}, "epochs": 4},
        {"batch_size": "full", "micro_batch_size": 48, "optimizer": "gd", "epochs": 6},
        {
            "validation_fraction": 0.3,
            "batch_size": 16,
            "regularisation": {"early_stopping": {"patience": 1}},
            "epochs": 20,
        },
        {"schedule": {"name": "one_cycle"}, "placement": "streamed", "evaluation_interval": 2},
        {"architecture": {"name": "pyramidnet-110-48", "shake_drop": 0.5}, "epochs": 1},
    ],
    ids=["swa", "full batch", "early stopping", "streamed", "shake-drop"],
)
def test_so_does_whatever_else_has_a_memory(fields: dict[str, Any], tmp_path: Path) -> None:
    whole, figures = unbroken(asked(**fields))
    run, seen = interrupted(asked(**fields), [2, 1], tmp_path)
    assert weights_of(run).equal(weights_of(whole))
    assert run.packed_weights() == whole.packed_weights()
    assert seen == figures
    assert (run.progress, run.best_weights is None) == (whole.progress, whole.best_weights is None)


def test_where_images_lie_changes_nothing() -> None:
    resident, figures = unbroken(asked(placement="resident", augmentation=EVERYTHING["augmentation"]))
    streamed, seen = unbroken(asked(placement="streamed", augmentation=EVERYTHING["augmentation"]))
    assert (resident.facts.placement, streamed.facts.placement) == ("resident", "streamed")
    assert weights_of(streamed).equal(weights_of(resident))
    assert seen == figures
