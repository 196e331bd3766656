"""What a job can ask for."""

from pathlib import Path
from typing import get_args

from fastapi.testclient import TestClient

from api.app import create_app
from settings import Settings
from training.known_datasets import KNOWN_DATASETS
from training.spec import CifarDepth, ImageNetDepth


def test_known_datasets(front: TestClient) -> None:
    page = front.get("/v1/datasets").json()
    assert {entry["name"] for entry in page["data"]} == set(KNOWN_DATASETS)
    [digits] = [entry for entry in page["data"] if entry["name"] == "digits"]
    assert digits["source"] == "shipped"
    assert (digits["classes"], digits["train_images"], digits["image_size"]) == (10, 1437, 8)
    assert (page["has_more"], page["next"]) == (False, None)


def test_folders_of_this_deployment(tmp_path: Path) -> None:
    for split in ("train", "test"):
        for name in ("cat", "dog"):
            folder = tmp_path / "datasets" / "pets" / split / name
            folder.mkdir(parents=True)
            (folder / "1.png").touch()
    settings = Settings.model_validate({"data_dir": tmp_path, "redis_url": f"redis+socket://{tmp_path}/no.sock"})
    with TestClient(create_app(settings)) as client:
        entries = client.get("/v1/datasets").json()["data"]
    [pets] = [entry for entry in entries if entry["name"] == "pets"]
    assert (pets["source"], pets["classes"], pets["train_images"], pets["image_size"]) == ("folder", 2, 2, None)


def test_architectures(front: TestClient) -> None:
    page = front.get("/v1/architectures").json()
    entries = {entry["name"]: entry for entry in page["data"]}
    assert list(entries) == [*get_args(CifarDepth), *get_args(ImageNetDepth)]
    resnet20, resnet50 = entries["resnet20"], entries["resnet50"]
    assert (resnet20["family"], resnet20["stems"]) == ("cifar_resnet", ["cifar"])
    assert (resnet50["family"], resnet50["stems"]) == ("resnet", ["cifar", "imagenet"])
    imagenet = resnet50["sizes"][1]
    # torchvision's: 25,557,032 parameters, 4.09 GFLOPs.
    assert (imagenet["stem"], imagenet["image_size"], imagenet["classes"]) == ("imagenet", 224, 1000)
    assert (imagenet["parameters"], round(imagenet["flops"] / 1e9, 2)) == (25_557_032, 4.09)
    assert resnet50["paper"].startswith("https://")
