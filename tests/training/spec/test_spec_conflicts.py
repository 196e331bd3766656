"""Two fields that do not go together are refused where one stands, with what would be right; their nearest neighbours
are not."""

from typing import Any

import pytest
from pydantic import ValidationError

from training.spec import TrainingSpec

Path = tuple[str | int, ...]
FOLDER = {"dataset": "a_folder"}  # of which nothing is known before it is loaded


def conflicts(**fields: Any) -> list[tuple[Path, str]]:
    """Whatever is refused, whichever validator refuses it; without the name of a kind in its path."""
    try:
        TrainingSpec.model_validate({**FOLDER, **fields})
    except ValidationError as refused:
        return [(error["loc"], error["msg"]) for error in refused.errors()]
    return []


def averaged(**swa: Any) -> dict[str, Any]:
    return {"swa": swa}


FIXED = {"learning_rate": 0.05}
REPLACED = "never comes: from epoch 10 on, swa.learning_rate takes the schedule's place"
UNEVALUATED = "a range test evaluates nothing: leave it out"
STOPPING = {"early_stopping": {"patience": 3}}
COSINE_ABOVE = (
    "not below the optimizer's learning rate of 0.1, from which cosine descends: "
    "take a lower one, or the schedule constant"
)
ODD = "images are mixed in pairs, and an odd number would leave one out: take an even one"


@pytest.mark.parametrize(
    ("refused", "path", "reason", "accepted"),
    [
        (
            {"schedule": {"name": "cosine", "warmup_epochs": 30}},
            ("schedule", "warmup_epochs"),
            "a warm-up of 30 epochs leaves none of 30: at most 29",
            {"schedule": {"name": "cosine", "warmup_epochs": 29}},
        ),
        (
            {"schedule": {"name": "one_cycle", "warmup_epochs": 1}},
            ("schedule", "warmup_epochs"),
            "one_cycle rises by itself: set rise",
            {"schedule": {"name": "one_cycle", "rise": 0.1}},
        ),
        (
            {"schedule": {"name": "range_test", "first_learning_rate": 0.1}, "logging_interval": 1},
            ("schedule", "first_learning_rate"),
            "not below the optimizer's learning rate of 0.1, to which it rises: raise that",
            {"schedule": {"name": "range_test", "first_learning_rate": 0.09}, "logging_interval": 1},
        ),
        (
            {"schedule": {"name": "range_test", "warmup_epochs": 1}, "logging_interval": 1},
            ("schedule", "warmup_epochs"),
            "range_test rises by itself: leave it out",
            {"schedule": "range_test", "logging_interval": 1},
        ),
        (
            {"schedule": "range_test"},
            ("logging_interval",),
            "range_test is read from the loss of each step: set it to 1",
            {"schedule": "range_test", "logging_interval": 1},
        ),
        (
            {"schedule": "range_test", "logging_interval": 1, "evaluation_interval": 2},
            ("evaluation_interval",),
            UNEVALUATED,
            {"schedule": "cosine", "evaluation_interval": 2},
        ),
        (
            {"schedule": "range_test", "logging_interval": 1, "validation_fraction": 0.1},
            ("validation_fraction",),
            UNEVALUATED,
            {"schedule": "cosine", "validation_fraction": 0.1},
        ),
        (
            {"schedule": "range_test", "logging_interval": 1, "regularisation": {"ema": {}}},
            ("regularisation", "ema"),
            UNEVALUATED,
            {"schedule": "cosine", "regularisation": {"ema": {}}},
        ),
        (
            {"schedule": {"name": "step", "step_epochs": 29, "warmup_epochs": 1}},
            ("schedule", "step_epochs"),
            "the first step, at epoch 30, never comes: the epochs are 0 to 29: at most 28",
            {"schedule": {"name": "step", "step_epochs": 28, "warmup_epochs": 1}},
        ),
        (
            {"schedule": {"name": "warm_restarts", "first_cycle_epochs": 30, "warmup_epochs": 1}},
            ("schedule", "first_cycle_epochs"),
            "the first restart, at epoch 31, never comes: the epochs are 0 to 29: at most 28",
            {"schedule": {"name": "warm_restarts", "first_cycle_epochs": 28, "warmup_epochs": 1}},
        ),
        (
            {"schedule": {"name": "multistep", "milestones": [9, 9]}},
            ("schedule", "milestones", 1),
            "9 does not come after 9: list them ascending",
            {"schedule": {"name": "multistep", "milestones": [9, 10]}},
        ),
        (
            {"schedule": {"name": "multistep", "milestones": [9, 30]}},
            ("schedule", "milestones", 1),
            "epoch 30 never comes: the epochs are 0 to 29: leave it out",
            {"schedule": {"name": "multistep", "milestones": [9, 29]}},
        ),
        (
            {"schedule": {"name": "multistep", "milestones": [2], "warmup_epochs": 3}},
            ("schedule", "milestones", 0),
            "epoch 2 lies within the warm-up, which ends at 3: leave it out, or a shorter warm-up",
            {"schedule": {"name": "multistep", "milestones": [3], "warmup_epochs": 3}},
        ),
        (
            {"schedule": {"name": "cosine", "final_learning_rate": 0.2}},
            ("schedule", "final_learning_rate"),
            COSINE_ABOVE,
            {"schedule": {"name": "cosine", "final_learning_rate": 0.09}},
        ),
        (
            {"schedule": {"name": "warm_restarts", "final_learning_rate": 0.2}},
            ("schedule", "final_learning_rate"),
            COSINE_ABOVE.replace("cosine", "warm_restarts"),
            {"schedule": {"name": "warm_restarts", "final_learning_rate": 0.01}},
        ),
        (
            {"schedule": {"name": "polynomial", "final_learning_rate": 0.2}},
            ("schedule", "final_learning_rate"),
            COSINE_ABOVE.replace("cosine", "polynomial"),
            {"schedule": {"name": "polynomial", "final_learning_rate": 0.01}},
        ),
        (
            {"schedule": {"name": "plateau", "watch": "validation_loss"}},
            ("schedule", "watch"),
            "nothing is split off to validate on: set validation_fraction",
            {"schedule": {"name": "plateau", "watch": "validation_loss"}, "validation_fraction": 0.1},
        ),
        (
            {"schedule": {"name": "plateau", "watch": "test_loss"}, "evaluation_interval": 2},
            ("schedule", "watch"),
            "test_loss is measured every 2 epochs: set evaluation_interval to 1, or watch train_loss",
            {"schedule": {"name": "plateau", "watch": "train_loss"}, "evaluation_interval": 2},
        ),
        (
            {"schedule": {"name": "plateau", "patience": 29}},
            ("schedule", "patience"),
            "the run is over before it acts: at most 27",
            {"schedule": {"name": "plateau", "patience": 27}},
        ),
        (
            {"validation_fraction": 0.1, "regularisation": {"early_stopping": {"patience": 30}}},
            ("regularisation", "early_stopping", "patience"),
            "the run of 30 epochs is over before it acts: at most 28",
            {"validation_fraction": 0.1, "regularisation": {"early_stopping": {"patience": 28}}},
        ),
        (
            {"validation_fold": {"index": 5, "of": 5}},
            ("validation_fold", "index"),
            "of 5 parts, the last is 4",
            {"validation_fold": {"index": 4, "of": 5}},
        ),
        (
            {"validation_fold": {"index": 0, "of": 5}, "validation_fraction": 0.1},
            ("validation_fraction",),
            "validation_fold says already what is held out: leave one of them out",
            {"validation_fold": {"index": 0, "of": 5}, "validation_fraction": 0},
        ),
        (
            {"validation_fold": {"index": 0, "of": 5}, "regularisation": {"early_stopping": {"patience": 5}}},
            ("regularisation", "early_stopping"),
            "what validation_fold holds out must not guide the training that it is to judge: leave it out",
            {"validation_fold": {"index": 0, "of": 5}},
        ),
        (
            {"validation_fold": {"index": 0, "of": 5}, "schedule": {"name": "plateau", "watch": "validation_loss"}},
            ("schedule", "watch"),
            "what validation_fold holds out must not guide the training that it is to judge: leave it out",
            {"validation_fold": {"index": 0, "of": 5}, "schedule": {"name": "plateau", "watch": "train_loss"}},
        ),
        (
            {"regularisation": averaged(start_epoch=0, learning_rate=0.1)},
            ("regularisation", "swa", "learning_rate"),
            "takes the schedule's place from the first epoch on: start later, or leave it out",
            {"regularisation": averaged(start_epoch=1, learning_rate=0.1)},
        ),
        (
            {"devices": 2, "compile": "on"},
            ("compile",),
            "what devices say to each other is not compiled: take auto or off, or one device",
            {"devices": 2, "compile": "off"},
        ),
        (
            {"batch_size": 33, "augmentation": {"mixup": {}}},
            ("batch_size",),
            ODD,
            {"batch_size": 34, "augmentation": {"mixup": {}}},
        ),
        (
            {"schedule": {"name": "plateau", "minimum": 0.2}},
            ("schedule", "minimum"),
            "not below the optimizer's learning rate of 0.1, from which it is lowered: "
            "take a lower one, or the schedule constant",
            {"schedule": {"name": "plateau", "minimum": 0.09}},
        ),
        (
            {"optimizer": "gd"},
            ("batch_size",),
            'gd takes all training images a step: set "full", or take sgd',
            {"optimizer": "gd", "batch_size": "full"},
        ),
        (
            {"optimizer": {"name": "sgd", "momentum": 0, "nesterov": True}},
            ("optimizer", "nesterov"),
            "nesterov needs a momentum above 0",
            {"optimizer": {"name": "sgd", "momentum": 0.1, "nesterov": True}},
        ),
        (
            {"micro_batch_size": 130},
            ("micro_batch_size",),
            "larger than the batch: at most 128",
            {"micro_batch_size": 128},
        ),
        (
            {"micro_batch_size": 3, "augmentation": {"mixup": {}}},
            ("micro_batch_size",),
            ODD,
            {"micro_batch_size": 4, "augmentation": {"mixup": {}}},
        ),
        (
            {"micro_batch_size": 3, "augmentation": {"cutmix": {}}},
            ("micro_batch_size",),
            ODD,
            {"micro_batch_size": 3},
        ),
        (
            {"micro_batch_size": 4, "devices": 3},
            ("micro_batch_size",),
            "does not give two images to each of 3 devices: at least 6",
            {"micro_batch_size": 6, "devices": 3},
        ),
        (
            {"batch_size": 7, "devices": 4},
            ("devices",),
            "a batch of 7 does not give two images to each of 4: at most 3",
            {"batch_size": 8, "devices": 4},
        ),
        (
            {"regularisation": STOPPING},
            ("regularisation", "early_stopping"),
            "nothing is split off to validate on: set validation_fraction",
            {"regularisation": STOPPING, "validation_fraction": 0.1},
        ),
        (
            {"regularisation": STOPPING, "validation_fraction": 0.1, "evaluation_interval": 30},
            ("regularisation", "early_stopping"),
            "of 30 epochs, fewer than two are evaluated before the last, and nothing is left to stop: "
            "more epochs, lower evaluation_interval, or set it to null",
            {"regularisation": STOPPING, "validation_fraction": 0.1, "evaluation_interval": 14},
        ),
        (
            {"regularisation": averaged(start_epoch=30)},
            ("regularisation", "swa", "start_epoch"),
            "epoch 30 never comes: the epochs are 0 to 29: at most 28",
            {"regularisation": averaged(start_epoch=28)},
        ),
        (
            {"regularisation": averaged(start_epoch=2), "schedule": {"name": "cosine", "warmup_epochs": 3}},
            ("regularisation", "swa", "start_epoch"),
            "epoch 2 lies within the warm-up: at least 3",
            {"regularisation": averaged(start_epoch=3), "schedule": {"name": "cosine", "warmup_epochs": 3}},
        ),
        (
            {"regularisation": {**averaged(start_epoch=2), "ema": {}}},
            ("regularisation", "swa"),
            "ema is there already, and only one average can be evaluated: set one of them to null",
            {"regularisation": {**averaged(start_epoch=2), "ema": None}},
        ),
        (
            {"augmentation": {"crop": {}, "resized_crop": {}}},
            ("augmentation", "resized_crop"),
            "crop is there already: set one of them to null",
            {"augmentation": {"crop": None, "resized_crop": {}}},
        ),
        (
            {"augmentation": {"mixup": {}, "cutmix": {"probability": 1}}},
            ("augmentation", "cutmix", "probability"),
            "at 1 mixup never comes: at most a little below, or set mixup to null",
            {"augmentation": {"mixup": {}, "cutmix": {"probability": 0.5}}},
        ),
        (
            {"augmentation": {"erasing": {"smallest_area": 0.3, "largest_area": 0.2}}},
            ("augmentation", "erasing", "largest_area"),
            "below smallest_area, 0.3",
            {"augmentation": {"erasing": {"smallest_area": 0.3, "largest_area": 0.3}}},
        ),
        (
            {"augmentation": {"colour": {}}},
            ("augmentation", "colour"),
            "all four are 0: set one, or leave colour out",
            {"augmentation": {"colour": {"hue": 0.1}}},
        ),
        (
            {"architecture": {"name": "resnet20", "residual": False, "stochastic_depth": 0.1}},
            ("architecture", "stochastic_depth"),
            "needs shortcuts: without them nothing would be left",
            {"architecture": {"name": "resnet20", "stochastic_depth": 0.1}},
        ),
        (
            {"architecture": {"name": "wrn-16-2", "residual": False, "zero_init_last_norm": True}},
            ("architecture", "zero_init_last_norm"),
            "needs shortcuts: without them nothing would be left",
            {"architecture": {"name": "wrn-16-2", "residual": False}},
        ),
        (
            {"architecture": {"name": "pyramidnet-110-48", "residual": False, "shake_drop": 0.5}},
            ("architecture", "shake_drop"),
            "needs shortcuts: without them nothing would be left",
            {"architecture": {"name": "pyramidnet-110-48", "shake_drop": 0.5}},
        ),
        (
            {"architecture": {"name": "pyramidnet-110-48", "stochastic_depth": 0.1, "shake_drop": 0.5}},
            ("architecture", "shake_drop"),
            "stands in for stochastic_depth: set one of them",
            {"architecture": {"name": "pyramidnet-110-48", "stochastic_depth": 0.1}},
        ),
        (
            {"schedule": {"name": "step", "gamma": 1.0}},
            ("schedule", "gamma"),
            "1 changes nothing, so the learning rate never changes: take the schedule constant",
            {"schedule": {"name": "step", "gamma": 0.999}},
        ),
        (
            {"schedule": "exponential", "epochs": 1},
            ("schedule", "gamma"),
            "the first fall, at epoch 1, never comes: the epochs are 0 to 0: "
            "more epochs, a shorter warm-up or another schedule",
            {"schedule": "exponential", "epochs": 2},
        ),
        (
            {"schedule": {"name": "cosine", "final_learning_rate": 0.1}},
            ("schedule", "final_learning_rate"),
            COSINE_ABOVE,
            {"schedule": "constant"},
        ),
        (
            {"schedule": {"name": "plateau", "minimum": 0.1}},
            ("schedule", "minimum"),
            "not below the optimizer's learning rate of 0.1, from which it is lowered: "
            "take a lower one, or the schedule constant",
            {"schedule": "plateau"},
        ),
        (
            {"schedule": {"name": "plateau", "patience": 0, "warmup_epochs": 1}, "epochs": 3},
            ("schedule", "patience"),
            "the run is over before it acts: more epochs, a shorter warm-up or another schedule",
            {"schedule": {"name": "plateau", "patience": 0}, "epochs": 3},
        ),
        (
            {"schedule": {"name": "plateau", "patience": 13, "cooldown": 1, "warmup_epochs": 1}},
            ("schedule", "cooldown"),
            "the run is over before the learning rate could fall twice: set it to 0, or lower patience",
            {"schedule": {"name": "plateau", "patience": 13, "cooldown": 1}},
        ),
        (
            {"schedule": {"name": "plateau", "patience": 2, "cooldown": 1, "minimum": 0.01}},
            ("schedule", "cooldown"),
            "the first fall reaches the minimum of 0.01, and no other follows: set it to 0",
            {"schedule": {"name": "plateau", "patience": 2, "cooldown": 1, "minimum": 0.009}},
        ),
        (
            {"schedule": {"name": "constant", "warmup_epochs": 1}, "batch_size": "full"},
            ("schedule", "warmup_epochs"),
            "has no effect: an epoch is one step here, which already takes the whole learning rate: leave it out",
            {"schedule": {"name": "constant", "warmup_epochs": 2}, "batch_size": "full"},
        ),
        (
            {"schedule": {"name": "one_cycle", "start_divisor": 1, "final_divisor": 1}},
            ("schedule", "start_divisor"),
            "final_divisor is 1, too, so the learning rate never changes: take the schedule constant",
            {"schedule": {"name": "one_cycle", "start_divisor": 1}},
        ),
        (
            {"schedule": {"name": "step", "step_epochs": 10}, "regularisation": averaged(start_epoch=10, **FIXED)},
            ("schedule", "step_epochs"),
            f"the first step, at epoch 10, {REPLACED}: at most 9",
            {"schedule": {"name": "step", "step_epochs": 10}, "regularisation": averaged(start_epoch=10)},
        ),
        (
            {
                "schedule": {"name": "multistep", "milestones": [5, 10]},
                "regularisation": averaged(start_epoch=10, **FIXED),
            },
            ("schedule", "milestones", 1),
            f"epoch 10 {REPLACED}: leave it out",
            {"schedule": {"name": "multistep", "milestones": [5]}, "regularisation": averaged(start_epoch=10, **FIXED)},
        ),
        (
            {"schedule": "warm_restarts", "regularisation": averaged(start_epoch=10, **FIXED)},
            ("schedule", "first_cycle_epochs"),
            f"the first restart, at epoch 10, {REPLACED}: at most 9",
            {"schedule": "warm_restarts", "regularisation": averaged(start_epoch=11, **FIXED)},
        ),
        (
            {"schedule": {"name": "plateau", "patience": 8}, "regularisation": averaged(start_epoch=10, **FIXED)},
            ("schedule", "patience"),
            "the run is over before it acts: at most 7",
            {"schedule": {"name": "plateau", "patience": 7}, "regularisation": averaged(start_epoch=10, **FIXED)},
        ),
        (
            {"schedule": {"name": "one_cycle", "rise": 0.4}, "regularisation": averaged(start_epoch=10, **FIXED)},
            ("schedule", "rise"),
            "the learning rate would not have begun to fall at epoch 10, where swa.learning_rate takes over: "
            "lower it, or start swa later",
            {"schedule": {"name": "one_cycle", "rise": 0.3}, "regularisation": averaged(start_epoch=10, **FIXED)},
        ),
        (
            {"schedule": {"name": "one_cycle", "rise": 0.5}, "regularisation": averaged(start_epoch=15, **FIXED)},
            ("schedule", "rise"),
            "the learning rate would not have begun to fall at epoch 15, where swa.learning_rate takes over: "
            "lower it, or start swa later",
            {"schedule": {"name": "one_cycle", "rise": 0.5}, "regularisation": averaged(start_epoch=16, **FIXED)},
        ),
        (
            {
                "regularisation": averaged(start_epoch=7),
                "epochs": 2,
                "schedule": {"name": "cosine", "warmup_epochs": 1},
            },
            ("regularisation", "swa", "start_epoch"),
            "epoch 7 never comes: the epochs are 0 to 1: set swa to null, or more epochs",
            {"regularisation": averaged(start_epoch=0), "epochs": 2},
        ),
        (
            {"schedule": {"name": "cosine", "warmup_epochs": 2}, "regularisation": averaged(start_epoch=2, **FIXED)},
            ("regularisation", "swa", "learning_rate"),
            "takes the schedule's place before it begins: start later, or leave it out",
            {"schedule": {"name": "cosine", "warmup_epochs": 2}, "regularisation": averaged(start_epoch=3, **FIXED)},
        ),
        (
            {"regularisation": averaged(start_epoch=29)},
            ("regularisation", "swa", "start_epoch"),
            "the weights of one epoch are no average: at most 28",
            {"regularisation": averaged(start_epoch=29, **FIXED)},
        ),
        (
            {
                "regularisation": {"early_stopping": {"patience": 5}},
                "validation_fraction": 0.1,
                "evaluation_interval": 9,
                "epochs": 10,
            },
            ("regularisation", "early_stopping"),
            "of 10 epochs, fewer than two are evaluated before the last, and nothing is left to stop: "
            "more epochs, lower evaluation_interval, or set it to null",
            {
                "regularisation": {"early_stopping": {"patience": 4}},
                "validation_fraction": 0.1,
                "evaluation_interval": 4,
                "epochs": 10,
            },
        ),
        (
            {
                "schedule": "constant",
                "optimizer": {"name": "sgd", "learning_rate": 0.05},
                "regularisation": averaged(start_epoch=10, **FIXED),
            },
            ("regularisation", "swa", "learning_rate"),
            "the schedule constant has this learning rate anyway: take another, or leave it out",
            {"schedule": "constant", "regularisation": averaged(start_epoch=10, **FIXED)},
        ),
        (
            {"schedule": {"name": "linear", "final_learning_rate": 0.01}, "epochs": 1, "batch_size": "full"},
            ("schedule", "final_learning_rate"),
            "the one step behind the warm-up takes the whole learning rate: "
            "more epochs, a shorter warm-up or another schedule",
            {"schedule": {"name": "linear", "final_learning_rate": 0.01}, "epochs": 2, "batch_size": "full"},
        ),
        (
            {"dataset": "digits", "batch_size": 1436, "schedule": {"name": "constant", "warmup_epochs": 1}},
            ("schedule", "warmup_epochs"),
            "has no effect: an epoch is one step here, which already takes the whole learning rate: leave it out",
            {"dataset": "digits", "batch_size": 1435, "schedule": {"name": "constant", "warmup_epochs": 1}},
        ),
        (
            {"augmentation": {"resized_crop": {"smallest_area": 1}}},
            ("augmentation", "resized_crop", "smallest_area"),
            "at 1 the window is always the whole image: lower it, or leave resized_crop out",
            {"augmentation": {"resized_crop": {"smallest_area": 0.99}}},
        ),
        (
            {"dataset": "digits", "resize": "pad"},
            ("resize",),
            "the images of digits are square already: leave it out",
            {"resize": "pad"},
        ),
        (
            {"dataset": "digits", "unreadable_images": "drop"},
            ("unreadable_images",),
            "digits has no broken image: leave it out",
            {"unreadable_images": "drop"},
        ),
    ],
    ids=lambda value: "" if isinstance(value, dict) else str(value),
)
def test_two_fields(refused: dict[str, Any], path: Path, reason: str, accepted: dict[str, Any]) -> None:
    assert conflicts(**refused) == [(path, reason)]
    assert conflicts(**accepted) == []
