"""A validation split: some of the training images, on which nothing is trained."""

import torch
from torch import Tensor

from training.batching import validation_images
from training.engine.counter_rng import permutation
from training.engine.data.dataset import Dataset
from training.images.folds import fold_numbers
from training.spec import ResolvedSpec

VALIDATION_EPOCH = -1  # whose order no epoch of training has


def validation_split(spec: ResolvedSpec, dataset: Dataset) -> tuple[Tensor, Tensor]:
    """The samples of the training images to train on, and those to validate on, as `spec` asks: int64, both
    ascending."""
    fold, labels = spec.validation_fold, dataset.train.sample_labels
    if fold is None:
        return split_off(labels, spec.validation_fraction, spec.seed)
    numbers = fold_numbers(labels.numpy(), dataset.sample_digests("train"), fold.of, spec.seed)
    held_out = torch.from_numpy(numbers == fold.index)
    rows = torch.arange(len(labels))
    return rows[~held_out], rows[held_out]


def split_off(labels: Tensor, fraction: float, seed: int) -> tuple[Tensor, Tensor]:
    """The rows to train on and the rows to validate on, int64, both ascending. The latter are chosen at random, by
    `seed` alone.

    Every class gives its share, to within one image: rows are taken at even distances from the rows sorted by class.
    """
    count = validation_images(fraction, len(labels))
    shuffled = permutation(len(labels), seed, VALIDATION_EPOCH, torch.device("cpu"))
    by_class = shuffled[labels[shuffled].argsort(stable=True)]
    chosen = torch.zeros(len(labels), dtype=torch.bool)
    places = (torch.arange(count, dtype=torch.float64) + 0.5) * (len(labels) / max(1, count))
    chosen[by_class[places.long()]] = True
    rows = torch.arange(len(labels))
    return rows[~chosen], rows[chosen]
