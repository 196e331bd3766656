"""Recipes as they are served, and as a job takes them."""

from datetime import date
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from api.routes import recipes
from training.known.recipe_results import RecipeResult, read_results, save_result
from training.known.recipes import RECIPES

MEASURED = RecipeResult(
    recipe="standard",
    architecture="resnet20",
    dataset="cifar100",
    epochs=15,
    seeds=(0, 1),
    test_accuracy_mean=0.62,
    test_accuracy_deviation=0.004,
    seconds=480.5,
    device="a processor",
    torch_version="2.15.0",
    date=date(2026, 1, 2),
)


@pytest.fixture
def measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One result of one recipe, and no other."""
    path = tmp_path / "results.json"
    path.write_text("[]")
    save_result(MEASURED, path)
    monkeypatch.setattr(recipes, "read_results", lambda: read_results(path))


def test_every_recipe_is_listed_with_what_it_fills_in(front: TestClient) -> None:
    page = front.get("/v1/recipes").json()
    assert (page["has_more"], page["next"]) == (False, None)
    assert [entry["name"] for entry in page["data"]] == list(RECIPES)
    for entry in page["data"]:
        recipe = RECIPES[entry["name"]]
        assert (entry["title"], entry["description"]) == (recipe.title, recipe.description)
        assert entry["spec"] == recipe.spec
        assert front.get(f"/v1/recipes/{entry['name']}").json() == entry


@pytest.mark.usefixtures("measured")
def test_a_recipe_has_the_results_that_were_measured_of_it(front: TestClient) -> None:
    assert front.get("/v1/recipes/standard").json()["results"] == [
        {
            "recipe": "standard",
            "architecture": "resnet20",
            "dataset": "cifar100",
            "epochs": 15,
            "seeds": [0, 1],
            "test_accuracy_mean": 0.62,
            "test_accuracy_deviation": 0.004,
            "seconds": 480.5,
            "device": "a processor",
            "torch_version": "2.15.0",
            "date": "2026-01-02",
        }
    ]
    listed = front.get("/v1/recipes").json()["data"]
    assert [entry["name"] for entry in listed if entry["results"]] == ["standard"]


def test_what_ships_is_what_is_served(front: TestClient) -> None:
    served = [result for entry in front.get("/v1/recipes").json()["data"] for result in entry["results"]]
    assert len(served) == len(read_results())


@pytest.mark.parametrize("name", ["strongest", "Standard", "é", "standard%20"])
def test_unknown_recipe(front: TestClient, name: str) -> None:
    answer = front.get(f"/v1/recipes/{name}")
    problem = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert (problem["code"], problem["title"]) == ("recipe_not_found", "There is no such recipe")
    assert "there is lab-baseline, standard" in problem["detail"]


def test_a_job_is_filled_in_from_its_recipe(client: TestClient) -> None:
    spec = {"dataset": "digits", "recipe": "standard", "architecture": "resnet20", "epochs": 3}
    created = client.post("/v1/jobs", json={"spec": spec | {"augmentation": {"flip": False}}})
    assert created.status_code == 201, created.text
    stored = created.json()["spec"]
    assert (stored["recipe"], stored["epochs"]) == ("standard", 3)
    assert stored["optimizer"]["name"] == RECIPES["standard"].spec["optimizer"]["name"]
    assert stored["augmentation"]["crop"]["padding"] == 4
    assert stored["augmentation"]["flip"] is False
    again = client.post("/v1/jobs", json={"spec": stored})
    assert again.json()["spec"] == stored, "what was answered can be sent"
    assert client.get(created.headers["Location"]).json()["spec"] == stored
