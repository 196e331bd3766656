"""Records the curves that `benchmarks/diagnosis.py` judges diagnoses by: small networks, trained with planted causes.

    python -m benchmarks.diagnosis_recording

Each run says before it begins what somebody who knows the field would name (`must`) and what else would be true of it
(`may`). Runs of seed 0 are for choosing thresholds; those of any other seed are held out. Half an hour on one core. A
run that is recorded already is passed over.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.cifar100 import load_cifar100
from training.engine.data import Dataset, Split, load_dataset
from training.engine.totals import Diverged
from training.engine.trainer import Trainer
from training.metrics import EpochMetrics, StepMetrics
from training.spec import TrainingSpec

RECORDED = Path(__file__).parent / "reference" / "diagnosis_curves.json"
COLUMNS = (  # of those that a diagnosis reads, all but the loader's share, which is the machine's
    "train_loss",
    "train_accuracy",
    "test_loss",
    "test_accuracy",
    "validation_loss",
    "validation_accuracy",
    "learning_rate",
)


@dataclass(frozen=True)
class Planted:
    """A run with a known cause. `shuffled`: share of the labels, of both splits, that are drawn anew; `train_images`
    and `test_images`: so many of each class are kept."""

    name: str
    must: tuple[str, ...] = ()
    may: tuple[str, ...] = ()
    fields: Mapping[str, Any] = field(default_factory=dict)
    dataset: str = "digits"
    shuffled: float = 0.0
    train_images: int | None = None
    test_images: int | None = None


FIT = ("overfitting", "memorised", "noisy_evaluation", "chosen_on_test_split")
SGD = {"name": "nesterov", "learning_rate": 0.1}
COSINE = {"name": "cosine", "warmup_epochs": 1}
STANDARD = {"optimizer": SGD, "schedule": COSINE}
CROP = {"augmentation": {"crop": {"padding": 1}}}
CROP_FLIP = {"augmentation": {"crop": {"padding": 4}, "flip": True}}


def digits() -> Iterator[Planted]:
    """ResNet-20 on the shipped digits."""
    yield Planted("healthy", (), ("noisy_evaluation",), {**STANDARD, **CROP})
    yield Planted("healthy without augmentation", (), FIT, STANDARD)
    yield Planted("healthy adamw", (), FIT, {"optimizer": "adamw", "schedule": COSINE, **CROP})
    yield Planted("healthy muon", (), FIT, {"optimizer": {"name": "muon", "learning_rate": 0.02}, "schedule": "linear"})
    high = ("warmup_missing", "noisy_evaluation", "plateau", "underfitting", "diverged", "diverging")
    for name, optimizer in (
        ("sgd", {"name": "nesterov", "learning_rate": 3.0}),
        ("adam", {"name": "adam", "learning_rate": 0.3}),
    ):
        fields = {"optimizer": optimizer, "schedule": "constant"}
        yield Planted(f"learning rate too high, {name}", ("learning_rate_too_high",), high, fields)
    low = ("underfitting", "still_improving", "noisy_evaluation")
    for name, optimizer in (
        ("sgd", {"name": "sgd", "learning_rate": 0.001}),
        ("adam", {"name": "adam", "learning_rate": 1e-5}),
    ):
        fields = {"optimizer": optimizer, "schedule": COSINE}
        yield Planted(f"learning rate too low, {name}", ("learning_rate_too_low",), low, fields)
    short = ("noisy_evaluation", "underfitting")
    yield Planted(
        "too few epochs", ("still_improving",), short, {"epochs": 3, "optimizer": "adamw", "schedule": "constant"}
    )
    shuffled = (*FIT, "train_worse_than_test")
    constant = {"optimizer": "adamw", "schedule": "constant", "epochs": 40}
    yield Planted("half of the labels shuffled", ("labels_or_splits_suspicious",), shuffled, constant, shuffled=0.5)
    few = {"optimizer": "adamw", "schedule": "constant", "epochs": 30, "batch_size": 20}
    yield Planted("8 images a class", ("memorised",), FIT, few, train_images=8)
    mixed = {
        **STANDARD,
        "augmentation": {"crop": {"padding": 1}, "mixup": {}},
        "regularisation": {"label_smoothing": 0.1},
    }
    yield Planted("mixup and smoothing", ("train_worse_than_test",), ("noisy_evaluation",), mixed)
    held = {"optimizer": "adam", "epochs": 30, "batch_size": 128, "validation_fraction": 0.9}
    yield Planted("nine tenths held out", ("overfitting",), FIT, held)
    yield Planted("4 test images a class", ("noisy_evaluation",), FIT, {**STANDARD, **CROP}, test_images=4)
    early = {"optimizer": {"name": "sgd", "learning_rate": 0.01}, "schedule": {"name": "exponential", "gamma": 0.5}}
    yield Planted("schedule over too early", ("schedule_ends_too_early",), low, {**early, "epochs": 30})
    deaf = {**STANDARD, "architecture": {"name": "resnet56", "activation": "sigmoid", "residual": False}, "epochs": 10}
    yield Planted("56 sigmoid layers without shortcuts", ("underfitting",), ("plateau", "noisy_evaluation"), deaf)


def photographs() -> Iterator[Planted]:
    """ResNet-20 on 10 classes of CIFAR-100, 100 training images each."""
    for run in _photographs():
        yield replace(run, dataset="cifar100")


def _photographs() -> Iterator[Planted]:
    yield Planted("plain", ("overfitting", "memorised"), FIT, {"optimizer": "adam", "schedule": "constant"})
    yield Planted("plain cosine", ("overfitting",), FIT, STANDARD)
    may = ("noisy_evaluation", "still_improving", "chosen_on_test_split", "underfitting")
    yield Planted("crop and flip", (), (*may, "overfitting"), {**STANDARD, **CROP_FLIP})
    strong = {
        **STANDARD,
        "augmentation": {"crop": {"padding": 4}, "flip": True, "policy": "trivialaugment", "cutmix": {}},
    }
    yield Planted("TrivialAugment and CutMix", ("train_worse_than_test",), may, strong)
    high = ("warmup_missing", "noisy_evaluation", "plateau", "underfitting", "diverged", "diverging")
    fields = {"optimizer": {"name": "nesterov", "learning_rate": 3.0}, "schedule": "cosine", **CROP_FLIP}
    yield Planted("learning rate too high", ("learning_rate_too_high",), high, fields)
    low = ("underfitting", "still_improving", "noisy_evaluation", "train_worse_than_test")
    fields = {"optimizer": {"name": "nesterov", "learning_rate": 0.001}, "schedule": "cosine", **CROP_FLIP}
    yield Planted("learning rate too low", ("learning_rate_too_low",), low, fields)
    few = {"optimizer": "adamw", "epochs": 3, "schedule": "constant", **CROP_FLIP}
    yield Planted(
        "too few epochs", ("still_improving",), ("noisy_evaluation", "underfitting", "train_worse_than_test"), few
    )
    shuffled = {"optimizer": "adam", "schedule": "constant"}
    known = ("labels_or_splits_suspicious",)
    yield Planted("half of the labels shuffled", ("memorised",), (*FIT, *known), shuffled, shuffled=0.5)


def planted(dataset: Dataset, run: Planted, seed: int) -> Dataset:
    """`dataset` with the cause in it."""
    generator = np.random.default_rng(seed)
    train = _some(dataset.train, run.train_images, generator)
    test = _some(dataset.test, run.test_images, generator)
    classes = len(dataset.classes)
    splits = [_shuffled(split, run.shuffled, classes, generator) for split in (train, test)]
    return Dataset.of_arrays(dataset.name, splits[0][0], splits[0][1], splits[1][0], splits[1][1], dataset.classes)


def _some(split: Split, most: int | None, generator: np.random.Generator) -> tuple[Any, Any]:
    images, labels = split.images.numpy(), split.labels.numpy()
    if most is None:
        return images, labels
    drawn = [generator.permutation(np.flatnonzero(labels == label))[:most] for label in np.unique(labels)]
    rows = np.concatenate(drawn)
    return images[rows], labels[rows]


def _shuffled(split: tuple[Any, Any], share: float, classes: int, generator: np.random.Generator) -> tuple[Any, Any]:
    images, labels = split[0], split[1].copy()
    drawn = generator.random(len(labels)) < share
    labels[drawn] = generator.integers(classes, size=int(drawn.sum()))
    return images, labels


def ten_classes(dataset: Dataset) -> Dataset:
    """The first ten, with 100 training images of each and every test image."""

    def of(split: Split, most: int | None) -> Split:
        rows = torch.cat([(split.labels == label).nonzero()[:most, 0] for label in range(10)])
        return Split(split.images[rows], split.labels[rows])

    return Dataset(dataset.name, dataset.classes[:10], of(dataset.train, 100), of(dataset.test, None), dataset.source)


def spec_of(run: Planted, seed: int) -> TrainingSpec:
    """What such a run trains by."""
    fields = {"architecture": "resnet20", "epochs": 20, "batch_size": 100 if run.dataset == "digits" else 50}
    return TrainingSpec.model_validate({"dataset": run.dataset, **fields, **run.fields, "compile": "off", "seed": seed})


def record(spec: TrainingSpec, dataset: Dataset) -> dict[str, Any]:
    """Train; what the service would have of it."""
    trainer, rows, steps, failure = Trainer(spec, dataset), [], [], None
    try:
        for measured in trainer.epochs():
            if isinstance(measured, EpochMetrics):
                rows.append(measured.model_dump(mode="json"))
            elif isinstance(measured, StepMetrics):
                steps.append([measured.epoch, measured.step, round(measured.loss, 4)])
    except Diverged:
        failure = "diverged"
    kept = {"epoch": [row["epoch"] for row in rows]}
    for column in COLUMNS:
        values = [row[column] for row in rows]
        if any(value is not None for value in values):
            kept[column] = [value if not isinstance(value, float) else float(f"{value:.5g}") for value in values]
    facts = {
        name: getattr(trainer.facts, name)
        for name in (
            "train_images",
            "test_images",
            "validation_images",
            "classes",
            "image_size",
            "channels",
            "steps_per_epoch",
        )
    }
    return {"columns": kept, "steps": steps, "facts": facts, "failure": failure}


def main() -> None:
    """Record what is not recorded yet."""
    torch.set_num_threads(1)
    known: list[dict[str, Any]] = json.loads(RECORDED.read_text()) if RECORDED.exists() else []
    recorded = {(each["dataset"], each["name"], each["seed"]) for each in known}
    whole = {"digits": load_dataset("digits")}
    for run, seed in ((run, seed) for run in (*digits(), *photographs()) for seed in (0, 1)):
        kind = run.dataset
        if (kind, run.name, seed) in recorded:
            continue
        if kind not in whole:
            whole[kind] = ten_classes(load_cifar100())
        spec = spec_of(run, seed)
        made = record(spec, planted(whole[kind], run, seed))
        entry = {"dataset": kind, "name": run.name, "seed": seed, "must": run.must, "may": run.may}
        known.append({**entry, "spec": spec.model_dump(mode="json"), **made})
        RECORDED.write_text("[\n" + ",\n".join(json.dumps(each) for each in known) + "\n]\n")
        print(f"{kind}: {run.name}, seed {seed}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
