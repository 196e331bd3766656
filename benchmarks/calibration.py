"""What a temperature does for the calibration of a network, on images that it was fitted on neither.

    make bench-calibration OPTIONS='--classes 20 --images 250 --epochs 10'

A network is trained on the first so many images of the first classes of CIFAR-100, of which a tenth is held out. Its
expected calibration error on all their test images is measured as it is, with the temperature that was fitted on the
images held out, and by cross-fitting, as where nothing is held out: each half of the test images with the temperature
of the other.
"""

import argparse
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch

from benchmarks.cifar100 import load_cifar100
from benchmarks.result import RESULTS, print_table, save
from training.engine.data import Dataset, Split
from training.engine.trainer import Trainer
from training.evaluation import Calibration, Report, confusion_svg, of_predictions, reliability_svg
from training.images.packs import SPLITS
from training.images.predictions import Predictions
from training.metrics import EpochMetrics
from training.spec import TrainingSpec

NAME = "calibration"
HELD_OUT = 0.1


def first_images(dataset: Dataset, classes: int, each: int) -> Dataset:
    """The first `each` training images and all test images of the first `classes`."""

    def of(split: Split, most: int) -> Split:
        rows = torch.cat([torch.nonzero(split.labels == label)[:most, 0] for label in range(classes)])
        return Split(split.images[rows], split.labels[rows])

    train, test = of(dataset.train, each), of(dataset.test, len(dataset.test.labels))
    return Dataset(dataset.name, dataset.classes[:classes], train, test, dataset.source)


def trained(spec: TrainingSpec, dataset: Dataset) -> Trainer:
    """The run at its end."""
    run = Trainer(spec, dataset)
    for measured in run.epochs():
        if isinstance(measured, EpochMetrics):
            accuracy = "" if measured.test_accuracy is None else f", test accuracy {measured.test_accuracy:.2%}"
            print(f"epoch {measured.epoch}: train accuracy {measured.train_accuracy:.2%}{accuracy}", flush=True)
    return run


def test_images_alone(found: Predictions) -> Predictions:
    """As of a job that has no validation split."""
    chosen = found.splits == SPLITS.index("test")
    columns = ("splits", "labels", "digests", "probabilities")
    return replace(found, **{name: getattr(found, name)[chosen] for name in columns})


def row(way: str, report: Report) -> Mapping[str, Any]:
    """What one way of fitting brings."""
    found = report.calibration
    assert isinstance(found, Calibration)
    assert found.reliability.adaptive_ece is not None
    assert report.reliability.adaptive_ece is not None
    return {
        "fitted": way,
        "images": found.images,
        "temperature": round(found.temperature, 4),
        "ece before": round(found.ece_before, 4),
        "ece after": round(found.ece_after, 4),
        "adaptive ece before": round(report.reliability.adaptive_ece, 4),
        "adaptive ece after": round(found.reliability.adaptive_ece, 4),
        "loss before": round(found.loss_before, 4),
        "loss after": round(found.loss_after, 4),
    }


def main() -> None:
    """Measure, print a table, and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--classes", type=int, default=100, help="the first so many")
    parser.add_argument("--images", type=int, default=100, help="of each class, to train on")
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--architecture", default="resnet20")
    parser.add_argument("--recipe", default="lab-baseline")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    body = {
        "dataset": "cifar100",
        "recipe": asked.recipe,
        "architecture": asked.architecture,
        "epochs": asked.epochs,
        "evaluation_interval": asked.epochs,
        "seed": asked.seed,
        "validation_fraction": HELD_OUT,
    }
    spec, dataset = TrainingSpec.model_validate(body), first_images(load_cifar100(), asked.classes, asked.images)
    began = time.time()
    predictions = trained(spec, dataset).predictions()
    seconds = time.time() - began
    report = of_predictions(predictions)
    rows = [
        row("on the validation split", report),
        row("by cross-fitting on the test split", of_predictions(test_images_alone(predictions))),
    ]
    columns = ("fitted", "images", "temperature", "ece before", "ece after", "loss before", "loss after")
    print_table(columns, [[str(each[column]) for column in columns] for each in rows])
    title = f"{spec.architecture.name} on {asked.classes} classes of cifar100"
    for name, picture in (("reliability", reliability_svg), ("confusion", confusion_svg)):
        (RESULTS / f"{NAME}_{name}.svg").write_text(picture(report, title))
    measured = {
        "recipe": asked.recipe,
        "architecture": spec.architecture.name,
        "epochs": asked.epochs,
        "classes": asked.classes,
        "training images": len(dataset.train.labels),
        "held out": HELD_OUT,
        "seed": asked.seed,
        "seconds of training": round(seconds),
        "test images": report.images,
        "accuracy": round(report.accuracy, 4),
        "accuracy interval": [round(each, 4) for each in report.accuracy_interval],
        "rows": rows,
    }
    print(f"Kept in {save(NAME, ['torch', 'numpy'], measured)}.")


if __name__ == "__main__":
    main()
