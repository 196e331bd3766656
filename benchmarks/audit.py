"""Which wrong labels an audit finds: some are planted in a part of CIFAR-100, and looked for with the recipe that
audits have by themselves.

    make bench-audit OPTIONS='--classes 10 --share 0.01 --folds 5'

A planted label is another class, drawn at random. What is found beside the planted ones counts as wrong here, although
some of it is not: CIFAR-100 has wrong labels and images of two things of its own. So the precision is a lower bound.
"""

import argparse
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from benchmarks.cifar100 import load_cifar100
from benchmarks.result import print_table, save
from training.engine.data import Dataset, Split
from training.engine.trainer import Trainer
from training.image_checks import Features, Measurer
from training.images.packs import ImageIndex
from training.images.predictions import Predictions
from training.known.audit_recipe import audit_recipe
from training.metrics import EpochMetrics
from training.spec import TrainingSpec
from worker.audit.judging import Suspect, judge

SEED = 0


def some_classes(dataset: Dataset, classes: int) -> Dataset:
    """All images of the first classes."""

    def of(split: Split) -> Split:
        rows = torch.nonzero(split.labels < classes)[:, 0]
        return Split(split.images[rows], split.labels[rows])

    return Dataset(dataset.name, dataset.classes[:classes], of(dataset.train), of(dataset.test), dataset.source)


def mislabelled(dataset: Dataset, share: float) -> tuple[Dataset, dict[bytes, int]]:
    """The data set with a share of the labels of both splits changed, and the true label of these images, by their
    content. Images that are there twice keep theirs, since nobody could tell which of them was changed."""
    drawn, truth = np.random.default_rng(SEED), dict[bytes, int]()
    digests = {name: dataset.sample_digests(name) for name in dataset.splits}
    whole = np.concatenate(list(digests.values()))
    seen = Counter(map(bytes, whole))
    splits = {}
    for name, split in dataset.splits.items():
        labels = split.labels.clone()
        single = [row for row, digest in enumerate(map(bytes, digests[name])) if seen[digest] == 1]
        for row in drawn.choice(single, round(share * len(labels)), replace=False).tolist():
            truth[bytes(digests[name][row])] = int(labels[row])
            labels[row] = (int(labels[row]) + int(drawn.integers(1, len(dataset.classes)))) % len(dataset.classes)
        splits[name] = Split(split.images, labels)
    return replace(dataset, train=splits["train"], test=splits["test"]), truth


def predictions(dataset: Dataset, folds: int, fields: dict[str, Any]) -> list[Predictions]:
    """Of a network for each part, trained as the jobs of an audit are."""
    found = []
    for fold in range(folds):
        body = {**fields, "dataset": dataset.name, "seed": SEED, "validation_fold": {"index": fold, "of": folds}}
        run = Trainer(TrainingSpec.model_validate(body), dataset)
        for measured in run.epochs():
            if isinstance(measured, EpochMetrics) and measured.test_accuracy is not None:
                print(f"epoch {measured.epoch}: test accuracy {measured.test_accuracy:.2%}", flush=True)
        found.append(run.predictions())
        print(f"part {fold + 1} of {folds} is trained", flush=True)
    return found


def index_and_features(dataset: Dataset) -> tuple[ImageIndex, Features]:
    """As a version of it would have them."""
    measurer, images, zeros = Measurer(), [*dataset.train.images, *dataset.test.images], np.zeros
    for image in images:
        measurer.add(Image.fromarray(image.numpy()), mode="RGB", encoded_bytes=0)
    count = len(images)
    index = ImageIndex(
        dataset.classes,
        dataset.channels,
        np.repeat(np.arange(2, dtype=np.uint8), [len(dataset.train.labels), len(dataset.test.labels)]),
        torch.cat([dataset.train.labels, dataset.test.labels]).numpy().astype(np.int32),
        zeros(count, np.int32),
        zeros(count, np.int64),
        zeros(count, np.int64),
        np.concatenate([dataset.sample_digests("train"), dataset.sample_digests("test")]),
        tuple(map(str, range(count))),
    )
    rows: NDArray[np.int64] = index.canonical_order()
    return index.take(rows), measurer.finish()[rows]


def scores(index: ImageIndex, truth: dict[bytes, int], suspects: Sequence[Suspect], split: str) -> dict[str, Any]:
    """How many planted labels are among the suspects of a split."""
    ours = [each for each in suspects if each.split == split]
    planted = {
        index.ids[row]: index.classes[truth[bytes(index.digests[row])]]
        for row in np.flatnonzero(index.in_split(split)).tolist()
        if bytes(index.digests[row]) in truth
    }
    hits = [each for each in ours if each.image in planted]
    first = [each for each in ours[: len(planted)] if each.image in planted]
    return {
        "split": split,
        "images": int(index.in_split(split).sum()),
        "planted": len(planted),
        "suspects": len(ours),
        "found": len(hits),
        "recall": round(len(hits) / len(planted), 4),
        "precision": round(len(hits) / len(ours), 4) if ours else None,
        "found among as many suspects as are planted": len(first),
        "right class named": sum(each.likely == planted[each.image] for each in hits),
    }


def main() -> None:
    """Measure, print a table, and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--classes", type=int, default=10, help="the first so many of CIFAR-100")
    parser.add_argument("--share", type=float, default=0.01, help="of the labels, to be changed")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--epochs", type=int, help="in place of the recipe's")
    asked = parser.parse_args()
    dataset, truth = mislabelled(some_classes(load_cifar100(), asked.classes), asked.share)
    recipe = audit_recipe(len(dataset.train.labels), dataset.image_size, dataset.channels)
    if asked.epochs:
        recipe |= {"epochs": asked.epochs, "evaluation_interval": max(1, asked.epochs // 4)}
    began = time.time()
    parts = predictions(dataset, asked.folds, recipe)
    trained = time.time()
    index, features = index_and_features(dataset)
    judging = time.time()
    summary, suspects = judge(index, features, parts)
    judged = time.time()
    rows = [scores(index, truth, suspects, split) for split in ("train", "test")]
    columns = ("split", "images", "planted", "suspects", "found", "recall", "precision", "right class named")
    print_table(columns, [[str(row[column]) for column in columns] for row in rows])
    measured = {
        "classes": asked.classes,
        "share planted": asked.share,
        "folds": asked.folds,
        "recipe": recipe,
        "seconds of training": round(trained - began),
        "seconds of judging": round(judged - judging, 2),
        "rows": rows,
        "summary": {name: value for name, value in asdict(summary).items() if name != "classes"},
    }
    name = f"audit_{asked.classes}_classes_{asked.share:g}_planted"
    print(f"Kept in {save(name, ['torch', 'cleanlab'], measured)}.")


if __name__ == "__main__":
    main()
