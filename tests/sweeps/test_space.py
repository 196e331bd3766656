"""Grids, and the specs that their values make."""

from typing import Any

import pytest

from sweeps.space import grid, grid_size, spec_with


def test_a_grid_has_every_combination_and_the_last_path_varies_fastest() -> None:
    space: dict[str, list[Any]] = {"optimizer.learning_rate": [0.1, 0.01], "batch_size": [64, 128, 256]}
    made = [(each["optimizer.learning_rate"], each["batch_size"]) for each in grid(space)]
    assert made == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]
    assert grid_size(space) == len(made)


@pytest.mark.parametrize(
    ("spec", "values", "made"),
    [
        ({"epochs": 5}, {"epochs": 9}, {"epochs": 9}),
        ({"optimizer": {"name": "sgd"}}, {"optimizer.momentum": 0.5}, {"optimizer": {"name": "sgd", "momentum": 0.5}}),
        ({"optimizer": "sgd"}, {"optimizer.momentum": 0.5}, {"optimizer": {"name": "sgd", "momentum": 0.5}}),
        ({}, {"augmentation.crop.padding": 2}, {"augmentation": {"crop": {"padding": 2}}}),
        ({"optimizer": {"momentum": 0.9}}, {"optimizer": {"name": "adam"}}, {"optimizer": {"name": "adam"}}),
        # The whole part comes first, in whichever order they are given.
        ({}, {"optimizer.learning_rate": 1, "optimizer": "adam"}, {"optimizer": {"name": "adam", "learning_rate": 1}}),
    ],
)  # fmt: skip
def test_values_are_set_in_a_spec(spec: dict[str, Any], values: dict[str, Any], made: dict[str, Any]) -> None:
    assert spec_with(spec, values) == made


def test_trials_share_nothing_that_one_could_change_for_the_others() -> None:
    spec, values = {"optimizer": {"name": "sgd"}}, {"optimizer.betas": [0.9, 0.99]}
    spec_with(spec, values)["optimizer"]["betas"].append(1)
    assert (spec, values) == ({"optimizer": {"name": "sgd"}}, {"optimizer.betas": [0.9, 0.99]})
