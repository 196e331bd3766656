"""What starting from brought weights is worth on 500 images, against starting from nothing.

    make bench-finetune OPTIONS='--pretraining-epochs 3 --epochs 20 --seeds 2'

A ResNet-18 is trained on 80 classes of CIFAR-100. torchvision's own network takes its weights and saves them, and
timm's where timm is installed. Each file is brought through `POST /v1/models` of a running service. Jobs of the
service then train on 25 images of each of the other 20 classes: from the brought weights, and from random ones with the
same budget at several learning rates, of which the best counts.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from statistics import mean
from typing import Any

import httpx2
import torch
import torchvision
from safetensors.torch import save_file
from torch import Tensor, nn

from benchmarks.cifar100 import load_cifar100
from benchmarks.dataset_upload import blocks, write_zip
from benchmarks.result import print_table, save
from epochal import Epochal
from serve import running
from settings import Settings
from training.brought.names import their_name
from training.engine.data import Dataset, Split
from training.engine.trainer import Trainer
from training.metrics import EpochMetrics
from training.spec import TrainingSpec

SEEN, IMAGES_A_CLASS, GOAL_POINTS = 80, 25, 10.0
ARCHITECTURE = {"name": "resnet18", "stem": "imagenet"}
PRETRAINING = {"optimizer": {"name": "sgd", "learning_rate": 0.1, "weight_decay": 5e-4}, "batch_size": 128}
GIVEN_RATES, RANDOM_RATES = (0.01,), (0.03, 0.1)


def classes_of(dataset: Dataset, first: int, last: int, images_a_class: int | None = None) -> Dataset:
    """Some classes of it, numbered from 0; of the training images so many of each class, the first ones."""

    def of(split: Split, most: int | None) -> Split:
        rows = [torch.nonzero(split.labels == label)[:most, 0] for label in range(first, last)]
        taken = torch.cat(rows)
        return Split(split.images[taken], split.labels[taken] - first)

    train, test = of(dataset.train, images_a_class), of(dataset.test, None)
    return Dataset(dataset.name, dataset.classes[first:last], train, test, dataset.source)


def pretrained(dataset: Dataset, epochs: int) -> tuple[dict[str, Tensor], float]:
    """Weights under torchvision's and timm's names, and their accuracy on the test images of their own classes."""
    body = {**PRETRAINING, "dataset": dataset.name, "architecture": ARCHITECTURE, "epochs": epochs, "compile": "off"}
    run, accuracy = Trainer(TrainingSpec.model_validate(body), dataset), 0.0
    for measured in run.epochs():
        if isinstance(measured, EpochMetrics) and measured.test_accuracy is not None:
            accuracy = measured.test_accuracy
            print(f"pretraining, epoch {measured.epoch}: test accuracy {accuracy:.2%}", flush=True)
    return {their_name(name): each for name, each in run.network.state_dict().items()}, accuracy


def saved(weights: dict[str, Tensor], folder: Path) -> Iterator[tuple[str, Path]]:
    """A file for each library, written from that library's own network."""
    networks: dict[str, nn.Module] = {"torchvision": torchvision.models.resnet18(num_classes=SEEN)}
    if find_spec("timm"):
        import timm  # type: ignore[import-not-found]  # not among what Epochal installs

        networks["timm"] = timm.create_model("resnet18", num_classes=SEEN)
    for library, network in networks.items():
        network.load_state_dict(weights)
        path = folder / f"{library}.safetensors"
        save_file(network.state_dict(), path, {"format": "pt"})
        yield library, path


def trained(client: Epochal, epochs: int, rate: float, seed: int, start: str | None) -> float:
    """The test accuracy at the end of a job."""
    spec: dict[str, Any] = {
        "dataset": "few",
        "architecture": ARCHITECTURE,
        "epochs": epochs,
        "evaluation_interval": epochs,
        "batch_size": 50,
        "optimizer": {"name": "sgd", "learning_rate": rate, "weight_decay": 5e-4},
        "compile": "off",
        "seed": seed,
        **({"starting_weights": start} if start else {}),
    }
    job = client.jobs.wait(client.jobs.create(spec).id)
    assert job.status == "succeeded", job
    accuracy = client.jobs.metrics(job.id)[-1].test_accuracy
    assert accuracy is not None
    print(f"from {start or 'nothing'}, learning rate {rate}, seed {seed}: test accuracy {accuracy:.2%}", flush=True)
    return float(accuracy)


def measure(url: str, client: Epochal, folder: Path, weights: dict[str, Tensor], asked: argparse.Namespace) -> Any:
    """Bring the files, and train from each and from nothing."""
    few = folder / "few.zip"
    write_zip(classes_of(load_cifar100(), SEEN, 100, IMAGES_A_CLASS), few)
    starts: list[tuple[str | None, Sequence[float]]] = [(None, RANDOM_RATES)]
    brought = {}
    with httpx2.Client(base_url=url, timeout=600, trust_env=False) as http:
        version = http.put("/v1/datasets/few", content=blocks(few)).raise_for_status().json()
        for library, path in saved(weights, folder):
            began = time.perf_counter()
            answer = http.post("/v1/models", params={"name": library, "image_size": 32}, content=blocks(path))
            model = answer.raise_for_status().json()
            brought[library] = {
                "seconds": round(time.perf_counter() - began, 2),
                "bytes": model["source"]["bytes"],
                "architecture": model["architecture"],
            }
            starts.append((library, GIVEN_RATES))
        while version["status"] == "validating":
            version = http.get(version["links"]["self"], headers={"Prefer": "wait=30"}).raise_for_status().json()
    assert version["status"] == "ready", version["error"]
    rows = []
    for start, rates in starts:
        for rate in rates:
            found = [trained(client, asked.epochs, rate, seed, start) for seed in range(asked.seeds)]
            rows.append({"start": start or "nothing", "learning rate": rate, "accuracies": found, "mean": mean(found)})
    return {"images": version["train_images"], "test images": version["test_images"], "brought": brought, "rows": rows}


def main() -> None:
    """Measure, print a table, and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--pretraining-epochs", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=20, help="on the 500 images")
    parser.add_argument("--seeds", type=int, default=2)
    asked = parser.parse_args()
    weights, own_accuracy = pretrained(classes_of(load_cifar100(), 0, SEEN), asked.pretraining_epochs)
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder, "data"), port=0, log_level="warning", export_formats=())
        with running(settings, quiet=True) as service, Epochal(service.url) as client:
            measured = measure(service.url, client, Path(folder), weights, asked)
    rows = measured["rows"]
    best = {start: max(row["mean"] for row in rows if row["start"] == start) for start in {r["start"] for r in rows}}
    gains = {start: round(100 * (found - best["nothing"]), 2) for start, found in best.items() if start != "nothing"}
    columns = ("start", "learning rate", "mean")
    print_table(columns, [[row["start"], str(row["learning rate"]), f"{row['mean']:.2%}"] for row in rows])
    print(f"Points above nothing: {gains}; the goal is {GOAL_POINTS}.")
    result = {
        "pretraining": {"classes": SEEN, "epochs": asked.pretraining_epochs, "test accuracy": own_accuracy},
        "epochs": asked.epochs,
        "points above nothing": gains,
        **measured,
    }
    print(f"Kept in {save('finetune', ['torch', 'torchvision', 'safetensors'], result)}.")


if __name__ == "__main__":
    main()
