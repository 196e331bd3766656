import json
from pathlib import Path

import pytest

from training.known.recipe_results import RecipeResult, read_results

RESULTS = Path(__file__).parents[1] / "benchmarks" / "results"


@pytest.mark.parametrize("result", read_results(), ids=lambda result: f"{result.recipe}, {result.architecture}")
def test_what_the_service_says_of_a_recipe_is_what_was_measured(result: RecipeResult) -> None:
    name = f"accuracy_{result.recipe}_{result.architecture}_{result.epochs}"
    measured = json.loads((RESULTS / f"{name}.json").read_text())
    last = [run["curve"][-1]["test_accuracy"] for run in measured["runs"]]
    assert result.test_accuracy_mean == pytest.approx(sum(last) / len(last), abs=5e-5)
    assert list(result.seeds) == [run["seed"] for run in measured["runs"]]
    assert all(len(run["curve"]) == result.epochs for run in measured["runs"])
    assert result.torch_version == measured["runs"][0]["facts"]["torch_version"]
