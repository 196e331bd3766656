"""Whether each way of regularising does to train loss and test accuracy what its paper says: a small controlled run.

    make bench-regularisation

ResNet-20 on 10 classes of CIFAR-100 with 100 training images each, few enough to be learnt by heart: the plain run, and
one for each technique that differs in nothing else, over the same seeds. Augmentation and label smoothing are to raise
the train loss and the test accuracy. A moving average leaves training as it is, to the bit, and is to raise the test
accuracy while the learning rate is high: it is compared under a constant one.

The train loss is of the training images as they are and of their own labels, measured after the run: the losses of the
steps cannot be compared, since those of smoothed and of mixed labels cannot fall below the labels' own entropy, which
for a smoothing of 0.1 over 10 classes is 0.50.
"""

import argparse
import statistics
import time
from dataclasses import asdict, dataclass, field
from typing import Any

import torch

from benchmarks.cifar100 import load_cifar100
from benchmarks.result import print_table, save
from training.engine.data import Dataset, Split
from training.engine.evaluation import EvaluationData, evaluate
from training.engine.trainer import Trainer
from training.metrics import EpochMetrics
from training.spec import TrainingSpec

CLASSES, IMAGES_A_CLASS = 10, 100
EPOCHS = 24


@dataclass(frozen=True)
class Arm:
    """A run that differs from the one named `against` in `fields` alone."""

    name: str
    against: str
    fields: dict[str, Any] = field(default_factory=dict)
    raises_train_loss: bool = True


ARMS = (
    Arm("plain", ""),
    Arm("cutout", "plain", {"augmentation": {"cutout": {"size": 8}}}),
    Arm("mixup", "plain", {"augmentation": {"mixup": {}}}),
    Arm("CutMix", "plain", {"augmentation": {"cutmix": {}}}),
    Arm("RandAugment", "plain", {"augmentation": {"policy": "randaugment"}}),
    Arm("TrivialAugment", "plain", {"augmentation": {"policy": "trivialaugment"}}),
    Arm("label smoothing", "plain", {"regularisation": {"label_smoothing": 0.1}}),
    Arm("constant rate", "", {"schedule": "constant"}),
    Arm(
        "EMA",
        "constant rate",
        {"schedule": "constant", "regularisation": {"ema": {"decay": 0.99}}},
        raises_train_loss=False,
    ),
)


def some_of(dataset: Dataset) -> Dataset:
    """The first classes, with the first training images of each and every test image."""

    def of(split: Split, most: int | None) -> Split:
        rows = torch.cat([(split.labels == label).nonzero()[:most, 0] for label in range(CLASSES)])
        return Split(split.images[rows], split.labels[rows])

    train, test = of(dataset.train, IMAGES_A_CLASS), of(dataset.test, None)
    return Dataset(dataset.name, dataset.classes[:CLASSES], train, test, dataset.source)


@dataclass(frozen=True)
class Outcome:
    """Of one run; `train_loss` is of the training images as they are."""

    train_loss: float
    step_loss: float  # the last epoch's, with whatever the arm does to images and labels
    test_loss: float
    test_accuracy: float


def outcome(arm: Arm, dataset: Dataset, seed: int) -> Outcome:
    """Of a whole run."""
    spec = TrainingSpec.model_validate(
        {
            "dataset": "cifar100",
            "architecture": "resnet20",
            "epochs": EPOCHS,
            "batch_size": 50,
            "optimizer": {"name": "nesterov", "learning_rate": 0.05},
            "evaluation_interval": EPOCHS,
            "seed": seed,
            **arm.fields,
        }
    )
    run = Trainer(spec, dataset)
    last = [metrics for metrics in run.epochs() if isinstance(metrics, EpochMetrics)][-1]
    assert last.test_loss is not None
    assert last.test_accuracy is not None
    # Of the weights that were trained, not of their average: an average leaves them as they are.
    images = EvaluationData(run.batches.feed, run.batches.rows, run.batches.normalise, CLASSES)
    return Outcome(evaluate(run.network, images).loss, last.train_loss, last.test_loss, last.test_accuracy)


def row_of(arm: Arm, runs: dict[str, list[Outcome]]) -> dict[str, Any]:
    """The means of an arm's runs, and whether they are on the side that its paper says."""
    loss, accuracy = _means(runs[arm.name])
    row: dict[str, Any] = {
        "name": arm.name,
        "against": arm.against or None,
        "train_loss": round(loss, 4),
        "test_accuracy": round(accuracy, 4),
        "runs": [asdict(each) for each in runs[arm.name]],
    }
    if arm.against:
        other_loss, other_accuracy = _means(runs[arm.against])
        row["train_loss_as_the_paper_says"] = loss > other_loss if arm.raises_train_loss else loss == other_loss
        row["test_accuracy_rises"] = accuracy > other_accuracy
    return row


def _means(runs: list[Outcome]) -> tuple[float, float]:
    return statistics.mean(each.train_loss for each in runs), statistics.mean(each.test_accuracy for each in runs)


def main() -> None:
    """Measure, print a table, and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", default="0,1", help="separated by commas")
    seeds = [int(seed) for seed in parser.parse_args().seeds.split(",")]
    dataset = some_of(load_cifar100())
    began = time.time()
    runs: dict[str, list[Outcome]] = {}
    for arm in ARMS:
        runs[arm.name] = [outcome(arm, dataset, seed) for seed in seeds]
        print(f"{arm.name}: train loss and test accuracy {_means(runs[arm.name])}", flush=True)
    rows = [row_of(arm, runs) for arm in ARMS]
    said = {None: "", True: "yes", False: "NO"}
    print_table(
        ("technique", "against", "train loss", "as its paper says", "test accuracy", "rises"),
        [
            (
                row["name"],
                row["against"] or "",
                f"{row['train_loss']:.4f}",
                said[row.get("train_loss_as_the_paper_says")],
                f"{row['test_accuracy']:.2%}",
                said[row.get("test_accuracy_rises")],
            )
            for row in rows
        ],
    )
    setup = {"classes": CLASSES, "images_a_class": IMAGES_A_CLASS, "epochs": EPOCHS, "seeds": seeds}
    path = save("regularisation", ["torch"], {**setup, "seconds": round(time.time() - began), "rows": rows})
    print(f"Kept in {path}.")


if __name__ == "__main__":
    main()
