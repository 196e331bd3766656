"""What a job can ask for."""

import re
from typing import Any, get_args

import pytest
from fastapi.testclient import TestClient
from pydantic import TypeAdapter

from api.app import create_app
from settings import Settings
from tests.api.conftest import LocalClient
from training.known.datasets import KNOWN_DATASETS
from training.spec import (
    Architecture,
    CifarDepth,
    CifarResNextName,
    ImageNetDepth,
    ImageNetResNextName,
    PyramidNetName,
    TrainingSpec,
    WideResNetName,
)


def test_known_datasets(client: TestClient) -> None:
    page = client.get("/v1/datasets").json()
    assert {entry["name"] for entry in page["data"]} == set(KNOWN_DATASETS)
    [digits] = [entry for entry in page["data"] if entry["name"] == "digits"]
    assert digits["source"] == "shipped"
    assert (digits["classes"], digits["train_images"], digits["image_size"]) == (10, 1437, 8)
    assert (page["has_more"], page["next"]) == (False, None)


def test_folders_of_this_deployment(settings: Settings) -> None:
    for split in ("train", "test"):
        for name in ("cat", "dog"):
            folder = settings.datasets_dir / "pets" / split / name
            folder.mkdir(parents=True)
            (folder / "1.png").touch()
    with LocalClient(create_app(settings)) as client:
        entries = client.get("/v1/datasets").json()["data"]
    [pets] = [entry for entry in entries if entry["name"] == "pets"]
    assert (pets["source"], pets["classes"], pets["train_images"], pets["image_size"]) == ("folder", 2, 2, None)


EVERY_NAME = [
    *get_args(CifarDepth),
    *get_args(ImageNetDepth),
    *get_args(CifarResNextName),
    *get_args(ImageNetResNextName),
    *get_args(WideResNetName),
    *get_args(PyramidNetName),
]


@pytest.fixture
def architectures(front: TestClient) -> dict[str, Any]:
    page = front.get("/v1/architectures").json()
    assert (page["has_more"], page["next"]) == (False, None)
    return {entry["name"]: entry for entry in page["data"]}


def test_every_architecture_that_a_job_can_name_is_listed_once(
    architectures: dict[str, Any], front: TestClient
) -> None:
    assert list(architectures) == EVERY_NAME
    sent = front.get("/openapi.json").json()["components"]["schemas"]["TrainingSpec"]["properties"]
    assert sorted(EVERY_NAME) == sent["architecture"]["anyOf"][1]["enum"]


def test_every_architecture_says_where_it_is_from_and_what_it_takes(architectures: dict[str, Any]) -> None:
    for name, entry in architectures.items():
        assert re.fullmatch(r"https://arxiv.org/abs/\d{4}\.\d{5}", entry["paper"]), name
        for option in entry["options"]:
            default = TypeAdapter[Architecture](Architecture).validate_python({"name": name}).model_dump()[option]
            assert TrainingSpec.model_validate({"dataset": "digits", "architecture": {"name": name, option: default}})
        assert {"activation", "residual", "squeeze_excitation", "dropout"} <= set(entry["options"]), name
        assert ("stem" in entry["options"]) == (entry["stems"] == ["cifar", "imagenet"]), name
        assert [size["stem"] for size in entry["sizes"]] == entry["stems"], name
    families = {entry["family"]: set(entry["options"]) for entry in architectures.values()}
    assert len(families) == 6
    assert {family for family, options in families.items() if "preactivation" in options} == {"cifar_resnet", "resnet"}
    assert {family for family, options in families.items() if "block_dropout" in options} == {"wide_resnet"}
    assert {family for family, options in families.items() if "shake_drop" in options} == {"pyramidnet"}


@pytest.mark.parametrize(
    ("name", "stem", "parameters", "flops"),
    [
        ("resnet18", "cifar", 11_220_132, 0.56e9),  # weiaicunzai/pytorch-cifar100: 11.2 million
        ("resnet50", "imagenet", 25_557_032, 4.09e9),  # torchvision's
        ("resnext101-64x4d", "imagenet", 83_455_272, 15.46e9),  # torchvision's
        ("wrn-28-10", "cifar", 36_536_884, 5.25e9),  # Zagoruyko and Komodakis: 36.5 million
        ("pyramidnet-272-200", "cifar", 26_288_692, 4.49e9),  # pytorchcv's, with 90 classes more
    ],
)
def test_sizes_are_those_of_the_reference_task(
    architectures: dict[str, Any], name: str, stem: str, parameters: int, flops: float
) -> None:
    [size] = [size for size in architectures[name]["sizes"] if size["stem"] == stem]
    task = (size["dataset"], size["image_size"], size["channels"], size["classes"])
    assert task == (("CIFAR-100", 32, 3, 100) if stem == "cifar" else ("ImageNet", 224, 3, 1000))
    assert size["parameters"] == parameters
    assert size["flops"] == pytest.approx(flops, rel=0.01)
